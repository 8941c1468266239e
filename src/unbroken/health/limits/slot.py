"""One request that is out, and what it uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...report import AttemptReport

__all__ = ["Demand", "Slot"]


@dataclass(frozen=True, slots=True)
class Demand:
    """What a request will use, as far as can be told before it is sent.

    Attributes:
        input_tokens: As its characters say (`core/requests/sizes.py`).
        max_tokens: What its answer will not exceed.
    """

    input_tokens: float = 0.0
    max_tokens: float = 0.0


@dataclass(slots=True, eq=False)
class Slot:
    """The place of one request among those that are out.

    Attributes:
        demand: As it was estimated.
        used: What was counted for it: a request, input tokens, output tokens.
        sent: When it was taken, in monotonic seconds.
        episode: Of the adaptive limit (`AdaptiveLimit.episode`).
        answered: Whether it has brought content.
        seen: Whether its response has said what is left.
        ended: Whether it is over.
        report: Its entry in the report, which says at its end what it used; None: nothing is said of it.
    """

    demand: Demand
    used: tuple[float, float, float]
    sent: float
    episode: int
    answered: bool = False
    seen: bool = False
    ended: bool = False
    report: AttemptReport | None = None
