"""Events on their way to the reader: the engine reads ahead of the reader, but not far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import anyio
import anyio.lowlevel

from ..concurrency.detached import Wakeup, wakeups
from ..core.wire.decoded import Event

__all__ = ["EventFeed"]

#: How many events may wait for the reader before the network is left waiting, too; what one read brings may exceed it.
#: A burst is worth few switches, and what is soon taken is gone before the garbage collector looks at it (every 700
#: objects): with 512, reading text took a fifth more CPU time, and a thousand waiting streams took megabytes.
_ENOUGH: Final = 32
#: After how many reads on end the other tasks get their turn. What a read brings may lie in a buffer, 64 KiB of it, and
#: while nothing of it can be delivered, as before a joint, nobody else would be let in.
_ON_END: Final = 32


class EventFeed:
    """A queue between two tasks that costs a switch only where one has to wait for the other.

    Attributes:
        waiting: What can be taken, oldest first. To be looked at: events leave by `take` alone.
        closed: Whether nothing more will come.
    """

    __slots__ = ("_begun", "_engine", "_events", "_make_wakeup", "_readers", "_reads", "_was_read", "closed", "waiting")

    def __init__(self) -> None:
        # Never long. A deque takes half a kilobyte of every stream even while it is empty.
        self._events: list[Event] = []
        self.waiting: Sequence[Event] = self._events
        self.closed: bool = False
        self._readers: list[Wakeup] = []  # they wait for events
        self._engine: Wakeup | None = None  # it waits for a reader
        self._make_wakeup: Callable[[], Wakeup] | None = None
        self._begun = False
        self._reads = 0  # on end
        self._was_read = True  # all that there was, since more was asked for

    def put(self, events: Sequence[Event]) -> None:
        """Add events, and wake the readers that wait for them."""
        self._events += events
        if self._readers:
            readers, self._readers = self._readers, []
            for reader in readers:
                reader.set()

    def take(self) -> Event:
        """Take the oldest event of those that wait."""
        return self._events.pop(0)

    def drop(self) -> None:
        """Drop what waits: it is too late to be read."""
        self._events.clear()

    def close(self) -> None:
        """Say that nothing more will come."""
        self.closed = True
        self.put(())

    async def arrival(self) -> None:
        """Wait until there is something to take, or the feed is closed. Cancelling this loses nothing."""
        self._was_read = True
        if self._engine is not None:
            self._engine.set()
            self._engine = None
        if not (self._events or self.closed):
            arrived = self._make_wakeup() if self._make_wakeup is not None else self._wakeup()
            self._readers.append(arrived)
            try:
                await arrived.wait()
            except BaseException:
                # It was cancelled: nobody waits any more, and nothing is to be asked for as if somebody did.
                if arrived in self._readers:
                    self._readers.remove(arrived)
                raise

    def begin(self) -> None:
        """An answer begins: the reader gets its turn after the first read of it, however much more is there."""
        self._begun = False

    async def room(self) -> None:
        """Wait, while there is enough to take, until a reader has taken it."""
        self._reads += 1
        if (not self._begun and self._events) or self._reads >= _ON_END:
            self._begun = self._begun or bool(self._events)
            self._reads = 0
            await anyio.lowlevel.checkpoint()
        if len(self._events) >= _ENOUGH:
            self._reads = 0
            self._engine = self._wakeup()
            await self._engine.wait()

    async def demand(self) -> None:
        """Wait, before more is asked for, until a reader has taken all that was there since more was asked for before.

        So one request is made ahead of the reader, and no second one where the reader has left without a word.
        """
        while not (self._was_read or self._readers):
            self._engine = self._wakeup()
            await self._engine.wait()
        # What a reader waits for is not asked for ahead of it.
        self._was_read = bool(self._readers)

    def _wakeup(self) -> Wakeup:
        # Which event loop it is, is asked once.
        self._make_wakeup = self._make_wakeup or wakeups()
        return self._make_wakeup()
