"""A limit of the caller's: a token bucket, kept as the generic cell rate algorithm (GCRA) does, by one moment."""

from __future__ import annotations

from typing import Final

from ...core.plan.readiness import seconds_until

__all__ = ["TokenBucket"]

#: How much of a minute's worth may be used at once. Ours: those who come together seldom wait, and the API, which may
#: enforce a limit over less than a minute ("60 RPM may be enforced as 1 request per second"), seldom objects.
_BURST: Final = 0.1


class TokenBucket:
    """So many in a minute, and a tenth of that at once, or one.

    What costs more than there ever is at once is let through when all is there, and pays afterwards.

    Args:
        per_minute: How many; above 0.
    """

    __slots__ = ("_burst", "_full_at", "per_minute")

    def __init__(self, per_minute: float) -> None:
        self.per_minute: float = per_minute
        self._burst = max(1.0, per_minute * _BURST)
        self._full_at = 0.0  # the "theoretical arrival time"; before it something is missing

    def left(self, now: float) -> float:
        """How many may be used now; below 0 where more was used than was there."""
        return self._burst - max(0.0, self._full_at - now) * self.per_minute / 60

    def due(self, cost: float, now: float) -> float:
        """Seconds until so many may be used; 0.0: now."""
        missing = min(cost, self._burst) - self.left(now)
        return seconds_until(now + missing * 60 / self.per_minute, now)

    def take(self, cost: float, at: float) -> None:
        """So many are used, or were.

        Args:
            cost: How many; below 0 gives back what was not needed.
            at: When. An answer's tokens are known at its end, and were written all the time since it was asked.
        """
        self._full_at = max(self._full_at, at) + cost * 60 / self.per_minute
