"""A rate limit of the account's, as the headers of responses tell of it: `limit`, `remaining` and `reset`."""

from __future__ import annotations

from typing import Final

from ...core.plan.readiness import seconds_until
from ...core.wire.rate_limits import Quota

__all__ = ["ToldQuota"]

#: The longest that a limit for a minute may take to be whole again, in seconds: the API fills them up all the time, so
#: that none takes longer than a minute. Whatever a response says, nobody waits longer for lack of another one.
_LONGEST: Final = 120.0
#: The share that is left to others, who use the same account at the same moment, and to what headers round (tokens to
#: thousands). It costs nothing: as long as a limit is not whole, all that comes with time is used.
_RESERVE: Final = 0.05


class ToldQuota:
    """What is left of one limit, between one response and the next.

    A response tells of the whole account, and so of what other processes use. What it does not tell of is what was
    sent since: the caller counts that.
    """

    __slots__ = ("_at", "_left", "_limit", "_per_second")

    def __init__(self) -> None:
        self._limit = 0.0  # nothing was told yet
        self._left = 0.0
        self._per_second = 0.0
        self._at = 0.0

    @property
    def known(self) -> bool:
        """Whether a response has told of it."""
        return self._limit > 0

    @property
    def limit(self) -> float:
        """How many there may be in a minute; 0.0: nothing was told."""
        return self._limit

    def told(self, quota: Quota, unseen: float, now: float) -> None:
        """A response tells of it.

        Args:
            quota: What it says.
            unseen: How many are used by requests of which no response has told yet: they may be counted already, or
                not, and the response of each will say.
            now: When it came.
        """
        self._limit = quota.limit
        self._left = quota.remaining - unseen
        self._at = now
        self._per_second = quota.limit / 60
        if quota.seconds is not None and quota.remaining < quota.limit:
            # Where it is filled up slower than a limit for a minute is, it is paced by that.
            seconds = min(max(quota.seconds, 1.0), _LONGEST)
            self._per_second = min(self._per_second, (quota.limit - quota.remaining) / seconds)

    def left(self, now: float) -> float:
        """How many may be used now; below 0 where more may have been used than was there."""
        return min(self._limit, self._left + max(0.0, now - self._at) * self._per_second)

    def due(self, cost: float, now: float) -> float:
        """Seconds until so many may be used; 0.0: now, or nothing was told. What costs more than all waits for all."""
        if not self._limit or self._left > cost + self._limit * _RESERVE:
            return 0.0  # for most requests nothing has to be counted
        missing = min(cost + self._limit * _RESERVE, self._limit) - self.left(now)
        return seconds_until(now + missing / self._per_second, now)

    def take(self, cost: float, now: float) -> None:
        """So many are used; below 0: they were not."""
        self._left = self.left(now) - cost
        self._at = now
