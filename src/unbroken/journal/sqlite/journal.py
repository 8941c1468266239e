"""The journal that callers have."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from ..errors import JournalError
from ..options import MAX_BYTES, ORPHAN_RETENTION, RETENTION, Options
from ..protocol import Batch, Codec, Ended, Held, Lease, StreamState
from . import states
from .calls import Append, Call
from .opened import Opened
from .schema import Durability
from .store import Store

__all__ = ["SQLiteJournal"]

#: What is written in the event loop, at most, in bytes: for the disk's cache that is a millisecond.
_QUICK: Final = 128 * 1024


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
        self._opened: Opened | None = None

    async def __aenter__(self) -> Self:
        if self._opened is not None:
            raise JournalError(f"the journal {self._path} is open already")
        opened = Opened(self._path, self._durability, self._options)
        await opened.open()
        self._opened = opened
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.close()

    # -- writing

    async def create(
        self, stream_id: str, entry: bytes, *, fingerprint: bytes, owner: bytes, lease: float | None
    ) -> Lease | StreamState:
        def work(store: Store) -> Lease | StreamState:
            return store.create(stream_id, entry, fingerprint, owner, lease)

        return await self._open.writer.do(Call(work), quick=len(entry) <= _QUICK)

    async def take(self, state: StreamState, entry: bytes, *, lease: float, force: bool = False) -> Lease | None:
        def work(store: Store) -> Lease | None:
            return store.take(state, entry, lease, force)

        return await self._open.writer.do(Call(work), quick=len(entry) <= _QUICK)

    async def append(self, lease: Lease, entries: Sequence[bytes], *, end: Ended | None = None) -> bool:
        def work(store: Store) -> bool:
            return store.appends.append(lease, entries, end)

        call = Append(lease, entries) if end is None else Call(work)
        head = lease.head + len(entries)
        quick = (len(entries[0]) if len(entries) == 1 else sum(map(len, entries))) <= _QUICK
        stopping = await self._open.writer.do(call, quick=quick)
        lease.head = head
        return stopping

    async def hold(self, leases: Sequence[Lease], seconds: float) -> Held:
        return await self._open.writer.do(Call(lambda store: store.hold(leases, seconds)), quick=len(leases) <= 64)

    async def release(self, lease: Lease) -> None:
        await self._open.writer.do(Call(lambda store: store.release(lease)))

    async def cancel(self, stream_id: str) -> bool:
        return await self._open.writer.do(Call(lambda store: store.cancel(stream_id)))

    async def purge(self, *, owner: bytes | None = None, stream_id: str | None = None) -> int:
        def drop(store: Store) -> int:
            return store.drop(owner, stream_id)

        writer = self._open.writer
        gone = 0
        while some := await writer.do(Call(drop), quick=False):
            gone += some
        # In small steps: what others write meanwhile goes between them.
        while await writer.do(Call(Store.delete), quick=False):
            pass
        return gone

    # -- reading

    async def look(self, stream_id: str) -> StreamState | None:
        opened = self._open
        return await opened.reader.do(lambda connection: states.look(connection, stream_id, opened.is_there))

    async def read(self, stream_id: str, *, after: int, limit: int = 1000) -> Batch | None:
        opened = self._open
        return await opened.reader.do(
            lambda connection: states.read(connection, stream_id, after, limit, opened.is_there)
        )

    async def wait(self, after: Mapping[str, int], seconds: float) -> Collection[str]:
        return await self._open.wait(dict(after), seconds)

    async def orphans(self, limit: int = 100) -> list[str]:
        opened = self._open
        return await opened.reader.do(lambda connection: states.orphans(connection, limit, opened.is_there))

    async def streams(self, *, after: str = "", limit: int = 1000) -> list[StreamState]:
        opened = self._open
        return await opened.reader.do(lambda connection: states.states(connection, after, limit, opened.is_there))

    @property
    def _open(self) -> Opened:
        if self._opened is None:
            raise JournalError(f"the journal {self._path} is closed")
        if self._opened.is_forked:
            raise JournalError(f"the journal {self._path} was opened before a fork: open it in the new process")
        return self._opened
