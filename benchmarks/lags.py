"""How late things were: counts in buckets, so that millions of them take no room and can be added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import ceil, log
from typing import Final, Self

__all__ = ["Lags", "p50_and_p99"]

#: Each bucket reaches so many times as far as the one before: a quantile is at most 5 % too large.
STEP: Final = 1.05
#: The first bucket ends here, in seconds.
FINEST: Final = 1e-5


@dataclass(slots=True)
class Lags:
    """Seconds, counted.

    Attributes:
        counts: How many by bucket.
        most: The largest one.
    """

    counts: Counter[int] = field(default_factory=Counter)
    most: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[ceil(log(seconds / FINEST) / _LOG) if seconds > FINEST else 0] += 1
        self.most = max(self.most, seconds)

    @property
    def total(self) -> int:
        """How many there are."""
        return self.counts.total()

    def quantile(self, q: float) -> float:
        """So large a share of them is at most this, in seconds; 0.0 if there are none."""
        wanted, seen = q * self.total, 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= wanted:
                return min(FINEST * STEP**bucket, self.most)
        return 0.0

    @classmethod
    def of(cls, parts: Iterable[Lags]) -> Self:
        """All of them together."""
        whole = cls()
        for part in parts:
            whole.counts.update(part.counts)
            whole.most = max(whole.most, part.most)
        return whole


_LOG: Final = log(STEP)


def p50_and_p99(lags: Lags) -> str:
    """Both, as tables have them."""
    return f"{1000 * lags.quantile(0.5):,.0f} and {1000 * lags.quantile(0.99):,.0f} ms"
