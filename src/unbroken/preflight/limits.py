"""More than the model can write or read, or than the API takes at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from ..core.models.table import LONG_RETIRED, ascii_and_other
from .request import Request, get
from .rule import Complaint, Rule, rule

__all__ = ["RULES"]

#: In bytes.
_LARGEST: Final = 32 * 2**20
#: Betas that widen a limit, by how their names begin.
_LONGER_OUTPUT: Final = "output-"
_LONGER_CONTEXT: Final = "context-"


@rule("model_retired", "Ask a newer model.", severity="warning")
def model_retired(request: Request) -> Iterator[Complaint]:
    """A model that is retired, by its first-party name; other platforms may still have it.

    Source: the SDK's `DEPRECATED_MODELS`, 2.12.0, of which those whose day has passed.
    """
    is_retired = request.info.retired or request.model.startswith(LONG_RETIRED)
    if is_retired and request.model.startswith("claude-") and "@" not in request.model and ":" not in request.model:
        yield "model", f"{request.model} is retired on the Claude API."


@rule("max_tokens_invalid", "Give a whole number, at least 1.", "max_tokens")
def max_tokens_invalid(request: Request) -> Iterator[Complaint]:
    """A `max_tokens` that is no number of tokens; 0 is one, to fill the cache, unless the answer is streamed.

    Source: Messages API reference (the SDK's `types/message_create_params.py`, 2.12.0).
    """
    most = get(request.params, "max_tokens")
    if most is None:
        return
    if isinstance(most, bool) or not isinstance(most, int):
        yield "max_tokens", "`max_tokens` is not a whole number."
    elif most < 0 or (most == 0 and get(request.params, "stream") is True):
        yield "max_tokens", "`max_tokens` is below what an answer can have."


@rule("max_tokens_too_large", "Ask for no more than that.", "max_tokens")
def max_tokens_too_large(request: Request) -> Iterator[Complaint]:
    """A `max_tokens` above what the model can write.

    Source: models overview, autumn 2026; "which is the maximum allowed number of output tokens".
    """
    most, limit = get(request.params, "max_tokens"), request.info.max_output
    if limit is not None and isinstance(most, int) and most > limit and not request.has_beta(_LONGER_OUTPUT):
        yield "max_tokens", f"{request.model} writes at most {limit} tokens."


@rule("context_exceeded", "Shorten or summarise the conversation, or ask a model with a larger window.")
def context_exceeded(request: Request) -> Iterator[Complaint]:
    """A request whose texts alone are longer than the model's context window; estimated on the low side.

    Source: models overview, autumn 2026; "prompt is too long: ... tokens > ... maximum".
    """
    window = request.info.context
    if window is None or sum(map(len, request.texts)) <= window or request.has_beta(_LONGER_CONTEXT):
        return
    if (
        _tokens(request.texts, request, window) > window
        and _tokens(map(_condensed, request.texts), request, window) > window
    ):
        yield "messages", f"The texts alone have more tokens than the {window} of {request.model}'s context window."


def _tokens(texts: Iterable[str], request: Request, enough: int) -> int:
    """How many tokens texts have at least; no more of them are looked at once it is more than enough."""
    total = 0
    for text in texts:
        total += request.info.least_tokens(*ascii_and_other(text))
        if total > enough:
            break
    return total


_REPEATED: Final = re.compile(r"(.)\1+", re.DOTALL)


def _condensed(text: str) -> str:
    """Many of one character, indentation or a rule of hyphens, may be one token."""
    return _REPEATED.sub(r"\1", text)


@rule("request_too_large", "Send files by their ids or URLs, or fewer of them.")
def request_too_large(request: Request) -> Iterator[Complaint]:
    """A body above 32 MB, by its texts and files alone.

    Source: errors page: 413 `request_too_large`.
    """
    files = (get(get(part.block, "source"), "data") for part in request.of("image", "document"))
    size = sum(map(len, request.texts)) + sum(len(data) for data in files if isinstance(data, str))
    if size > _LARGEST:
        yield "messages", "The texts and files alone have more than 32 MB."


RULES: Final[tuple[Rule, ...]] = (
    model_retired,
    max_tokens_invalid,
    max_tokens_too_large,
    context_exceeded,
    request_too_large,
)
