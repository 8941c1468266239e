"""A journal in memory that a test can watch, hold up and take away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import anyio

from unbroken.journal import Batch, Ended, Held, JournalUnavailable, Lease, MemoryJournal, StreamState

__all__ = ["RiggedJournal", "soon"]

T = TypeVar("T")
Hook = Callable[[], Awaitable[object]]


async def soon(condition: Callable[[], bool]) -> None:
    """Wait until it is so, where that may take some time; what never becomes so fails, and does not hang."""
    with anyio.fail_after(60):
        while not condition():  # noqa: ASYNC110  # nobody tells of it
            await anyio.sleep(0.005)


class RiggedJournal(MemoryJournal):
    """Counts its calls.

    Attributes:
        calls: How often each method was called.
        before: By a method's name, what is awaited before it does anything. What that raises is its answer.
        after: Likewise, once it is done: its answer is lost where that raises.
        away: Whether it cannot be reached.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.calls: Counter[str] = Counter()
        self.before: dict[str, Hook] = {}
        self.after: dict[str, Hook] = {}
        self.away: bool = False

    def lose(self, stream_id: str, head: int) -> None:
        """Forget the entries behind this number, as a server that comes back without its last second."""
        del self._streams[stream_id].entries[head:]
        self._notify()

    def set_data(self, stream_id: str, seq: int, data: bytes) -> None:
        """Put something else in the place of one entry."""
        entries = self._streams[stream_id].entries
        entries[seq - 1] = entries[seq - 1]._replace(data=data)

    async def create(
        self, stream_id: str, entry: bytes, *, fingerprint: bytes, owner: bytes, lease: float | None
    ) -> Lease | StreamState:
        call = super().create(stream_id, entry, fingerprint=fingerprint, owner=owner, lease=lease)
        return await self._call("create", call)

    async def take(self, state: StreamState, entry: bytes, *, lease: float, force: bool = False) -> Lease | None:
        return await self._call("take", super().take(state, entry, lease=lease, force=force))

    async def append(self, lease: Lease, entries: Sequence[bytes], *, end: Ended | None = None) -> bool:
        moved = replace(lease)
        stopping = await self._call("append", super().append(moved, entries, end=end))
        lease.head = moved.head
        return stopping

    async def hold(self, leases: Sequence[Lease], seconds: float) -> Held:
        return await self._call("hold", super().hold(leases, seconds))

    async def release(self, lease: Lease) -> None:
        return await self._call("release", super().release(lease))

    async def look(self, stream_id: str) -> StreamState | None:
        return await self._call("look", super().look(stream_id))

    async def read(self, stream_id: str, *, after: int, limit: int = 1000) -> Batch | None:
        return await self._call("read", super().read(stream_id, after=after, limit=limit))

    async def wait(self, after: Mapping[str, int], seconds: float) -> Collection[str]:
        return await self._call("wait", super().wait(after, seconds))

    async def cancel(self, stream_id: str) -> bool:
        return await self._call("cancel", super().cancel(stream_id))

    async def orphans(self, limit: int = 100) -> list[str]:
        return await self._call("orphans", super().orphans(limit))

    async def _call(self, name: str, call: Any) -> Any:
        self.calls[name] += 1
        try:
            if self.away:
                raise JournalUnavailable("the journal is away")
            if (hook := self.before.get(name)) is not None:
                await hook()
        except BaseException:
            call.close()
            raise
        answer = await call
        if (hook := self.after.get(name)) is not None:
            await hook()
        return answer
