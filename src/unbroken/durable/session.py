"""What one process has to do with one journal, once for all of its streams: one tail, one keeper of leases, one watch.

There is one session for each journal and event loop. Its tasks run while somebody needs them.
"""

from __future__ import annotations

import secrets
import weakref
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import anyio
from anyio.lowlevel import RunVar

from ..concurrency.detached import Step, detach
from ..journal import Batch, Ended, Journal, JournalCorrupt, JournalError, Lease, StreamState
from .channel import Channel
from .entries import Record, Stored, decode, encode
from .fold import Fold
from .questions import Questions, patiently
from .tail import Tail
from .watch import OrphanWatch, Watcher

T = TypeVar("T")

__all__ = ["PATIENCE", "Leaseholder", "Session", "session_of"]

#: How long a journal may be away before that is an error, in seconds.
PATIENCE: Final = 5.0
#: How often it is asked whether streams that are written here are to end, in seconds: a stop is to be heard in one.
_HOLD: Final = 0.4
#: How many entries are read at a time.
_MANY: Final = 1000


class Reading(NamedTuple):
    """What a journal has of a stream behind some number.

    Attributes:
        entries: What was found, in its order.
        state: The stream, not older than that.
    """

    entries: Sequence[Stored]
    state: StreamState


class Leaseholder(Protocol):
    """Who writes a stream of this process."""

    lease: Lease
    seconds: float

    def stop(self) -> None:
        """Somebody wants the stream to end."""

    def lose(self) -> None:
        """Another writes it."""


