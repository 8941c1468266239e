"""What requests cost, one by one and together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

__all__ = ["AttemptCost", "Cost"]


@dataclass(frozen=True, slots=True)
class AttemptCost:
    """What one request cost, in USD.

    Attributes:
        number: The attempt's.
        input: What its input cost, cache reads and writes included.
        output: What its output cost, thinking included.
        estimated: As much of the two as rests on tokens that were estimated.
    """

    number: int
    input: float
    output: float
    estimated: float

    @property
    def total(self) -> float:
        """Input and output."""
        return self.input + self.output


@dataclass(frozen=True, slots=True)
class Cost:
    """What a stream cost, in USD; None where an attempt's model has no price.

    Attributes:
        total: All attempts together.
        recovery: What of it an undisturbed stream would not have cost: everything but the input of the attempt that
            opened the message and that share of each attempt's output that was delivered. That leaves what resumes
            paid for input, what arrived and was cut at a seam or dropped, retries, and the losers of races. In a
            stream that delivered nothing, the input of the first attempt counts as that of the one that opened it.
        estimated_share: How much of the total rests on estimated tokens, from 0 to 1.
        attempts: Each attempt's; None for those without a price.
    """

    total: float | None
    recovery: float | None
    estimated_share: float | None
    attempts: tuple[AttemptCost | None, ...]

    @classmethod
    def of(cls, costs: Sequence[AttemptCost | None], kept: Sequence[float]) -> Self:
        """What attempts cost together.

        Args:
            costs: Each one's; None for those without a price.
            kept: The share of each one's output that was delivered, from 0 to 1.
        """
        known = [cost for cost in costs if cost is not None]
        if len(known) < len(costs):
            return cls(None, None, None, tuple(costs))
        total = sum(cost.total for cost in known)
        estimated = sum(cost.estimated for cost in known)
        opened = [cost.input for cost, share in zip(known, kept, strict=True) if share]
        needed = sum(cost.output * share for cost, share in zip(known, kept, strict=True))
        needed += next(iter([*opened, *(cost.input for cost in known)]), 0.0)
        return cls(total, max(0.0, total - needed), estimated / total if total else 0.0, tuple(costs))
