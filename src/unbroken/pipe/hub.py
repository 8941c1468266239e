"""One source, several readers: each gets every item, and none gets far ahead of another."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable
from typing import Generic, TypeVar

from .pump import Pump

__all__ = ["Hub", "Reader"]

T = TypeVar("T")


class Hub(Generic[T]):
    """Hands each item of a source to each of its readers.

    The source is read from the first read of any reader on, and closed with the last reader.

    Args:
        source: What to read.
        readers: How many there are; each counts until it is closed, whether it reads or not.
        buffer: How many items may wait for a reader before the source, and so the others, wait for it.
    """

    def __init__(self, source: AsyncIterable[T], readers: int, buffer: int) -> None:
        self.pump: Pump[T] = Pump(source, self._put, self._has_room)
        self.readers: list[Reader[T]] = [Reader(self) for _ in range(readers)]
        self._open = list(self.readers)
        self._buffer = buffer

    def _put(self, item: T) -> None:
        for reader in self._open:
            reader.waiting.append(item)

    def _has_room(self) -> bool:
        return all(len(reader.waiting) < self._buffer for reader in self._open)

    async def leave(self, reader: Reader[T]) -> None:
        """Go on without this reader."""
        if reader in self._open:
            self._open.remove(reader)
        self.pump.notify()
        if not self._open:
            await self.pump.aclose()


class Reader(Generic[T]):
    """One of the readers. A read that is cancelled loses nothing.

    Attributes:
        waiting: What it has not taken yet.
    """

    def __init__(self, hub: Hub[T]) -> None:
        self.waiting: deque[T] = deque()
        self._hub = hub
        self._closed = False

    def __aiter__(self) -> Reader[T]:
        return self

    async def __anext__(self) -> T:
        pump = self._hub.pump
        while not self.waiting:
            if self._closed:
                raise StopAsyncIteration
            pump.check()
            pump.start()
            await pump.changed()
        item = self.waiting.popleft()
        pump.notify()
        return item

    async def aclose(self) -> None:
        """Leave the others alone; the last to leave closes the source."""
        self._closed = True
        self.waiting.clear()
        await self._hub.leave(self)