class Session:
    """Streams of one journal, in one process.

    Args:
        journal: Where they are.
    """

    def __init__(self, journal: Journal) -> None:
        self.journal: Journal = journal
        self._questions = Questions()
        self._channels: weakref.WeakValueDictionary[str, Channel] = weakref.WeakValueDictionary()
        self._holders: set[Leaseholder] = set()
        self._tasks: dict[str, Step] = {}
        self._tail = Tail(journal, self._fetch)
        self._watch = OrphanWatch(journal)

    def channel(self, stream_id: str) -> Channel:
        """The live end of a stream; the same for all who ask while anybody has it."""
        channel = self._channels.get(stream_id)
        if channel is None or channel.gone:
            channel = self._channels[stream_id] = Channel(stream_id)
        return channel

    def created(self, stream_id: str) -> Channel:
        """The live end of a stream that was created a moment ago, and may have had a namesake."""
        channel = self.channel(stream_id)
        if channel.head > 1:
            channel.leave()
        return self.channel(stream_id)

    def seen(self, state: StreamState) -> None:
        """A stream was looked at: what is known of a namesake that was there before holds no more."""
        channel = self._channels.get(state.stream_id)
        if channel is not None and not channel.is_of(state):
            channel.leave()

    def _decoded(self, stream_id: str, batch: Batch) -> list[Stored]:
        """The entries of a batch. Raises `JournalCorrupt`."""
        codec, entries = self.journal.codec, []
        for fence, seq, data in batch.entries:
            if codec is not None:
                try:
                    data = codec.decode(data, stream_id, seq)  # the same entry, readable
                except Exception as error:
                    raise JournalCorrupt("an entry of the journal could not be decoded") from error
            entries.append(Stored(fence, seq, *decode(data)))
        return entries

    def encoded(self, stream_id: str, seq: int, record: Record) -> bytes:
        """An entry as it is stored under that number."""
        data, codec = encode(record), self.journal.codec
        return data if codec is None else codec.encode(data, stream_id, seq)

    async def read(self, channel: Channel, after: int, limit: int, patience: float = PATIENCE) -> Reading | None:
        """The entries behind a number, decoded; None: there is no such stream, or none any more."""

        async def read() -> Reading | None:
            batch = await self.journal.read(channel.stream_id, after=after, limit=limit)
            return None if batch is None else Reading(self._decoded(channel.stream_id, batch), batch.state)

        found = await self._questions.shared(("read", channel.stream_id, after, limit), read, patience)
        if found is None or not channel.is_of(found.state):
            channel.leave()
            return None
        channel.is_back()
        return found

    async def look(self, stream_id: str, patience: float = PATIENCE) -> StreamState | None:
        """How a stream stands; None: there is none."""
        found = await self._questions.shared(("look", stream_id), lambda: self.journal.look(stream_id), patience)
        if found is not None:
            self.seen(found)
        return found

    async def patiently(self, ask: Callable[[], Awaitable[T]], patience: float) -> T:
        """What the journal answers, asked again while it is away, for so many seconds. Raises `JournalError`."""
        return await patiently(ask, patience)

    # -- single entries

    async def take(
        self,
        fold: Fold,
        state: StreamState,
        *,
        lease: float,
        patience: float,
        force: bool = False,
        waits: bool = False,
    ) -> Lease | None:
        """Take a stream, which is folded to its head; the fold takes the entry that says so.

        Args:
            fold: The log.
            state: How the stream stands in the journal.
            lease: Seconds.
            patience: How long the journal may be away, in seconds.
            force: As in `Journal.take`.
            waits: Whether it is not to be written here, but to wait for another.

        Returns:
            The lease; None: somebody was faster, or it may not be taken.
        """
        # The number tells it from another's, where the journal's answer was lost.
        record = Record("takeover", {"head": fold.head, "by": secrets.token_hex(8), "waits": waits})
        data, tries = self.encoded(state.stream_id, state.head + 1, record), 0

        async def take() -> Lease | None:
            nonlocal tries
            tries += 1
            return await self.journal.take(state, data, lease=lease, force=force)

        taken = await self.patiently(take, patience)
        if taken is None and tries > 1:
            taken = await self.patiently(lambda: self._taken_before(state, data), patience)
        if taken is not None:
            takeover = Stored(taken.fence, taken.head, *record)
            fold.take(takeover)
            self.channel(state.stream_id).publish([takeover])
        return taken

    async def _taken_before(self, state: StreamState, data: bytes) -> Lease | None:
        """The lease of a stream that was taken by writing just this, and has nothing behind it; None: it was not."""
        batch = await self.journal.read(state.stream_id, after=state.head, limit=2)
        if batch is None or batch.state.created != state.created or [each.data for each in batch.entries] != [data]:
            return None
        return Lease(state.stream_id, batch.state.fence, batch.state.head)

    async def write_end(self, lease: Lease, ended: Ended, body: dict[str, Any], patience: float) -> None:
        """Say of a stream that is held here, and that nobody writes, how it has ended."""
        record, seq = Record("end", body), lease.head + 1
        data = self.encoded(lease.stream_id, seq, record)
        await self.patiently(lambda: self.journal.append(lease, [data], end=ended), patience)
        self.channel(lease.stream_id).publish([Stored(lease.fence, seq, *record)])

    # -- what others write

    @contextmanager
    def watching(self, channel: Channel) -> Iterator[None]:
        """While this is open, what others write of the stream is published to its channel."""
        with self._tail.watching(channel):
            self._run("tail", self._tail.run)
            yield

    async def _fetch(self, channel: Channel) -> None:
        found = await self.read(channel, channel.head, _MANY)
        if found is None:
            return
        if found.state.head < channel.head:
            channel.rewound()
        else:
            channel.publish(found.entries)

    # -- the keeper

    def hold(self, holder: Leaseholder) -> None:
        """Keep this lease, until `drop`."""
        self._holders.add(holder)
        self._run("keeper", self._keep)

    def drop(self, holder: Leaseholder) -> None:
        """Do not keep it any more."""
        self._holders.discard(holder)

    async def _keep(self) -> None:
        while self._holders:
            by_seconds: dict[float, list[Leaseholder]] = {}
            for holder in self._the_last():
                by_seconds.setdefault(holder.seconds, []).append(holder)
            for seconds, holders in by_seconds.items():
                try:
                    held = await self.journal.hold([holder.lease for holder in holders], seconds)
                except JournalError:
                    continue  # who has something to write will say so
                for holder in holders:
                    if holder not in self._holders:
                        continue
                    if holder.lease.stream_id in held.lost:
                        holder.lose()
                    elif holder.lease.stream_id in held.stop:
                        holder.stop()
            await anyio.sleep(min(_HOLD, *(seconds / 4 for seconds in by_seconds)))

    def _the_last(self) -> Iterable[Leaseholder]:
        """Of each stream its last holder. Another has lost it, whom that has only to be told."""
        last: dict[str, Leaseholder] = {}
        for holder in sorted(self._holders, key=lambda holder: holder.lease.fence):
            if (before := last.get(holder.lease.stream_id)) is not None:
                before.lose()
            last[holder.lease.stream_id] = holder
        return last.values()

    # -- what nobody writes

    @contextmanager
    def orphans(self, watcher: Watcher) -> Iterator[None]:
        """While this is open, the watcher is told of streams that nobody writes."""
        with self._watch.watching(watcher):
            self._run("watch", self._watch.run)
            yield

    def look_again(self) -> None:
        """Look for streams that nobody writes at once, and not only when it is time."""
        self._watch.look_again()

    # -- tasks

    def _run(self, name: str, work: Callable[[], object]) -> None:
        if name in self._tasks:
            return

        async def run() -> None:
            try:
                await work()  # type: ignore[misc]
            finally:
                self._tasks.pop(name, None)

        self._tasks[name] = detach(run)


#: By the journal's identity. A session has its journal, so that nothing else can have that meanwhile.
_SESSIONS: Final[RunVar[weakref.WeakValueDictionary[int, Session]]] = RunVar("unbroken.sessions")


def session_of(journal: Journal) -> Session:
    """This event loop's session with a journal. It lasts as long as anybody has it, or one of its tasks runs."""
    try:
        sessions = _SESSIONS.get()
    except LookupError:
        sessions = weakref.WeakValueDictionary()
        _SESSIONS.set(sessions)
    session = sessions.get(id(journal))
    if session is None:
        session = sessions[id(journal)] = Session(journal)
    return session
