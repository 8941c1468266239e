"""How much is asked and answered: the normal rate, which an outage does not change, and what is missing of it."""

from __future__ import annotations

from math import exp
from typing import Final

__all__ = ["Rate", "Traffic"]

#: Over how many seconds the normal rate is averaged, and what is answered now. Ours: long beside the pauses of a few
#: dozen users; and an outage is to be felt in seconds.
NORMAL_SECONDS: Final = 30.0
NOW_SECONDS: Final = 5.0
#: The share of failures, among what ends, from which on the normal rate is no longer learnt. Ours: well above what a
#: healthy API refuses, and an outage that takes less than this hardly changes the rate.
ILL: Final = 0.2
#: How many times the normal rate of requests those are let through at who have waited for a breaker. Ours: below twice
#: of it, with room for what is not exact about that rate; and an outage's queue is served within seconds.
RECOVERY_PACE: Final = 1.6
#: The least of it, a second: what a few users ask for is no storm.
LEAST_PACE: Final = 2.0


class Rate:
    """How often something happens a second: an exponentially weighted mean, right from the first second on.

    Args:
        seconds: Over how many seconds it is averaged.
    """

    __slots__ = ("_age", "_seconds", "_weight")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._weight = 0.0
        self._age = 0.0

    def advance(self, seconds: float) -> None:
        """So much time has passed."""
        self._weight *= exp(-seconds / self._seconds)
        self._age += seconds

    def add(self) -> None:
        """It has happened."""
        self._weight += 1.0

    @property
    def value(self) -> float:
        """A second. What is seen within the first half of its time is taken to be all that this half has."""
        age = max(self._age, self._seconds / 2)
        return self._weight / (self._seconds * (1 - exp(-age / self._seconds)))


class Traffic:
    """What the streams of one `Health` ask for, and what of it is answered. Every `now` is in monotonic seconds.

    Args:
        now: When it begins.
        consecutive_failures: So many in a row, and nothing is answered any more.
    """

    __slots__ = ("_answers", "_asked", "_at", "_failures", "_ill", "_in_a_row", "_most_in_a_row", "_normal")

    def __init__(self, now: float, consecutive_failures: int) -> None:
        self._at = now
        self._most_in_a_row = consecutive_failures
        self._in_a_row = 0  # failures
        self._normal = Rate(NORMAL_SECONDS)  # its clock stands still while most fails
        self._asked = Rate(NORMAL_SECONDS)
        self._answers = Rate(NOW_SECONDS)
        self._failures = Rate(NOW_SECONDS)
        self._ill = False

    def asked(self, now: float) -> None:
        """A request was made that is no retry."""
        self._advance(now)
        self._asked.add()
        if not self._ill:
            self._normal.add()

    def answered(self, now: float) -> None:
        """A request brought content."""
        self._advance(now)
        self._answers.add()
        self._in_a_row = 0
        self._judge()

    def failed(self, now: float) -> None:
        """A request was refused, or lost."""
        self._advance(now)
        self._failures.add()
        self._in_a_row += 1
        self._judge()

    def normal(self, now: float) -> float:
        """The requests a second that are no retries, as they were before an outage; more if more are made in it."""
        self._advance(now)
        return max(self._normal.value, self._asked.value) if self._ill else self._normal.value

    def recovery_pace(self, now: float) -> float:
        """The most requests a second that are let through after a time in which nothing succeeded."""
        return max(LEAST_PACE, RECOVERY_PACE * self.normal(now))

    def missing(self, now: float) -> float:
        """The answers a second that an outage withholds: what is normally asked for, less what is answered.

        None are, in this sense, when nothing is answered at all: asking more often brings none of them back.
        """
        if self._in_a_row >= self._most_in_a_row:
            return 0.0
        return max(0.0, self.normal(now) - self._answers.value)

    def _advance(self, now: float) -> None:
        elapsed, self._at = max(0.0, now - self._at), max(now, self._at)
        for rate in (self._asked, self._answers, self._failures):
            rate.advance(elapsed)
        if not self._ill:
            self._normal.advance(elapsed)

    def _judge(self) -> None:
        failures = self._failures.value
        self._ill = failures >= ILL * (failures + self._answers.value)
