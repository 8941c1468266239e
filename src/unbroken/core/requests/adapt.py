"""A request made for one model -> the same request for another.

A fallback gets what the primary got, but for the parameters that its model is known to reject (`models/table.py`): they
are adapted where that keeps the request's meaning, and where it cannot be kept, the route is left out. What the
route's own patch sets is the caller's word and is sent as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..models.table import EFFORTS, NOT_IN_THE_TABLE, QUIET_TYPES, THINKING_TYPES, ModelInfo, ascii_and_other
from .forms import forces_a_tool
from .thinking import fit_thinking, thinking_type

__all__ = ["Unfit", "adapt"]

#: What stands in for a kind of thinking that the model rejects, best first. None: nothing is said, and the model does
#: as it does by default.
_INSTEAD: Final[dict[str, tuple[str | None, ...]]] = {
    "enabled": ("adaptive", None),
    "adaptive": (None,),
    # The SDK's own refusal middleware turns `between_tools` into `disabled` for another model.
    "between_tools": ("disabled", None),
    # Sonnet 5.5's what's-new page: what turns thinking off there.
    "disabled": ("between_tools", None),
}


@dataclass(frozen=True, slots=True)
class Unfit:
    """A model cannot take a request.

    Attributes:
        why: The rest of a sentence that begins with the model's name.
    """

    why: str


def adapt(request: Mapping[str, Any], model: ModelInfo, patched: Collection[str] = ()) -> dict[str, Any] | Unfit:
    """The request as this model takes it, a new dict; or why it cannot take it.

    Args:
        request: The request, with the route's patch applied.
        model: What the route's model accepts.
        patched: The arguments that the route's patch sets; they are left alone.
    """
    if "tool_choice" not in patched and not model.forced_tool_choice and forces_a_tool(request):
        return Unfit("does not take a forced tool_choice")
    if _is_too_long(request, model):
        return Unfit(f"has a context window of {model.context} tokens, too small for this request")
    adapted = dict(request)
    if "thinking" not in patched:
        _adapt_thinking(adapted, model)
    _adapt_max_tokens(adapted, model, patched)
    if "output_config" not in patched:
        _adapt_effort(adapted, model)
    if "speed" not in patched and not model.speed:
        # Without it the model answers alike, only slower.
        adapted.pop("speed", None)
    return adapted


def _adapt_thinking(request: dict[str, Any], model: ModelInfo) -> None:
    kind = thinking_type(request)
    if kind is None or kind in model.thinking or _unheard_of(kind, THINKING_TYPES, model):
        return
    shown = {name: value for name, value in request.pop("thinking").items() if name == "display"}
    for other in _INSTEAD.get(kind, ()):
        if other is not None and other in model.thinking:
            request["thinking"] = {"type": other, **(shown if other == "adaptive" else {})}
            return


def _adapt_max_tokens(request: dict[str, Any], model: ModelInfo, patched: Collection[str]) -> None:
    """Not more than the model can write, and a thinking budget below that."""
    asked = request["max_tokens"]
    limit = asked if model.max_output is None or "max_tokens" in patched else min(asked, model.max_output)
    if limit < asked:
        request["max_tokens"] = limit
    lowered = limit < asked or "max_tokens" in patched
    if "thinking" not in patched and (lowered or not model.interleaves):
        request.update(fit_thinking(request, model, limit))


def _adapt_effort(request: dict[str, Any], model: ModelInfo) -> None:
    """The strongest level that the model takes, not above what was asked for; without one, the model's default."""
    config = request.get("output_config")
    if not isinstance(config, Mapping) or not isinstance(config.get("effort"), str):
        return
    asked = config["effort"]
    takes = model.effort
    if model.quiet_effort is not None and thinking_type(request) in QUIET_TYPES:
        takes = takes & model.quiet_effort
    if asked in takes or _unheard_of(asked, EFFORTS, model):
        return
    lower = EFFORTS[: EFFORTS.index(asked)] if asked in EFFORTS else ()
    level = next((level for level in reversed(lower) if level in takes), None)
    rest = {name: value for name, value in config.items() if name != "effort"}
    del request["output_config"]
    if level is not None or rest:
        request["output_config"] = rest if level is None else {**config, "effort": level}


def _unheard_of(value: str, known: Collection[str], model: ModelInfo) -> bool:
    """Whether neither the value nor the model is known: then nothing is known against the two together."""
    return value not in known and model.source == NOT_IN_THE_TABLE


# -- how long a request is, at least

_REPEATED: Final = re.compile(r"(.)\1+", re.DOTALL)


def _is_too_long(request: Mapping[str, Any], model: ModelInfo) -> bool:
    """Whether its text alone certainly has more tokens than the model's context window."""
    if model.context is None:
        return False
    texts = [*_texts(request.get("system")), *_texts(request.get("messages"))]
    if sum(map(len, texts)) <= model.context or _tokens(texts, model) <= model.context:
        return False
    # Many of one character, indentation or a rule of hyphens, may be one token.
    return _tokens([_REPEATED.sub(r"\1", text) for text in texts], model) > model.context


def _tokens(texts: list[str], model: ModelInfo) -> int:
    counts = [ascii_and_other(text) for text in texts]
    return model.least_tokens(sum(ascii_only for ascii_only, _ in counts), sum(other for _, other in counts))


def _texts(content: object) -> Iterator[str]:
    """The texts of a system prompt, of messages, or of a message's content, in any of the forms that the SDK takes.

    Images, documents and the input of tools are not among them.
    """
    match content:
        case str():
            yield content
        case list() | tuple():
            for part in content:
                yield from _texts(part)
        case dict():
            yield from _texts(content.get("text"))
            yield from _texts(content.get("content"))
        case object(text=str(text)):
            yield text
        case object(content=inner):
            yield from _texts(inner)
