"""The original request and the partial -> the next request.

Three forms, chosen by `forms`:

- *prefill*: the partial as a trailing assistant turn. The model goes on at the very next character. Only for models
  that accept one, with thinking off and no output format.
- *continue*: the partial as an assistant turn, then a user turn that asks for the rest (`prompts.py`). It is
  append-only, so prompt caches and the thinking-prefix checks of the newest models hold.
- *restart*: the original request; the new text has to replay what was delivered.

Every request is built from the caller's original and the whole partial, never by patching the attempt before it,
so three cuts send three resumes of one length. What is built shares no mutable object with the original but the
parts that it leaves as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from ..message.blocks import THINKING
from ..message.partial import Partial
from ..models.table import LEAST_THINKING_BUDGET, ModelInfo, ascii_and_other
from ..wire.surrogates import encodable
from .prompts import AFTER_RESULTS, AGAIN, FIRST, named

if TYPE_CHECKING:
    # What joins is imported with the first cut: its expressions take a fifth of the package's import to compile.
    from ..seam.anchor import Anchor, DeliveredText
    from ..seam.seam import Form as Joint
    from ..seam.seam import Seam

__all__ = [
    "Form",
    "anchor_for",
    "build",
    "compose",
    "estimate_tokens",
    "fit_thinking",
    "forces_a_tool",
    "forms",
    "is_structured",
    "joint",
    "remaining_tokens",
    "seam_of",
    "spent_tokens",
    "starts_over",
    "thinking_type",
    "tokens_of",
    "wording",
]

Form = Literal["request", "prefill", "continue", "continue_without_thinking", "restart"]

#: The least that a resume asks for, in tokens: a small overshoot of `max_tokens` is better than half a word.
MIN_TOKENS: Final = 64

#: Where no model is asked about: what every generation has at least.
_ANY_MODEL: Final = ModelInfo(name="any")


def estimate_tokens(text: str) -> int:
    """How many tokens a text has at least, roughly; no tokenizer is at hand."""
    return tokens_of(*ascii_and_other(text))


def tokens_of(ascii_only: int, other: int) -> int:
    """The same, from the numbers of ASCII characters and of others."""
    return _ANY_MODEL.least_tokens(ascii_only, other)


def remaining_tokens(max_tokens: int, held: Partial, model: ModelInfo) -> int:
    """What is left of `max_tokens` after what was delivered; at least `MIN_TOKENS`, unless it was less itself."""
    spent = model.least_tokens(*ascii_and_other(_written(held)))
    return max(max_tokens - spent, min(MIN_TOKENS, max_tokens))


def spent_tokens(held: Partial) -> int:
    """What was delivered, estimated in tokens, thinking and all."""
    return estimate_tokens(_written(held))


def _written(held: Partial) -> str:
    return "".join(block.text for block in held.blocks)


def is_structured(request: Mapping[str, Any]) -> bool:
    """Whether the answer has to be one JSON document."""
    config = request.get("output_config")
    return bool(request.get("output_format")) or (isinstance(config, Mapping) and bool(config.get("format")))


def thinking_is_on(request: Mapping[str, Any], model: ModelInfo) -> bool:
    """Whether the model thinks before it answers this request."""
    kind = thinking_type(request)
    return model.thinks_by_default if kind is None else kind != "disabled"


def forms(
    request: Mapping[str, Any],
    model: ModelInfo,
    held: Partial,
    preference: str,
    *,
    own_thinking: bool,
) -> list[Form]:
    """The forms in which this request can be resumed on this model, best first; empty for none.

    Args:
        request: The request as the route sends it.
        model: What the route's model accepts.
        held: What was delivered.
        preference: The policy's `resume`.
        own_thinking: Whether the thinking that was delivered is this model's own; others cannot read it.
    """
    if preference == "never":
        return []
    # A restart would bring again what is neither text nor thinking, and use the tools again that it came from.
    restart: list[Form] = ["restart"] if held.is_written else []
    if preference == "restart":
        return restart
    thought = bool(held.whole(*THINKING))
    continuing: list[Form] = ["continue"] if own_thinking or not thought else []
    if thought:
        continuing.append("continue_without_thinking")
    if is_structured(request):
        return [*continuing, *restart] if preference in ("auto", "continue") else restart
    if preference == "continue":
        return continuing
    can_prefill = (model.prefill or preference == "prefill") and not (
        thinking_is_on(request, model)
        or (forces_a_tool(request) and not _is_satisfied(request, held))
        or thought
        or not held.trailing_text.strip()
    )
    if preference == "prefill":
        return ["prefill"] if can_prefill else []
    return ["prefill", *continuing] if can_prefill else continuing


def starts_over(held: Partial) -> bool:
    """Whether too little is held, or nothing but repetition: no end of it would show where to join.

    The answer is written anew then, and has to replay what was delivered. Not where something else than text and
    thinking was delivered, such as a tool's result: what follows that is.
    """
    return held.is_written and not delivered_text(held).anchor().sent


def delivered_text(held: Partial) -> DeliveredText:
    """The text that a resume goes on from; what is found out about it is kept until something more is delivered."""
    from ..seam.anchor import DeliveredText

    if held.memo is None or held.memo[0] != held.sequence:
        held.memo = held.sequence, DeliveredText(held.trailing_text)
    found: DeliveredText = held.memo[1]
    return found


def compose(
    request: Mapping[str, Any],
    held: Partial,
    form: Form,
    *,
    model: ModelInfo,
    whole: bool = False,
    prompt: str | Callable[[str], str] | None = None,
) -> tuple[dict[str, Any], Seam | None]:
    """The next request, and the seam by which what it brings is joined; None where there is nothing to join.

    Args:
        request: The original request, as the route sends it; it is left as it is.
        held: What was delivered.
        form: One of `forms`, or `"request"`.
        model: What the route's model accepts.
        whole: Whether it is asked for again: all of the text is sent back (`anchor.choose_anchor`), and the built-in
            wording is the second one.
        prompt: The policy's `continue_prompt`.
    """
    if form == "request":
        return dict(request), None
    delivered = delivered_text(held)
    anchor = anchor_of(delivered, form, whole=whole)
    built = build(request, held, anchor, form, model=model, whole=whole, prompt=prompt)
    return built, seam_of(request, built, delivered, anchor, form)


def seam_of(
    request: Mapping[str, Any], built: Mapping[str, Any], delivered: DeliveredText, anchor: Anchor, form: Form
) -> Seam | None:
    """The seam by which what comes of a request for the rest is joined; None where there is no text to join to.

    Args:
        request: The original request.
        built: The one that is sent.
        delivered: The text that was delivered.
        anchor: How much of it is sent, and which end of it is quoted.
        form: In which form the rest is asked for.
    """
    text = delivered.text
    if not text.strip():
        return None
    from ..seam.instruction import Instruction
    from ..seam.seam import Seam

    instruction = None
    if form.startswith("continue"):
        asked = built["messages"][-1]["content"]
        instruction = Instruction.of(asked, anchor.quote, lambda words: words in text or _is_said(request, words))
    return Seam(text, anchor, form=joint(form), instruction=instruction, delivered=delivered)


def _is_said(value: Any, words: str) -> bool:
    """Whether a text somewhere in the request has these words."""
    match value:
        case str():
            return words in value
        case Mapping():
            return any(_is_said(each, words) for each in value.values())
        case list() | tuple():
            return any(_is_said(each, words) for each in value)
        case _:
            return words in str(getattr(value, "text", ""))


def anchor_for(text: str, form: Form, *, whole: bool = False) -> Anchor:
    """Where the held text is cut for a resume in that form; `whole` as for `compose`."""
    from ..seam.anchor import DeliveredText

    return anchor_of(DeliveredText(text), form, whole=whole)


def anchor_of(delivered: DeliveredText, form: Form, *, whole: bool = False) -> Anchor:
    """The same, of a text about which something may be known already."""
    from ..seam.anchor import Anchor

    match form:
        case "restart":
            return Anchor(sent="", echo="", key=delivered.text)
        case "prefill":
            return delivered.anchor(whole=True)
        case _:
            # After a tool's result with too little text behind it, all of that is sent: there is no starting over.
            return delivered.anchor(whole=whole or not delivered.anchor().sent)


def joint(form: Form) -> Joint:
    """How what comes of a resume in that form is joined."""
    return "prefill" if form == "prefill" else "restart" if form == "restart" else "continue"


def build(
    request: Mapping[str, Any],
    held: Partial,
    anchor: Anchor,
    form: Form,
    *,
    model: ModelInfo,
    whole: bool = False,
    prompt: str | Callable[[str], str] | None = None,
) -> dict[str, Any]:
    """The next request.

    Args:
        request: The original request, as the route sends it; it is left as it is.
        held: What was delivered.
        anchor: How much of the text is sent, and which end of it is quoted.
        form: One of `forms`, or `"request"`.
        model: What the route's model accepts.
        whole: As for `compose`.
        prompt: The policy's `continue_prompt`.
    """
    if form in ("request", "restart"):
        return dict(request)
    content = _up_to(held, anchor, thinking=form == "continue")
    messages = _append_assistant(request["messages"], content)
    if form != "prefill":
        messages.append({"role": "user", "content": _ask(encodable(anchor.quote), prompt, again=whole)})
    # A second request has room for all of the answer written again, which fits in the caller's `max_tokens` as it is.
    left = request["max_tokens"] if whole else remaining_tokens(request["max_tokens"], held, model)
    fitted = fit_thinking(request, model, left)
    least = fitted.pop("max_tokens", left)
    room = least + (0 if form == "prefill" else _repeated(anchor))
    return {
        **_unconstrained(request, held),
        "messages": messages,
        **fitted,
        "max_tokens": min(room, max(least, request["max_tokens"])),
    }


def _repeated(anchor: Anchor) -> int:
    """How many tokens what is to be repeated takes at most, roughly: the estimate of what it takes at least, twice."""
    return 2 * estimate_tokens(anchor.quote)


def _unconstrained(request: Mapping[str, Any], held: Partial) -> dict[str, Any]:
    """The request without what only an answer from its beginning can satisfy: a document's form, a forced call."""
    free = dict(request)
    free.pop("output_format", None)
    config = free.pop("output_config", None)
    if isinstance(config, Mapping) and (rest := {name: value for name, value in config.items() if name != "format"}):
        free["output_config"] = rest
    if _is_satisfied(request, held):
        free["tool_choice"] = {**{k: v for k, v in request["tool_choice"].items() if k != "name"}, "type": "auto"}
    return free


