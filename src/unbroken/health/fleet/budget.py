"""The fleet's retry budget, of which each process holds a small slice."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from ..budget import RetryBudget

__all__ = ["LeasedBudget"]

#: Which part of the fleet's budget one process holds, but one retry at least. Ours: small, so that what lies idle in
#: one process is not missed by the others; a process that runs short asks for more within milliseconds.
_SLICE: Final = 0.1
#: Seconds in which a process that asks the fleet for more can have it.
_SOON: Final = 0.1


class LeasedBudget(RetryBudget):
    """A budget that is filled by the fleet's, and by time only while the fleet cannot be reached.

    Args:
        ratio: As in `RetryBudget`, and so are the next three.
        per_second: Of the whole fleet.
        most: Of the whole fleet.
        now: Monotonic seconds, as in every method.
        more: What else a `RetryBudget` takes.
    """

    __slots__ = ("_fleet_left", "_of_fleet", "ask", "slice")

    def __init__(self, ratio: float, per_second: float, most: float, now: float, *more: Any) -> None:
        super().__init__(ratio, per_second, most, now, *more)
        self._of_fleet = per_second
        self._fleet_left = 0.0
        self.slice: float = max(1.0, most * _SLICE)
        #: Called when more is needed, and the fleet may have it.
        self.ask: Callable[[], None] = _nothing

    @property
    def terms(self) -> tuple[float, float]:
        """The most that the fleet saves up, and what comes with time."""
        return self._most, self._of_fleet

    @property
    def fleet_left(self) -> float:
        """What the fleet had left, beside the slices, when it was last heard of."""
        return self._fleet_left

    def take(self, now: float) -> float:
        wait = super().take(now)
        if not wait and self._left >= 1:
            return 0.0
        if self._fleet_left >= 1:
            self.ask()
        if not wait or self._per_second:
            return wait
        missing = 1 - self._left - self._fleet_left
        if missing <= 0:
            return min(wait, _SOON)
        return min(wait, max(_SOON, missing / self._of_fleet)) if self._of_fleet else wait

    def settle(self, now: float) -> tuple[float, int]:
        """What is above the slice, which is taken away for the fleet; and how many are missing in it."""
        left = self.left(now)
        given = max(0.0, left - self.slice)
        self._left = left - given
        return given, max(0, math.floor(self.slice - self._left))

    def filled(self, got: float, fleet_left: float, now: float) -> None:
        """The fleet has given so many, and has so many left. From now on time fills the fleet's budget alone."""
        self._left = min(self._most, self.left(now) + got)
        self._per_second = 0.0
        self._fleet_left = fleet_left

    def alone(self, given: float, processes: int, now: float) -> None:
        """The fleet was not reached: what was meant for it stays, and time brings this process its share.

        Args:
            given: What `settle` took away.
            processes: How many share the fleet's budget, as far as is known.
            now: Monotonic seconds.
        """
        self._left = min(self._most, self.left(now) + given)
        self._per_second = self._of_fleet / max(1, processes)
        self._fleet_left = 0.0


def _nothing() -> None:
    pass
