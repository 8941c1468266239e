"""How soon a route begins to answer: quantiles of the last times to first content, in bounded memory."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

__all__ = ["Latency"]

#: How many times are kept: enough for a 95th percentile (ten of them are above it), and sorted in microseconds.
_KEPT: Final = 200


class Latency:
    """The times to first content of one route, in seconds.

    Some are only known to be longer than what was waited: those of the requests that lost a race before they had
    content. Left out, they would make the route look faster than it is, since it is the slow ones that lose: the 95th
    percentile of the survivors would sink, more requests would be hedged, still fewer of the slow ones would survive,
    and so on. Taken for whole, those that were cut short early would do the same. So they count for as long as they
    were watched, which is what the Kaplan-Meier estimate does ("censored" observations).
    """

    __slots__ = ("_times",)

    def __init__(self) -> None:
        self._times: deque[tuple[float, bool]] = deque(maxlen=_KEPT)

    def add(self, seconds: float, *, censored: bool = False) -> None:
        """Note one time; `censored` when there was no content yet."""
        self._times.append((seconds, censored))

    def __len__(self) -> int:
        """How many times are kept, censored ones included."""
        return len(self._times)

    @property
    def observed(self) -> int:
        """How many of them ended with content."""
        return sum(not censored for _, censored in self._times)

    def quantile(self, q: float) -> float:
        """The time, in seconds, within which a share `q` of the requests have content; always one that was noted.

        Where too many were given up to know, it is the quantile of what was waited: the truth is no shorter.

        Raises:
            IndexError: Nothing was noted yet.
        """
        # At equal times those with content come first: the others are known to have been longer.
        ordered = sorted(self._times)
        waiting = 1.0
        for rank, (seconds, censored) in enumerate(ordered):
            if not censored:
                waiting *= 1 - 1 / (len(ordered) - rank)
                if waiting <= 1 - q + 1e-9:  # what the products lose to rounding
                    return seconds
        return ordered[math.ceil(q * len(ordered)) - 1][0]
