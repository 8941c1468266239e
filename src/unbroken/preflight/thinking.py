"""Thinking: the parameter, and the blocks that go back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..core.message.blocks import THINKING
from ..core.models.table import LEAST_THINKING_BUDGET
from .request import Request, get, is_object
from .rule import Complaint, Rule, rule

__all__ = ["RULES"]

#: What a turn that lost its thinking begins with.
_WRITTEN: Final = ("text", "tool_use", "server_tool_use")
#: What a model takes that cannot think.
_NONE: Final = frozenset({"disabled"})
_INTERLEAVED: Final = "interleaved-thinking-"


@rule("thinking_invalid", 'Give `{"type": ...}`, or leave `thinking` out.', "thinking")
def thinking_invalid(request: Request) -> Iterator[Complaint]:
    """A `thinking` that is none.

    Source: Messages API reference (the SDK's `types/thinking_config_param.py`, 2.12.0).
    """
    thinking = get(request.params, "thinking")
    if thinking is not None and (not is_object(thinking) or request.thinking is None):
        yield "thinking", "`thinking` is not an object with a `type`."


@rule("thinking_unsupported", "Leave `thinking` out, or give a type that the model takes.", "thinking")
def thinking_unsupported(request: Request) -> Iterator[Complaint]:
    """A kind of thinking that the model rejects.

    Source: models overview and what's-new pages, autumn 2026; `"thinking.type.enabled" is not supported for this
    model`. A model that cannot think takes `disabled` (recorded, 3.5 Sonnet).
    """
    kinds = request.info.thinking or _NONE
    if request.thinking is not None and request.is_known and request.thinking not in kinds:
        takes = ", ".join(f"`{kind}`" for kind in sorted(kinds))
        yield "thinking.type", f"{request.model} does not take thinking of this type; it takes {takes}."


def _budget(request: Request) -> int | None:
    budget = get(get(request.params, "thinking"), "budget_tokens") if request.thinking == "enabled" else None
    return budget if isinstance(budget, int) and not isinstance(budget, bool) else None


@rule(
    "thinking_budget_missing",
    f"Give `budget_tokens`, at least {LEAST_THINKING_BUDGET} and below `max_tokens`.",
    "thinking",
)
def thinking_budget_missing(request: Request) -> Iterator[Complaint]:
    """Thinking with a budget, and none given.

    Source: the SDK's `types/thinking_config_enabled_param.py`, 2.12.0: `Required[int]`.
    """
    if request.thinking == "enabled" and _budget(request) is None:
        yield "thinking.budget_tokens", "Thinking of type `enabled` needs a budget, in tokens."


@rule("thinking_budget_low", f"Give at least {LEAST_THINKING_BUDGET} tokens.", "thinking")
def thinking_budget_low(request: Request) -> Iterator[Complaint]:
    """A thinking budget below the least.

    Source: the SDK's `types/thinking_config_enabled_param.py`, 2.12.0: "Must be ≥1024".
    """
    budget = _budget(request)
    if budget is not None and budget < LEAST_THINKING_BUDGET:
        yield "thinking.budget_tokens", f"The thinking budget is below {LEAST_THINKING_BUDGET} tokens."


def _does_not_fit(request: Request) -> bool:
    budget, most = _budget(request), get(request.params, "max_tokens")
    return budget is not None and isinstance(most, int) and budget >= most


def _may_interleave(request: Request) -> bool:
    return request.info.interleaves and request.may_have_tools


@rule("thinking_budget_too_large", "Raise `max_tokens`, or lower the budget below it.", "thinking")
def thinking_budget_too_large(request: Request) -> Iterator[Complaint]:
    """A thinking budget that is not below `max_tokens`.

    Source: the SDK's `types/thinking_config_enabled_param.py`, 2.12.0: "less than `max_tokens`"; with tools and
    interleaved thinking it may be more (extended-thinking page).
    """
    if _does_not_fit(request) and not _may_interleave(request):
        yield "thinking.budget_tokens", "The thinking budget is not below `max_tokens`."


@rule(
    "thinking_budget_interleaved",
    "Raise `max_tokens`, or name the beta of interleaved thinking.",
    "thinking",
    severity="warning",
)
def thinking_budget_interleaved(request: Request) -> Iterator[Complaint]:
    """A thinking budget that is not below `max_tokens`, with tools, and no beta for interleaved thinking in sight.

    Source: extended-thinking page: with tools and interleaved thinking the budget may be above `max_tokens`. The beta
    may stand in the client's default headers, which are not seen here.
    """
    if _does_not_fit(request) and _may_interleave(request) and not request.has_beta(_INTERLEAVED):
        yield "thinking.budget_tokens", "The thinking budget is not below `max_tokens`, which only interleaving allows."


@rule("thinking_ends_turn", "Leave the thinking out, or give back what came after it too.", *THINKING)
def thinking_ends_turn(request: Request) -> Iterator[Complaint]:
    """An assistant's message that ends with thinking.

    Source: the API's own words: "The final block in an assistant message cannot be `thinking`".
    """
    last = {part.turn: part for part in request.parts}
    for part in request.of(*THINKING):
        if part is last[part.turn] and part.role == "assistant":
            yield part.path, "The assistant's message ends with thinking."


@rule("thinking_unsigned", "Leave the block out: it was cut off before it was whole.", "thinking")
def thinking_unsigned(request: Request) -> Iterator[Complaint]:
    """A thinking block without its signature, as an interrupted stream leaves it.

    Source: the SDK's `types/thinking_block_param.py`, 2.12.0: blocks go back unmodified; an interrupted one has an
    empty signature.
    """
    for part in request.of("thinking"):
        if get(part.block, "signature") in (None, ""):
            yield part.at("signature"), "The thinking block has no signature."


@rule(
    "thinking_not_first",
    "Give the turn back with the thinking block that it began with, or turn thinking off.",
    "tool_result",
)
def thinking_not_first(request: Request) -> Iterator[Complaint]:
    """With a thinking budget, a turn of tool calls that does not begin with thinking.

    Source: thinking page, August 2026: in manual mode the final assistant turn must begin with a thinking block. All
    calls since the user last said something are one turn, in which a model that does not interleave thinks once.
    """
    if request.thinking != "enabled" or not request.is_whole:
        return
    first = None
    for turn in reversed(request.turns):
        if turn[0].role == "assistant":
            first = turn[0]
            if first.kind not in _WRITTEN:
                return
        elif not any(part.kind == "tool_result" for part in turn):
            break
    if first is not None and request.turns[-1][0].role == "user":
        yield first.path, "The turn whose tool calls are answered does not begin with thinking."


RULES: Final[tuple[Rule, ...]] = (
    thinking_invalid,
    thinking_unsupported,
    thinking_budget_missing,
    thinking_budget_low,
    thinking_budget_too_large,
    thinking_budget_interleaved,
    thinking_ends_turn,
    thinking_unsigned,
    thinking_not_first,
)