def _is_satisfied(request: Mapping[str, Any], held: Partial) -> bool:
    """Whether `tool_choice` demands a call that a server-side tool has already had."""
    if not forces_a_tool(request):
        return False
    choice = request["tool_choice"]
    return any(choice["type"] == "any" or block.start.get("name") == choice.get("name") for block in held.server_uses)


def _ask(quote: str, prompt: str | Callable[[str], str] | None, *, again: bool) -> str:
    if callable(prompt):
        return prompt(quote)
    if not quote and prompt is None:
        return AFTER_RESULTS.text
    return (prompt or (AGAIN if again else FIRST).text).replace("{echo}", quote)


def wording(form: Form, quote: str, prompt: str | Callable[[str], str] | None, *, again: bool) -> str | None:
    """The label of the wording in which the rest is asked for; None for a form that says nothing. As for `compose`."""
    if not form.startswith("continue"):
        return None
    if prompt is not None:
        return named(prompt)
    return (AFTER_RESULTS if not quote else AGAIN if again else FIRST).label


def _up_to(held: Partial, anchor: Anchor, *, thinking: bool) -> list[dict[str, Any]]:
    """The delivered blocks, without the end of the text that the anchor keeps back."""
    blocks = [block for block in held.content if thinking or block["type"] not in THINKING]
    surplus = len(held.trailing_text) - len(anchor.sent)
    # The API rejects an assistant turn that ends in thinking.
    while blocks and (blocks[-1]["type"] in THINKING or (surplus > 0 and blocks[-1]["type"] == "text")):
        last = blocks.pop()
        text = last.get("text", "")
        keep = text[: max(0, len(text) - surplus)]
        surplus -= len(text) - len(keep)
        if keep.strip():
            # Citations of a text that is no longer whole would point past its end.
            blocks.append({"type": "text", "text": keep})
    # The API rejects a text block of white space alone.
    return encodable([_sendable(block) for block in blocks if block["type"] != "text" or block["text"].strip()])


