"""Looks for the most streams that a core can read before their text comes late."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

__all__ = ["LATE", "Trial", "most"]

#: How late the 99th percentile of the text may come, in seconds: two and a half events at 50 a second.
LATE: Final = 0.05
#: How exactly the number is looked for, as a share of it.
PRECISION: Final = 0.06


@dataclass(frozen=True, slots=True)
class Trial:
    """So many streams at a time, and how late their text came.

    Attributes:
        side: Who read them.
        transport: Over which HTTP client.
        streams: How many.
        p50: Half of the text came at most so many seconds after it was sent. Infinite where streams did not begin.
        p99: So many for 99 in a hundred.
        served_p99: How much later than due the server sent 99 in a hundred, in seconds; not part of the others.
        cpu: Seconds of the reader's CPU for one event.
        others: For which share of the time other processes had the reader's core.
    """

    side: str
    transport: str
    streams: int
    p50: float
    p99: float
    served_p99: float
    cpu: float
    others: float

    @property
    def in_time(self) -> bool:
        """Whether the text came in time."""
        return self.p99 <= LATE


def most(attempt: Callable[[int], Trial], start: int) -> tuple[Trial, list[Trial]]:
    """The trial with the most streams in time, and all trials.

    It takes ever more streams (or fewer, where the first were too many), and then halves the gap between the most in
    time and the fewest that were late, until the two are close. Whoever is late is tried twice: another process may
    have had the core.

    Args:
        attempt: Tries so many streams.
        start: How many to try first.

    Raises:
        RuntimeError: Not even one stream is in time.
    """
    trials: list[Trial] = []

    def tried(streams: int) -> Trial:
        trials.append(attempt(streams))
        if not trials[-1].in_time:
            trials.append(attempt(streams))
        return trials[-1]

    first = last = before = tried(max(1, start))
    while last.in_time == first.in_time:
        if last.streams == 1 and not last.in_time:
            raise RuntimeError("not even one stream is read in time: this machine is too busy to measure on")
        before, last = last, tried(2 * last.streams if first.in_time else last.streams // 2)
    good, late = (before, last) if first.in_time else (last, before)
    while late.streams - good.streams > max(1, PRECISION * good.streams):
        last = tried((good.streams + late.streams) // 2)
        good, late = (last, late) if last.in_time else (good, last)
    return good, trials
