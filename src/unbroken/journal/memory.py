"""A journal in this process's memory: for tests, and for backends of one process that want readers to come back."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import anyio
import anyio.lowlevel

from .errors import Fenced, JournalFull, StreamGone
from .options import MAX_BYTES, ORPHAN_RETENTION, RETENTION, Options
from .protocol import Batch, Codec, Ended, Entry, Held, Lease, Status, StreamState

__all__ = ["MemoryJournal"]


@dataclass(slots=True)
class _Stream:
    fingerprint: bytes
    owner: bytes
    created: float
    lease: float | None  # seconds; None: nobody holds it
    held_until: float  # monotonic
    touched: float  # seconds since the epoch
    fence: int = 1
    status: Status = "live"
    stopping: bool = False
    ended: float | None = None
    size: int = 0
    entries: list[Entry] = field(default_factory=list)

    @property
    def head(self) -> int:
        return len(self.entries)

    def has(self, lease: Lease, data: Sequence[bytes], status: Status) -> bool:
        """Whether this very append was made before, and its answer was lost."""
        there = [Entry(lease.fence, number, each) for number, each in enumerate(data, lease.head + 1)]
        return self.status == status and self.entries[lease.head :] == there

    def write(self, data: Sequence[bytes]) -> None:
        self.entries += [Entry(self.fence, number, each) for number, each in enumerate(data, self.head + 1)]
        self.size += sum(map(len, data))

    def renew(self) -> None:
        self.touched = time.time()
        self.held_until = time.monotonic() + (self.lease or 0.0)

    @property
    def orphaned(self) -> bool:
        return self.status == "live" and (self.lease is None or time.monotonic() >= self.held_until)


class MemoryJournal:
    """Streams that live as long as this object. It may be entered any number of times, also on one event loop after
    another, but not in two threads at once.

    Args:
        retention: How long a stream is kept after its end, in seconds. Default: 24 hours.
        orphan_retention: How long one is kept that nobody writes any more, in seconds. Default: 7 days.
        max_bytes: The most that the entries of one stream may have together. Default: 8 MiB.
        codec: Applied to every entry. None: they are kept as they are.

    Raises:
        ValueError: A number is out of range.
    """

    def __init__(
        self,
        *,
        retention: float = RETENTION,
        orphan_retention: float = ORPHAN_RETENTION,
        max_bytes: int = MAX_BYTES,
        codec: Codec | None = None,
    ) -> None:
        self._options = Options(retention=retention, orphan_retention=orphan_retention, max_bytes=max_bytes)
        self.codec: Codec | None = codec
        self.orphan_poll: float = 0.02
        self._streams: dict[str, _Stream] = {}
        self._changed: set[anyio.Event] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Nothing to close: what was written stays."""

    # -- writing

    async def create(
        self, stream_id: str, entry: bytes, *, fingerprint: bytes, owner: bytes, lease: float | None
    ) -> Lease | StreamState:
        if stream_id in self._streams:
            return self._state(stream_id)
        if len(entry) > self._options.max_bytes:
            raise JournalFull(f"a stream may have {self._options.max_bytes} bytes at the most")
        now = time.time()
        stream = self._streams[stream_id] = _Stream(fingerprint, owner, now, lease, 0.0, now)
        stream.renew()
        stream.write([entry])
        self._notify()
        return Lease(stream_id, 1, 1)

    async def take(self, state: StreamState, entry: bytes, *, lease: float, force: bool = False) -> Lease | None:
        stream = self._streams.get(state.stream_id)
        if stream is None or (stream.fence, stream.head, stream.created) != (state.fence, state.head, state.created):
            return None
        if stream.status in ("complete", "cancelled") or not (force or stream.status == "failed" or stream.orphaned):
            return None
        stream.fence += 1
        stream.status, stream.ended, stream.stopping = "live", None, False
        stream.lease = lease
        stream.renew()
        stream.write([entry])
        self._notify()
        return Lease(state.stream_id, stream.fence, stream.head)

    async def append(self, lease: Lease, entries: Sequence[bytes], *, end: Ended | None = None) -> bool:
        stream = self._streams.get(lease.stream_id)
        if stream is None or stream.fence < lease.fence or (stream.fence == lease.fence and stream.head < lease.head):
            raise StreamGone("the stream is not there any more, or has lost entries that were acknowledged")
        if stream.fence != lease.fence or stream.status != "live" or stream.head != lease.head:
            if not stream.has(lease, entries, end or "live"):
                raise Fenced("another has taken the stream, or it has ended")
            lease.head = stream.head
            return stream.stopping
        size = sum(map(len, entries))
        # What says that it has ended always finds room.
        if stream.size + size > self._options.max_bytes and end is None:
            raise JournalFull(f"a stream may have {self._options.max_bytes} bytes at the most")
        stream.write(entries)
        stream.renew()
        if end is not None:
            stream.status, stream.ended, stream.lease = end, stream.touched, None
        lease.head = stream.head
        self._notify()
        return stream.stopping

    async def hold(self, leases: Sequence[Lease], seconds: float) -> Held:
        stop: set[str] = set()
        lost: set[str] = set()
        for lease in leases:
            stream = self._streams.get(lease.stream_id)
            if stream is None or stream.fence != lease.fence or stream.status != "live":
                lost.add(lease.stream_id)
                continue
            stream.lease = seconds
            stream.renew()
            if stream.stopping:
                stop.add(lease.stream_id)
        return Held(frozenset(stop), frozenset(lost))

    async def release(self, lease: Lease) -> None:
        stream = self._streams.get(lease.stream_id)
        if stream is not None and stream.fence == lease.fence and stream.status == "live":
            stream.lease = None
            self._notify()

    async def cancel(self, stream_id: str) -> bool:
        stream = self._streams.get(stream_id)
        if stream is None or stream.status != "live":
            return False
        stream.stopping = True
        self._notify()
        return True

    async def purge(self, *, owner: bytes | None = None, stream_id: str | None = None) -> int:
        if stream_id is not None:
            gone = [stream_id] if stream_id in self._streams else []
        elif owner is not None:
            gone = [name for name, stream in self._streams.items() if stream.owner == owner]
        else:
            gone = [name for name in self._streams if self._options.is_over(self._state(name), self._touched(name))]
        for name in gone:
            del self._streams[name]
        if gone:
            self._notify()
        return len(gone)

    # -- reading; who asks over and over lets others write

    async def look(self, stream_id: str) -> StreamState | None:
        await anyio.lowlevel.checkpoint()
        return self._state(stream_id) if stream_id in self._streams else None

    async def read(self, stream_id: str, *, after: int, limit: int = 1000) -> Batch | None:
        await anyio.lowlevel.checkpoint()
        stream = self._streams.get(stream_id)
        return None if stream is None else Batch(stream.entries[after : after + limit], self._state(stream_id))

    async def wait(self, after: Mapping[str, int], seconds: float) -> Collection[str]:
        await anyio.lowlevel.checkpoint()
        if news := self._news(after):
            return news
        changed = anyio.Event()
        self._changed.add(changed)
        try:
            with anyio.move_on_after(seconds):
                await changed.wait()
        finally:
            self._changed.discard(changed)
        return self._news(after)

    async def orphans(self, limit: int = 100) -> list[str]:
        await anyio.lowlevel.checkpoint()
        live = [(s.created, name) for name, s in self._streams.items() if s.orphaned]
        return [name for _, name in sorted(live)[:limit]]

    async def streams(self, *, after: str = "", limit: int = 1000) -> list[StreamState]:
        await anyio.lowlevel.checkpoint()
        return [self._state(name) for name in sorted(name for name in self._streams if name > after)[:limit]]

    # -- inside

    def _news(self, after: Mapping[str, int]) -> list[str]:
        return [name for name, head in after.items() if self._is_news(name, head)]

    def _is_news(self, name: str, head: int) -> bool:
        stream = self._streams.get(name)
        return stream is None or stream.head != head or stream.status != "live"

    def _touched(self, name: str) -> float:
        return self._streams[name].touched

    def _notify(self) -> None:
        for changed in self._changed:
            changed.set()

    def _state(self, stream_id: str) -> StreamState:
        stream = self._streams[stream_id]
        return StreamState(
            stream_id=stream_id,
            fence=stream.fence,
            head=stream.head,
            status=stream.status,
            fingerprint=stream.fingerprint,
            owner=stream.owner,
            orphaned=stream.orphaned,
            stopping=stream.stopping,
            created=stream.created,
            ended=stream.ended,
            size=stream.size,
        )
