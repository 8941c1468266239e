"""The journal that callers have: on the event loop, before the two threads that write and read."""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import anyio

from ...concurrency.detached import Wakeup, call_soon, wakeups
from ..errors import JournalError
from ..options import MAX_BYTES, ORPHAN_RETENTION, RETENTION, Options
from ..protocol import Batch, Codec, Ended, Held, Lease, StreamState
from . import states
from .calls import Append, Call
from .failures import translated
from .presence import Presence
from .reader import Reader
from .schema import Durability, open_reader, open_writer
from .store import Store
from .writer import Writer

__all__ = ["SQLiteJournal"]

T = TypeVar("T")


class SQLiteJournal:
    """Streams in a file of SQLite's, for all processes of one machine. It is entered in one event loop at a time.

    Beside the file there are two of SQLite's own, `-wal` and `-shm`, and a directory, `-workers`, with a file for each
    open journal, whose lock says that its process is there. All of them can be read by their owner only.

    Args:
        path: Of the file; it is made if there is none. Its directory has to be on a local file system that has locks.
        durability: `"process"`: what was acknowledged outlives every process, however it ends, and a power cut or a
            crash of the machine may take the last of it. `"host"`: it outlives those too, and each commit waits for the
            disk.
        retention: How long a stream is kept after its end, in seconds. Default: 24 hours.
        orphan_retention: How long one is kept that nobody writes any more, in seconds. Default: 7 days.
        max_bytes: The most that the entries of one stream may have together. Default: 8 MiB.
        codec: Applied to every entry. None: they are stored as they are.

    Entering it raises:
        JournalUnavailable: The file is locked by another process, and was for 5 seconds.
        JournalCorrupt: It is damaged.
        JournalError: It cannot be used: another program's or another version's, not to be written, or on a file system
            without locks.

    Raises:
        ValueError: A number is out of range, or the path names no file.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        durability: Durability = "process",
        retention: float = RETENTION,
        orphan_retention: float = ORPHAN_RETENTION,
        max_bytes: int = MAX_BYTES,
        codec: Codec | None = None,
    ) -> None:
        if os.fspath(path) in ("", ":memory:"):
            raise ValueError("path must name a file; a journal in memory is `MemoryJournal`")
        # Without links: who opens it by another name has to find the same presence files.
        self._path = os.path.realpath(path)
        if durability not in ("process", "host"):
            raise ValueError(f'durability must be "process" or "host", not {durability!r}')
        self._durability: Durability = durability
        self._options = Options(retention=retention, orphan_retention=orphan_retention, max_bytes=max_bytes)
        self.codec: Codec | None = codec
        self.orphan_poll: float = 0.05
        self._opened: _Opened | None = None

    async def __aenter__(self) -> Self:
        if self._opened is not None:
            raise JournalError(f"the journal {self._path} is open already")
        opened = _Opened(self._path, self._durability, self._options)
        await opened.open()
        self._opened = opened
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            with anyio.CancelScope(shield=True):
                await opened.close()

    # -- writing

    async def create(
        self, stream_id: str, entry: bytes, *, fingerprint: bytes, owner: bytes, lease: float | None
    ) -> Lease | StreamState:
        def work(store: Store) -> Lease | StreamState:
            return store.create(stream_id, entry, fingerprint, owner, lease)

        return await self._open.write(work)

    async def take(self, state: StreamState, entry: bytes, *, lease: float, force: bool = False) -> Lease | None:
        return await self._open.write(lambda store: store.take(state, entry, lease, force))

    async def append(self, lease: Lease, entries: Sequence[bytes], *, end: Ended | None = None) -> bool:
        head = lease.head + len(entries)
        stopping = await self._open.append(lease, entries, end)
        lease.head = head
        return stopping

    async def hold(self, leases: Sequence[Lease], seconds: float) -> Held:
        return await self._open.write(lambda store: store.hold(leases, seconds))

    async def release(self, lease: Lease) -> None:
        await self._open.write(lambda store: store.release(lease))

    async def cancel(self, stream_id: str) -> bool:
        return await self._open.write(lambda store: store.cancel(stream_id))

    async def purge(self, *, owner: bytes | None = None, stream_id: str | None = None) -> int:
        write = self._open.write
        gone = 0
        while some := await write(lambda store: store.drop(owner, stream_id)):
            gone += some
        # In small steps: what others write meanwhile goes between them.
        while await write(lambda store: store.delete()):
            pass
        return gone

    # -- reading

    async def look(self, stream_id: str) -> StreamState | None:
        is_there = self._open.is_there

        def work(connection: Any) -> StreamState | None:
            row = states.row_of(connection, stream_id)
            return None if row is None else row.state(is_there)

        return await self._open.read(work)

    async def read(self, stream_id: str, *, after: int, limit: int = 1000) -> Batch | None:
        is_there = self._open.is_there
        return await self._open.read(lambda connection: states.read(connection, stream_id, after, limit, is_there))

    async def wait(self, after: Mapping[str, int], seconds: float) -> None:
        await self._open.wait(dict(after), seconds)

    async def orphans(self, limit: int = 100) -> list[str]:
        is_there = self._open.is_there
        return await self._open.read(lambda connection: states.orphans(connection, limit, is_there))

    async def streams(self, *, after: str = "", limit: int = 1000) -> list[StreamState]:
        is_there = self._open.is_there
        return await self._open.read(lambda connection: states.states(connection, after, limit, is_there))

    @property
    def _open(self) -> _Opened:
        if self._opened is None:
            raise JournalError(f"the journal {self._path} is closed")
        if self._opened.is_forked:
            raise JournalError(f"the journal {self._path} was opened before a fork: open it in the new process")
        return self._opened


class _Waiter:
    __slots__ = ("after", "changed")

    def __init__(self, after: Mapping[str, int], changed: Wakeup) -> None:
        self.after = after
        self.changed = changed


class _Opened:
    """A journal from its opening to its close, on one event loop."""

    def __init__(self, path: str, durability: Durability, options: Options) -> None:
        self.is_forked = False
        self._path = path
        self._durability: Durability = durability
        self._options = options
        self._presence: Presence | None = None
        self._call_soon = call_soon()
        self._wakeup = wakeups()
        self._waiters: frozenset[_Waiter] = frozenset()
        self._writer = Writer(path, self._open_store, self._tell)
        self._reader = Reader(path, partial(open_reader, path), self._tell, self._tell_news)

    async def open(self) -> None:
        try:
            await self._started(self._writer)
            try:
                await self._started(self._reader)
            except BaseException:
                await self._stopped(self._reader)
                raise
        except BaseException:
            await self._stopped(self._writer)
            raise
        _OPEN.add(self)

    async def close(self) -> None:
        _OPEN.discard(self)
        if self.is_forked:
            return
        for waiter in self._waiters:
            waiter.changed.set()
        await self._stopped(self._reader)
        await self._stopped(self._writer)

    async def _started(self, thread: Reader | Writer) -> None:
        opened: Call[Any] = Call(_nothing, self._wakeup())
        thread.start(opened)
        await opened.wait()

    async def _stopped(self, thread: Reader | Writer) -> None:
        stopped: Call[Any] = Call(_nothing, self._wakeup())
        thread.stop(stopped)
        with anyio.CancelScope(shield=True):
            await stopped.wait()

    def close_in_child(self) -> None:
        """After a fork, in the child: the threads are not there, and SQLite's connections must not be touched."""
        self.is_forked = True
        if self._presence is not None:
            self._presence.close_in_child()

    # -- calls

    async def write(self, work: Callable[[Store], T]) -> T:
        call = Call(work, self._wakeup())
        self._writer.do(call)
        return await call.wait()

    async def append(self, lease: Lease, entries: Sequence[bytes], end: Ended | None) -> bool:
        def work(store: Store) -> bool:
            return store.append(lease, entries, end)

        call = Append(lease, entries, work, self._wakeup()) if end is None else Call(work, self._wakeup())
        self._writer.do(call)
        return await call.wait()

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        call = Call(work, self._wakeup())
        self._reader.do(call)
        return await call.wait()

    async def wait(self, after: Mapping[str, int], seconds: float) -> None:
        waiter = _Waiter(after, self._wakeup())
        self._set_waiters(self._waiters | {waiter})
        try:
            with anyio.move_on_after(seconds):
                # Only now: what comes meanwhile wakes the waiter.
                if not await self.read(lambda connection: states.has_news(connection, after)):
                    await waiter.changed.wait()
        finally:
            self._set_waiters(self._waiters - {waiter})

    def is_there(self, worker: int) -> bool:
        return self._presence is None or self._presence.is_there(worker)

    def _set_waiters(self, waiters: frozenset[_Waiter]) -> None:
        self._waiters = waiters
        self._reader.waited_for = [each.after for each in waiters]

    # -- in the threads

    def _open_store(self) -> Store:
        connection = open_writer(self._path, self._durability)
        try:
            self._presence = Presence(self._path)
        except BaseException as error:
            connection.close()
            if isinstance(error, OSError):
                raise translated(error, self._path) from error
            raise
        return Store(connection, self._presence, self._options)

    def _tell(self, calls: Sequence[Call[Any]], changed: frozenset[str] = frozenset()) -> None:
        self._call_soon(partial(self._end, calls, changed))

    def _tell_news(self) -> None:
        self._call_soon(self._wake_all)

    # -- in the event loop, called by the threads

    def _end(self, calls: Sequence[Call[Any]], changed: frozenset[str]) -> None:
        for call in calls:
            if call.abandoned and isinstance(call.error or call.result, Lease):
                # It was cancelled too late, and nobody will write what it has got.
                self._writer.do(Call(partial(_release, call.result), self._wakeup()))
            call.end()
        for waiter in self._waiters:
            if not changed.isdisjoint(waiter.after):
                waiter.changed.set()

    def _wake_all(self) -> None:
        for waiter in self._waiters:
            waiter.changed.set()


#: Those that are open in this process. A child of it that was forked off has neither their threads nor their locks.
_OPEN: Final[weakref.WeakSet[_Opened]] = weakref.WeakSet()


def _after_fork() -> None:
    for opened in list(_OPEN):
        opened.close_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _nothing(_: object) -> None:
    """Stands for the opening and the closing of a thread's connection."""


def _release(lease: Lease, store: Store) -> None:
    store.release(lease)
