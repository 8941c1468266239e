"""What a stream has waited for before it asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from ..report import WaitedFor

__all__ = ["Waits"]


class Waits:
    """The waits of one stream since its last request."""

    __slots__ = ("_seconds",)

    def __init__(self) -> None:
        self._seconds: dict[WaitedFor, float] = {}

    @contextmanager
    def spent(self, what: WaitedFor) -> Iterator[None]:
        """What is done here is waiting."""
        begun = anyio.current_time()
        try:
            yield
        finally:
            if seconds := anyio.current_time() - begun:
                self._seconds[what] = self._seconds.get(what, 0.0) + seconds

    def take(self) -> dict[WaitedFor, float]:
        """Seconds by what they were waited for; from now on it is another request that waits."""
        taken, self._seconds = self._seconds, {}
        return taken
