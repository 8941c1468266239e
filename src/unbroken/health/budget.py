"""The retry budget: a token bucket that successes and time fill, and that retries and hedges empty."""

from __future__ import annotations

import math

from ..core.plan.readiness import ROUNDING
from .traffic import Traffic

__all__ = ["RetryBudget"]


class RetryBudget:
    """How many more requests may be sent than were asked for.

    Args:
        ratio: Retries that one success earns.
        per_second: Retries that come with time.
        most: The most that can be saved up, and what it starts with.
        now: Monotonic seconds, as in every method.
        traffic: What is asked and answered. None: nothing is known of it.
        per_missing: Retries that come with each answer that an outage withholds.
    """

    __slots__ = ("_at", "_left", "_most", "_per_missing", "_per_second", "_ratio", "_traffic")

    def __init__(
        self,
        ratio: float,
        per_second: float,
        most: float,
        now: float,
        traffic: Traffic | None = None,
        per_missing: float = 0.0,
    ) -> None:
        self._traffic = traffic
        self._per_missing = per_missing
        self._ratio = ratio
        self._per_second = per_second
        self._most = most
        self._left = most
        self._at = now

    def take(self, now: float) -> float:
        """Take one retry: 0.0 when it was there, else the seconds until one may be (taking none)."""
        missing = 1 - self.left(now)
        if missing <= ROUNDING:
            self._left = max(0.0, -missing)
            return 0.0
        pace = self._pace(now)
        return missing / pace if pace else math.inf

    def earn(self, now: float) -> None:
        """A request was answered."""
        self._left = min(self._most, self.left(now) + self._ratio)

    def give_back(self, now: float) -> None:
        """A retry was answered, so it was no load in vain."""
        self._left = min(self._most, self.left(now) + 1)

    def left(self, now: float) -> float:
        """The retries that are there."""
        elapsed = max(0.0, now - self._at)  # monotonic clocks do not go back, but virtual ones may be exchanged
        self._left = min(self._most, self._left + elapsed * self._pace(now))
        self._at = now
        return self._left

    def _pace(self, now: float) -> float:
        """The retries a second that come with time."""
        missing = 0.0 if self._traffic is None else self._traffic.missing(now)
        return self._per_second + self._per_missing * missing
