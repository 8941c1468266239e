"""`temperature`, `top_p` and `top_k`, where they are not taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .request import Request, get
from .rule import Complaint, Rule, rule

__all__ = ["RULES"]

_NAMES: Final = ("temperature", "top_p", "top_k")
_REMOVED_IN: Final = "2026-10-21"
_THINKS: Final = ("enabled", "adaptive")
#: The least `top_p` with which a model thinks (extended-thinking page).
_LEAST_TOP_P: Final = 0.95


def _given(request: Request) -> list[str]:
    return [name for name in _NAMES if get(request.params, name) is not None]


@rule("sampling_removed", "Leave it out.", *_NAMES)
def sampling_removed(request: Request) -> Iterator[Complaint]:
    """Any of the three, in a version of the API that has none of them.

    Source: migration guide to version 2026-10-21, which the SDK sends from 2.0 on, October 2026.
    """
    if request.since(_REMOVED_IN):
        for name in _given(request):
            yield name, f"`{name}` is no parameter of the API any more."


@rule("sampling_unsupported", "Leave it out.", *_NAMES)
def sampling_unsupported(request: Request) -> Iterator[Complaint]:
    """Any of the three, on a model from Opus 4.7 on, with another value than the default.

    Source: what's-new page of Claude 4.7, sampling parameters removed: non-default values are a 400.
    """
    if request.since(_REMOVED_IN) or request.info.sampling != "none":
        return
    for name in _given(request):
        if name == "top_k" or get(request.params, name) != 1:
            yield name, f"{request.model} does not take `{name}`."


@rule("sampling_with_thinking", "Leave it out, or turn thinking off.", *_NAMES)
def sampling_with_thinking(request: Request) -> Iterator[Complaint]:
    """A `temperature` other than 1, a `top_k`, or a `top_p` below 0.95, with thinking on.

    Source: extended-thinking page, feature compatibility.
    """
    if request.since(_REMOVED_IN) or request.info.sampling == "none" or request.thinking not in _THINKS:
        return
    top_p = get(request.params, "top_p")
    if get(request.params, "temperature") not in (None, 1):
        yield "temperature", "`temperature` is not 1, and thinking is on."
    if get(request.params, "top_k") is not None:
        yield "top_k", "`top_k` is given, and thinking is on."
    if isinstance(top_p, int | float) and top_p < _LEAST_TOP_P:
        yield "top_p", f"`top_p` is below {_LEAST_TOP_P}, and thinking is on."


@rule("sampling_both", "Give one of them.", "top_p")
def sampling_both(request: Request) -> Iterator[Complaint]:
    """`temperature` and `top_p` together, on a model that takes one of them.

    Source: "`temperature` and `top_p` cannot both be specified for this model"
    (github.com/SalesforceAIResearch/MCP-Universe/issues/49, github.com/OpenHands/OpenHands/pull/12909).
    """
    both = all(get(request.params, name) is not None for name in ("temperature", "top_p"))
    if both and not request.since(_REMOVED_IN) and request.info.sampling == "one":
        yield "top_p", f"{request.model} takes `temperature` or `top_p`, not both."


@rule("sampling_range", "Give a number from 0 to 1.", "temperature")
def sampling_range(request: Request) -> Iterator[Complaint]:
    """A `temperature` below 0 or above 1.

    Source: the API's own words: "temperature: range: 0..1" (recorded, Sonnet 4.6).
    """
    value = get(request.params, "temperature")
    if isinstance(value, int | float) and not 0 <= value <= 1 and not request.since(_REMOVED_IN):
        yield "temperature", "`temperature` is not between 0 and 1."


RULES: Final[tuple[Rule, ...]] = (
    sampling_removed,
    sampling_unsupported,
    sampling_with_thinking,
    sampling_both,
    sampling_range,
)
