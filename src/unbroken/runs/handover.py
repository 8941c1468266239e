"""Answers on their way from those who get them to the one who takes them."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

import anyio

__all__ = ["Handover"]

T = TypeVar("T")


class Handover(Generic[T]):
    """A queue without scopes of its own in its reader's code: a read may be cancelled, and the next one goes on.

    Args:
        most: How many may wait before those who bring more have to wait, too.

    Attributes:
        error: What is raised when all were taken; None: it is only the end.
    """

    def __init__(self, most: int) -> None:
        self.error: Exception | None = None
        self._most = most
        self._ready: deque[T] = deque()
        self._changed = anyio.Event()
        self._closed = False

    async def put(self, item: T) -> None:
        """Bring one, and wait while there are many."""
        self._ready.append(item)
        self._tell()
        while len(self._ready) > self._most:
            await self._changed.wait()

    async def take(self) -> T:
        """The next one. Raises `StopAsyncIteration` at the end, or `error`, once."""
        while not self._ready:
            if self._closed:
                error, self.error = self.error, None
                raise error or StopAsyncIteration
            await self._changed.wait()
        item = self._ready.popleft()
        self._tell()
        return item

    def close(self) -> None:
        """There will be no more."""
        self._closed = True
        self._tell()

    def _tell(self) -> None:
        changed, self._changed = self._changed, anyio.Event()
        changed.set()
