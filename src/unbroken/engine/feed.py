"""Events on their way to the reader: the engine reads ahead of whoever takes them, but not far."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import anyio
import anyio.lowlevel

from ..concurrency.detached import Wakeup, wakeup
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
        events: What can be taken, oldest first.
        closed: Whether nothing more will come.
    """

    __slots__ = ("_begun", "_engine", "_readers", "_reads", "_was_read", "closed", "events")

    def __init__(self) -> None:
        # Never long. A deque takes half a kilobyte of every stream even while it is empty.
        self.events: list[Event] = []
        self.closed: bool = False
        self._readers: list[Wakeup] = []  # they wait for events
        self._engine: Wakeup | None = None  # it waits for a reader
        self._begun = False
        self._reads = 0  # on end
        self._was_read = True  # all that there was, since more was asked for

    def put(self, events: Iterable[Event]) -> None:
        """Add events, and wake who waits for them."""
        self.events += events
        if self._readers:
            self._wake_readers()

    def close(self) -> None:
        """Say that nothing more will come."""
        self.closed = True
        self._wake_readers()

    async def arrival(self) -> None:
        """Wait until there is something to take, or the outbox is closed. Cancelling this loses nothing."""
        self._was_read = True
        if self._engine is not None:
            self._engine.set()
            self._engine = None
        if not (self.events or self.closed):
            arrived = wakeup()
            self._readers.append(arrived)
            await arrived.wait()

    def begin(self) -> None:
        """An answer begins: the first of it is to be handed over at once, however much more comes with it."""
        self._begun = False

    async def room(self) -> None:
        """Wait, while there is enough to take, until a reader has taken it."""
        self._reads += 1
        if (not self._begun and self.events) or self._reads >= _ON_END:
            self._begun = self._begun or bool(self.events)
            self._reads = 0
            await anyio.lowlevel.checkpoint()
        if len(self.events) >= _ENOUGH:
            self._reads = 0
            self._engine = wakeup()
            await self._engine.wait()

    async def demand(self) -> None:
        """Wait, before more is asked for, until a reader has taken all that was there since more was asked for before.

        So one request is made ahead of whoever reads, and no second one for who has left without a word.
        """
        while not (self._was_read or self._readers):
            self._engine = wakeup()
            await self._engine.wait()
        self._was_read = False

    def _wake_readers(self) -> None:
        readers, self._readers = self._readers, []
        for reader in readers:
            reader.set()