def _sendable(block: dict[str, Any]) -> dict[str, Any]:
    """A block as a request takes it: a text without fields that only answers have."""
    if block["type"] != "text":
        return block
    return {name: block[name] for name in ("type", "text", "citations") if block.get(name) is not None}


def _append_assistant(messages: Sequence[Any], content: list[dict[str, Any]]) -> list[Any]:
    """The messages and an assistant turn, joined to the caller's own prefill where there is one."""
    turns = list(messages)
    if not turns or turns[-1].get("role") != "assistant":
        return [*turns, {"role": "assistant", "content": content}]
    prior = turns[-1]["content"]
    blocks = [{"type": "text", "text": prior}] if isinstance(prior, str) else list(prior)
    if blocks and content and _is_text(blocks[-1]) and content[0]["type"] == "text":
        last = blocks[-1] if isinstance(blocks[-1], Mapping) else blocks[-1].to_dict()
        joined = {**last, **content[0], "text": last["text"] + content[0]["text"]}
        blocks, content = blocks[:-1], [joined, *content[1:]]
    return [*turns[:-1], {**turns[-1], "content": [*blocks, *content]}]


def _is_text(block: Any) -> bool:
    return (block.get("type") if isinstance(block, Mapping) else getattr(block, "type", None)) == "text"


def fit_thinking(request: Mapping[str, Any], model: ModelInfo, left: int) -> dict[str, Any]:
    """A thinking budget has to stay below `max_tokens`; below its minimum thinking is switched off, if it can be."""
    thinking = request.get("thinking")
    if not isinstance(thinking, Mapping) or "budget_tokens" not in thinking:
        return {}
    if left > LEAST_THINKING_BUDGET:
        return {"thinking": {**thinking, "budget_tokens": min(thinking["budget_tokens"], left - 1)}}
    if "disabled" in model.thinking:
        return {"thinking": {"type": "disabled"}}
    return {
        "max_tokens": LEAST_THINKING_BUDGET + 1,
        "thinking": {**thinking, "budget_tokens": LEAST_THINKING_BUDGET},
    }


def thinking_type(request: Mapping[str, Any]) -> str | None:
    """The `thinking.type` of a request; None where it says nothing."""
    thinking = request.get("thinking")
    return thinking.get("type") if isinstance(thinking, Mapping) else None


def forces_a_tool(request: Mapping[str, Any]) -> bool:
    """Whether `tool_choice` demands a call."""
    choice = request.get("tool_choice")
    return isinstance(choice, Mapping) and choice.get("type") in ("any", "tool")
