"""An answer begun by the caller, where that is not possible."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..core.message.blocks import THINKING
from ..core.models.table import THINKING_TYPES
from .output import output_format
from .request import PREFILL, Request, get
from .rule import Complaint, Rule, rule

__all__ = ["RULES"]

#: What an answer that is begun ends with. With anything else, and where the API's own tools may have been used, it may
#: be one that the model paused: that goes back as it was, on every model.
_BEGUN: Final = ("text", *THINKING)
#: The first allows one prefill on any model, the second brings tools of which the request does not tell, and of the
#: third too little is known.
_MORE: Final = frozenset({"fallback_credit_token", "mcp_servers", "thread"})
_THINKS: Final = THINKING_TYPES - {"disabled"}


def _is_prefilled(request: Request) -> bool:
    """Whether the assistant's message that ends the conversation is a prefill, and nothing else."""
    if not request.messages or request.messages[-1][0] != "assistant" or not request.is_whole:
        return False
    if not _MORE.isdisjoint(request.has):
        return False
    if any(get(tool, "type") not in (None, "custom") for tool in request.tools):
        return False
    if not request.turns or request.turns[-1][0].role != "assistant":
        return True  # it has no content
    return request.turns[-1][-1].kind in _BEGUN


def _path(request: Request) -> str:
    return f"messages[{len(request.messages or ()) - 1}]"


@rule(
    "prefill_unsupported", "End the conversation with a user message, or ask a model that accepts a prefill.", PREFILL
)
def prefill_unsupported(request: Request) -> Iterator[Complaint]:
    """A prefill on a model without it.

    Source: errors page, prefill-not-supported, August 2026: models from 4.6 on.
    """
    if request.is_known and not request.info.prefill and _is_prefilled(request):
        yield (
            _path(request),
            f"The conversation ends with an assistant message, and {request.model} accepts no prefill.",
        )


@rule("prefill_trailing_white_space", "Cut the white space off its end.", PREFILL)
def prefill_trailing_white_space(request: Request) -> Iterator[Complaint]:
    """A prefill that ends with white space.

    Source: prefill page, August 2026: "final assistant content cannot end with trailing whitespace".
    """
    part = request.parts[-1] if request.parts else None
    if part is None or part.turn != len(request.messages or ()) - 1 or not part.text:
        return
    if part.text[-1].isspace() and _is_prefilled(request):
        yield part.at("text"), "The prefill ends with white space."


@rule("prefill_with_thinking", "Turn thinking off, or end the conversation with a user message.", PREFILL)
def prefill_with_thinking(request: Request) -> Iterator[Complaint]:
    """A prefill with thinking on.

    Source: thinking page, August 2026: no prefill "while thinking is on".
    """
    if request.thinking in _THINKS and _is_prefilled(request):
        yield _path(request), "The answer is begun for the model, and thinking is on."


@rule("prefill_with_output_format", "Leave out the prefill, or the output format.", PREFILL)
def prefill_with_output_format(request: Request) -> Iterator[Complaint]:
    """A prefill with a form for the output.

    Source: structured-outputs page, August 2026: prefilling is "incompatible with JSON outputs".
    """
    if output_format(request) is not None and _is_prefilled(request):
        yield _path(request), "The answer is begun for the model, and an output format is asked for."


RULES: Final[tuple[Rule, ...]] = (
    prefill_unsupported,
    prefill_trailing_white_space,
    prefill_with_thinking,
    prefill_with_output_format,
)
