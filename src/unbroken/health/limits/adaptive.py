"""How many requests may be out at a time, found by trying, as TCP finds how much a network carries (AIMD).

Until the first refusal the limit grows by one with each request that is answered, and so doubles with each round
(slow start). A refusal cuts it, once an episode: what was sent before the cut says nothing of what the cut has mended.
From then on (congestion avoidance) it comes back, in two rounds or three, to just below the limit that was refused, as
CUBIC does, stays about there for some rounds, and then looks for more, by twice as much with each round. It grows only
where it is used up: what nobody needs was not tried (congestion window validation, RFC 7661).

A cut after at least a round of answers takes a tenth, as the limit was found to be about right; one that comes sooner
halves it, and leaves the point up to which slow start goes, so that after an outage the limit is soon what it was.
"""

from __future__ import annotations

import math
from typing import Final

__all__ = ["AdaptiveLimit"]

#: What it begins with: TCP's initial window (RFC 6928).
_INITIAL: Final = 10.0
#: What a cut leaves: `backoffRatio` of Netflix's `concurrency-limits` (AIMDLimit), with which nine tenths and more of
#: what there is are used; half of it, as in TCP Reno, where a cut was not enough.
_MILD: Final = 0.9
_SEVERE: Final = 0.5
#: For so many rounds it stays about where it was refused, and grows by one in all of them together. Ours: of twenty
#: requests that are out at a time, one in a hundred is refused for being one too many, and a quarter of that of forty.
_PLATEAU: Final = 4.0
#: Rounds after which it grows as in slow start, whatever it is.
_LONG: Final = _PLATEAU + 12.0
#: The most: the SDK's clients have no more connections (`DEFAULT_CONNECTION_LIMITS`).
_MOST: Final = 1000.0


class AdaptiveLimit:
    """A limit of concurrency that finds itself.

    Attributes:
        episode: How often it was cut by now; a request keeps the number with which it was sent.
    """

    __slots__ = ("_answered", "_limit", "_refused", "_round", "_rounds", "_slow_start_to", "episode")

    def __init__(self) -> None:
        self.episode: int = 0
        self._limit = _INITIAL
        self._slow_start_to = math.inf  # TCP's `ssthresh`
        self._refused = math.inf  # the limit that was too much
        # Since the last cut:
        self._round = _INITIAL  # how many answers are a round
        self._answered = 0  # of what was sent since then
        self._rounds = 0.0  # in which the limit was used up

    @property
    def limit(self) -> int:
        """How many requests may be out now; never below 1."""
        return int(self._limit)

    def answered(self, episode: int, *, saturated: bool) -> None:
        """A request was answered. What was sent before the last cut was too much then, and is no reason to grow.

        Args:
            episode: What it was sent with.
            saturated: Whether as many were out as may be.
        """
        if episode != self.episode:
            return
        self._answered += 1
        if not saturated:
            return
        self._rounds = min(self._rounds + 1 / self._limit, _LONG)
        self._limit = min(_MOST, self._limit + self._growth())

    def _growth(self) -> float:
        """By how much it grows with one answer; with a round of them by `limit` times as much, at most by itself."""
        if self._limit < self._slow_start_to:
            return 1.0
        beyond = self._rounds - _PLATEAU
        in_a_round = 2.0**beyond if beyond > 0 else max(self._refused - 1 - self._limit, 1 / _PLATEAU)
        return min(1.0, in_a_round / self._limit)

    def refused(self, episode: int) -> bool:
        """A request was refused: 429 or 529. Whether that cut the limit; another of the same episode does not.

        Args:
            episode: What it was sent with.
        """
        if episode != self.episode:
            return False
        before = self.limit
        if self._answered >= int(self._round):
            self._refused = float(before)
            self._limit = max(1.0, min(before - 1.0, before * _MILD))
            self._slow_start_to = self._limit
        else:
            if math.isinf(self._slow_start_to):
                self._slow_start_to = self._limit
            self._limit = max(1.0, self._limit * _SEVERE)
        self.episode += 1
        self._round = self._limit
        self._answered = 0
        self._rounds = 0.0
        return self.limit < before
