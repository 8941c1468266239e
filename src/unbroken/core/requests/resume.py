"""The original request and what was delivered -> the next request, and the seam by which what it brings is joined.

Every request is built from the caller's original and the whole partial, never by patching the attempt before it,
so three cuts send three resumes of one length. What is built shares no mutable object with the original but the
parts that it leaves as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, assert_never

from ..message.blocks import THINKING
from ..models.table import ModelInfo
from ..wire.surrogates import encodable
from .forms import Form, is_satisfied
from .prompts import AFTER_RESULTS, AGAIN, FIRST, named
from .resume_state import ResumeState
from .thinking import fit_thinking
from .tokens import estimate_tokens, remaining_tokens

if TYPE_CHECKING:
    # What joins is imported with the first cut: its expressions take a fifth of the package's import to compile.
    from ..seam.anchor import Anchor, DeliveredText
    from ..seam.seam import Form as Joint
    from ..seam.seam import Seam

__all__ = ["anchor_for", "build", "compose", "joint", "seam_of", "wording"]


def compose(
    request: Mapping[str, Any],
    state: ResumeState,
    form: Form,
    *,
    model: ModelInfo,
    whole: bool = False,
    prompt: str | Callable[[str], str] | None = None,
) -> tuple[dict[str, Any], Seam | None]:
    """The next request, and the seam by which what it brings is joined; None where there is nothing to join.

    Args:
        request: The original request, as the route sends it; it is left as it is.
        state: What was delivered.
        form: One of `forms`, or `"request"`.
        model: What the route's model accepts.
        whole: Whether it is asked for again: all of the text is sent back (`anchor.choose_anchor`), and the built-in
            wording is the second one.
        prompt: The policy's `continue_prompt`.
    """
    if form == "request":
        return dict(request), None
    delivered = state.text
    assert delivered is not None  # where nothing was delivered the request is made again
    anchor = anchor_of(delivered, form, whole=whole)
    built = build(request, state, anchor, form, model=model, whole=whole, prompt=prompt)
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
    """Where the delivered text is cut for a resume in that form; `whole` as for `compose`."""
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
        case "continue" | "continue_without_thinking" | "request":
            # After a tool's result with too little text behind it, all of that is sent: there is no starting over.
            return delivered.anchor(whole=whole or not delivered.anchor().sent)
        case _:
            assert_never(form)


def joint(form: Form) -> Joint:
    """How what comes of a resume in that form is joined."""
    return "prefill" if form == "prefill" else "restart" if form == "restart" else "continue"


def build(
    request: Mapping[str, Any],
    state: ResumeState,
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
        state: What was delivered.
        anchor: How much of the text is sent, and which end of it is quoted.
        form: One of `forms`, or `"request"`.
        model: What the route's model accepts.
        whole: As for `compose`.
        prompt: The policy's `continue_prompt`.
    """
    if form in ("request", "restart"):
        return dict(request)
    content = _up_to(state, anchor, thinking=form == "continue")
    messages = _append_assistant(request["messages"], content)
    if form != "prefill":
        messages.append({"role": "user", "content": _ask(encodable(anchor.quote), prompt, again=whole)})
    # A second request has room for all of the answer written again, which fits in the caller's `max_tokens` as it is.
    left = request["max_tokens"] if whole else remaining_tokens(request["max_tokens"], state.characters, model)
    fitted = fit_thinking(request, model, left)
    least = fitted.pop("max_tokens", left)
    room = least + (0 if form == "prefill" else _repeated(anchor))
    return {
        **_unconstrained(request, state),
        "messages": messages,
        **fitted,
        "max_tokens": min(room, max(least, request["max_tokens"])),
    }


def _repeated(anchor: Anchor) -> int:
    """How many tokens what is to be repeated takes at most, roughly: the estimate of what it takes at least, twice."""
    return 2 * estimate_tokens(anchor.quote)


def _unconstrained(request: Mapping[str, Any], state: ResumeState) -> dict[str, Any]:
    """The request without what only an answer from its beginning can satisfy: a document's form, a forced call."""
    free = dict(request)
    free.pop("output_format", None)
    config = free.pop("output_config", None)
    if isinstance(config, Mapping) and (rest := {name: value for name, value in config.items() if name != "format"}):
        free["output_config"] = rest
    if is_satisfied(request, state):
        free["tool_choice"] = {**{k: v for k, v in request["tool_choice"].items() if k != "name"}, "type": "auto"}
    return free


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


def _up_to(state: ResumeState, anchor: Anchor, *, thinking: bool) -> list[dict[str, Any]]:
    """The delivered blocks, without the end of the text that the anchor keeps back."""
    blocks = [block for block in state.content if thinking or block["type"] not in THINKING]
    surplus = len(state.trailing_text) - len(anchor.sent)
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
