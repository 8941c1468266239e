"""Slow start: after a standstill one request is let through, then two, four, and never more a second than a bound.

As in TCP: each that is answered makes room for two. What had to wait would otherwise all be sent in the same instant.
"""

from __future__ import annotations

from math import inf
from typing import Final

__all__ = ["SlowStart"]

#: How long nobody has been turned away when it is over, in seconds: twice the time in which every stream that waits
#: looks again (`engine/admission.POLL`).
LINGER: Final = 1.0
#: How many seconds of the bound may come at once.
_BURST: Final = 0.1


class SlowStart:
    """Of one route, or of one rate-limit bucket. Every `now` is in monotonic seconds."""

    __slots__ = ("_due", "_pace", "_room", "_turned_away_at", "_under_way")

    def __init__(self) -> None:
        self._room: int | None = None  # how many may be under way without an answer; None: it is over
        self._under_way = 0
        self._pace = inf
        self._due = -inf
        self._turned_away_at = -inf

    def begin(self, now: float, pace: float = inf) -> None:
        """A standstill is over, or will be at `now`; at most `pace` requests a second are let through."""
        self._room, self._under_way = 1, 0
        self._pace = pace
        self._due = now
        self._turned_away_at = now

    @property
    def is_over(self) -> bool:
        """Whether everyone is let through."""
        return self._room is None

    def wait(self, now: float) -> float:
        """Seconds until the next request may be let through, as far as is known; 0.0: now."""
        if self._room is None or now > self._turned_away_at + LINGER:
            return 0.0
        late = self._due - now - _BURST
        if late > 0:
            return late
        return LINGER / 2 if self._under_way >= self._room else 0.0

    def has_room(self, now: float) -> bool:
        """Whether a request may be let through now; who is turned away comes again."""
        if self._room is None:
            return True
        if self.wait(now):
            self._turned_away_at = now
            return False
        if now > self._turned_away_at + LINGER:
            self._room = None
        return True

    def enter(self, now: float) -> None:
        """One is let through."""
        self._under_way += 1
        self._due = max(self._due, now) + 1 / self._pace

    def answered(self) -> None:
        """One that was let through was answered."""
        if self._room is not None:
            self._room += 1
            self._under_way = max(0, self._under_way - 1)

    def ended(self) -> None:
        """One that was let through ended without an answer."""
        self._under_way = max(0, self._under_way - 1)
