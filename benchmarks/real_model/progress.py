"""How far a run is: one line that is written over on a terminal, and a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Final, Self

__all__ = ["Progress"]

#: Seconds between two lines where there is no terminal.
_EVERY: Final = 15.0


class Progress:
    """Counts up to `total`, on stderr.

    Args:
        what: The things that are counted.
        total: How many there are at most.
    """

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._terminal = sys.stderr.isatty()
        self._began = self._told = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._terminal:
            print(file=sys.stderr)

    def step(self, note: str = "") -> None:
        """One more is done; `note` says what of it is worth a look."""
        self._done += 1
        now = time.monotonic()
        line = f"{self._done} of {self._total} {self._what}, {now - self._began:.0f} s; {note}"
        if self._terminal:
            print(f"\r\x1b[K{line[:118]}", end="", file=sys.stderr, flush=True)
        elif now - self._told >= _EVERY or self._done == self._total:
            self._told = now
            print(line, file=sys.stderr, flush=True)
