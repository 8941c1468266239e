"""What every journal of ours can be told, with its defaults."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from .protocol import StreamState

__all__ = ["MAX_BYTES", "ORPHAN_RETENTION", "RETENTION", "Options"]

#: How long a stream is kept after its end, in seconds: a day, in which most readers have come back.
RETENTION: Final = 24 * 3600.0
#: How long one is kept that nobody writes any more, in seconds: a weekend, and some.
ORPHAN_RETENTION: Final = 7 * 24 * 3600.0
#: The most that the entries of one stream may have together: some 60,000 tokens, each in an event of its own.
MAX_BYTES: Final = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Options:
    """How much a journal keeps, and for how long.

    Attributes:
        retention: How long a stream is kept after its end, in seconds.
        orphan_retention: How long one is kept that nobody writes any more, in seconds.
        max_bytes: The most that the entries of one stream may have together.
    """

    retention: float = RETENTION
    orphan_retention: float = ORPHAN_RETENTION
    max_bytes: int = MAX_BYTES

    def __post_init__(self) -> None:
        for name in ("retention", "orphan_retention"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(f"{name} must be a number of seconds, not {value!r}")
            if not value >= 0:
                raise ValueError(f"{name} must not be negative, not {value!r}")
        if isinstance(self.max_bytes, bool) or not isinstance(self.max_bytes, int):
            raise TypeError(f"max_bytes must be a whole number, not {self.max_bytes!r}")
        if self.max_bytes < 1:
            raise ValueError(f"max_bytes must be at least 1, not {self.max_bytes!r}")

    def is_over(self, state: StreamState, touched: float) -> bool:
        """Whether a stream's time is over; `touched` is when it was written or held last, seconds since the epoch."""
        if state.ended is not None:
            return time.time() - state.ended >= self.retention
        return state.orphaned and time.time() - touched >= self.orphan_retention
