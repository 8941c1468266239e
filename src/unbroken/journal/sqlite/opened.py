"""A journal from its opening to its close, on one event loop."""

from __future__ import annotations

import os
import weakref
from collections.abc import Collection, Mapping
from typing import Final

import anyio

from ...concurrency.detached import Wakeup, wakeups
from ..options import Options
from .checkpoints import Checkpoints
from .failures import translated
from .presence import Presence
from .reader import Reader
from .schema import Durability, open_writer
from .states import news
from .store import Store
from .writer import Writer

__all__ = ["Opened"]


class _Waiter:
    __slots__ = ("after", "news", "woken")

    def __init__(self, after: Mapping[str, int], woken: Wakeup) -> None:
        self.after = after
        self.news: set[str] = set()
        self.woken = woken


class Opened:
    """What writes and reads one file, and who is there.

    Args:
        path: Of the file, without links.
        durability: What a commit waits for.
        options: How much is kept, and for how long.

    Attributes:
        writer: Writes.
        reader: Reads.
        is_forked: Whether this is a copy in a process that was forked off: without threads, and not to be touched.
    """

    def __init__(self, path: str, durability: Durability, options: Options) -> None:
        self.is_forked: bool = False
        self.writer: Writer = Writer(path, self._open_store, waits=durability == "host", tell=self._tell)
        self.reader: Reader = Reader(path, self._tell)
        self._path = path
        self._durability: Durability = durability
        self._options = options
        self._checkpoints = Checkpoints(path)
        self._presence: Presence | None = None
        self._wakeups = wakeups()
        self._waiters: frozenset[_Waiter] = frozenset()

    async def open(self) -> None:
        """Open the file. Raises `JournalError`; everything is closed then."""
        try:
            await self.writer.open()
            await self.reader.open()
        except BaseException:
            await self.close()
            raise
        _OPEN.add(self)

    async def close(self) -> None:
        """Write what was asked for before, and close everything."""
        _OPEN.discard(self)
        if self.is_forked:
            return
        for waiter in self._waiters:
            waiter.woken.set()
        with anyio.CancelScope(shield=True):
            await self.reader.close()
            await self.writer.close()

    def is_there(self, worker: int) -> bool:
        """Whether that worker has the journal open, as far as anybody can see."""
        return self._presence is None or self._presence.is_there(worker)

    async def wait(self, after: Mapping[str, int], seconds: float) -> Collection[str]:
        """As `Journal.wait`."""
        waiter = _Waiter(after, self._wakeups())
        self._set_waiters(self._waiters | {waiter})
        try:
            with anyio.move_on_after(seconds):
                # Only now: what comes meanwhile wakes the waiter.
                waiter.news.update(await self.reader.do(lambda connection: news(connection, after)))
                if not waiter.news:
                    await waiter.woken.wait()
        finally:
            self._set_waiters(self._waiters - {waiter})
        return waiter.news

    def _set_waiters(self, waiters: frozenset[_Waiter]) -> None:
        self._waiters = waiters
        self.reader.waited_for = [each.after for each in waiters]

    def _tell(self, changed: Collection[str]) -> None:
        for waiter in self._waiters:
            found = waiter.after.keys() & changed
            if found:
                waiter.news |= found
                waiter.woken.set()

    def _open_store(self) -> Store:
        """Called in the writer's thread."""
        connection = open_writer(self._path, self._durability)
        try:
            self._presence = Presence(self._path)
        except BaseException as error:
            connection.close()
            if isinstance(error, OSError):
                raise translated(error, self._path) from error
            raise
        return Store(self._path, connection, self._presence, self._options, self._checkpoints)

    def close_in_child(self) -> None:
        """After a fork, in the child: nobody but this process's parent holds the lock then."""
        self.is_forked = True
        if self._presence is not None:
            self._presence.close_in_child()


#: Those that are open in this process.
_OPEN: Final[weakref.WeakSet[Opened]] = weakref.WeakSet()


def _after_fork() -> None:
    for opened in list(_OPEN):
        opened.close_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
