"""An even pace for a text that comes in bursts: how much of it is due, and when more will be.

The pace is the rate that was asked for, or, where that would be too slow, the slowest at which every character is out
`max_lag` seconds after it came: a burst is spread evenly over the lag that is allowed. There is no clock here: the time
comes in.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from ..core.plan.readiness import ROUNDING, seconds_until

__all__ = ["Pacer"]

#: Seconds. Text that grows with every second picture of a usual screen grows evenly to the eye.
_STEP: Final = 1 / 30


class Pacer:
    """Holds text back until it is due.

    Args:
        rate: Characters a second; more than 0.
        max_lag: Seconds that a character may be held at most.

    Attributes:
        size: How many characters are held.
    """

    def __init__(self, rate: float, max_lag: float) -> None:
        self.size: int = 0
        self._rate = rate
        self._max_lag = max_lag
        self._held: deque[tuple[float, str]] = deque()  # until when it has to be out, and the text
        self._paid = -math.inf  # up to when what was due has been taken

    def put(self, text: str, now: float) -> None:
        """Hold a text that came now."""
        until = now + self._max_lag
        was_empty = not self._held
        if not was_empty and until - self._held[-1][0] < _STEP:
            until, before = self._held.pop()  # what came at about the same time is held as one
            self._held.append((until, before + text))
        elif text:
            self._held.append((until, text))
        self.size += len(text)
        if was_empty and self._held:  # the first character after a pause is due; the pause has earned no more
            self._paid = max(self._paid, now - self._step(now))

    def take(self, now: float) -> str:
        """Take what is due; an empty text when nothing is."""
        pace = self._pace(now)
        earned = math.floor((now - self._paid + ROUNDING) * pace) if self._held else 0
        if earned < min(self._at_once(pace), self.size):
            earned = 0
        count = min(self.size, max(earned, self._overdue(now)))
        if count:
            self._paid = now if count == self.size else max(self._paid + count / pace, now - self._step(now))
        return self._cut(count)

    def wait(self, now: float) -> float | None:
        """Seconds until more is due; None: nothing is held."""
        if not self._held:
            return None
        return seconds_until(min(self._paid + self._step(now), self._held[0][0]), now)

    def clear(self) -> None:
        """Drop what is held."""
        self._held.clear()
        self.size = 0

    def _pace(self, now: float) -> float:
        """Characters a second."""
        pace, ahead = self._rate, 0
        for until, text in self._held:
            ahead += len(text)
            if until - now > ROUNDING:
                pace = max(pace, ahead / (until - now))
        return pace

    def _at_once(self, pace: float) -> int:
        """How many characters are taken at once: as few as do not need more than one step each."""
        return max(1, math.ceil(pace * _STEP - ROUNDING))

    def _step(self, now: float) -> float:
        """Seconds from one time of taking to the next."""
        pace = self._pace(now)
        return min(self._at_once(pace), self.size) / pace

    def _overdue(self, now: float) -> int:
        return sum(len(text) for until, text in self._held if until - now <= ROUNDING)

    def _cut(self, count: int) -> str:
        """Take the first `count` characters."""
        self.size -= count
        pieces: list[str] = []
        while count:
            until, text = self._held.popleft()
            if len(text) > count:
                self._held.appendleft((until, text[count:]))
            pieces.append(text[:count])
            count -= len(pieces[-1])
        return "".join(pieces)
