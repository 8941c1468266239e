"""What one process has to do with one journal, once for all of its streams: one tail, one keeper of leases, one watch.

There is one session for each journal and event loop. Its tasks run while somebody needs them.
"""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, Protocol, TypeVar, cast

import anyio
from anyio.lowlevel import RunVar

from ..concurrency.detached import Step, detach
from ..journal import Batch, Ended, Journal, JournalCorrupt, JournalError, JournalUnavailable, Lease, StreamState
from .channel import Channel
from .entries import Record, Stored, decode, encode
from .fold import Fold

T = TypeVar("T")

__all__ = ["PATIENCE", "Leaseholder", "Session", "session_of"]

#: How long a journal may be away before that is an error, in seconds.
PATIENCE: Final = 5.0
#: The longest that one question for news may take, in seconds: what was missed by a fault is seen then.
_WAIT: Final = 1.0
#: How often it is asked whether streams that are written here are to end, in seconds: a stop is to be heard in one.
_HOLD: Final = 0.4
#: How many entries are read at a time.
_MANY: Final = 1000
#: How many questions are asked at a time: what a crowd of readers asks for comes one after the other, and each in time.
_AT_A_TIME: Final = 8
#: Between tries where the journal is away, in seconds.
_PAUSE: Final = 0.1


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
        self._turns = anyio.Semaphore(_AT_A_TIME)
        self._asked: dict[tuple[object, ...], tuple[Step, list[Any]]] = {}
        self._channels: weakref.WeakValueDictionary[str, Channel] = weakref.WeakValueDictionary()
        self._watched: dict[str, int] = {}
        self._holders: set[Leaseholder] = set()
        self._watches: set[Callable[[Sequence[str]], None]] = set()
        self._tasks: dict[str, Step] = {}
        self._waiting: anyio.CancelScope | None = None

    def channel(self, stream_id: str) -> Channel:
        """The live end of a stream; the same for all who ask while anybody has it."""
        channel = self._channels.get(stream_id)
        if channel is None:
            channel = self._channels[stream_id] = Channel(stream_id)
        return channel

    def decoded(self, stream_id: str, batch: Batch) -> list[Stored]:
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

    async def read(self, stream_id: str, after: int, limit: int, patience: float = PATIENCE) -> Reading | None:
        """The entries behind a number, decoded; None: there is no such stream."""

        async def read() -> Reading | None:
            batch = await self.journal.read(stream_id, after=after, limit=limit)
            return None if batch is None else Reading(self.decoded(stream_id, batch), batch.state)

        return await self._shared(("read", stream_id, after, limit), read, patience)

    async def look(self, stream_id: str, patience: float = PATIENCE) -> StreamState | None:
        """How a stream stands; None: there is none."""
        return await self._shared(("look", stream_id), lambda: self.journal.look(stream_id), patience)

    async def _shared(self, key: tuple[object, ...], ask: Callable[[], Awaitable[T]], patience: float) -> T:
        """What the journal answers. Those who ask for the same at the same time, as a crowd of readers does that comes
        back, share one answer; and others wait for their turn, which is no absence of the journal's.
        """
        asked = self._asked.get(key)
        if asked is None:
            answers: list[T] = []

            async def answer() -> None:
                try:
                    async with self._turns:
                        answers.append(await self.patiently(ask, patience))
                finally:
                    del self._asked[key]

            asked = self._asked[key] = detach(answer), answers
        step, found = asked
        await step.wait()
        return cast("T", found[0])

    async def patiently(self, ask: Callable[[], Awaitable[T]], patience: float) -> T:
        """What the journal answers, asked again while it is away, for so many seconds. Raises `JournalError`."""
        until = anyio.current_time() + patience
        while True:
            try:
                with anyio.CancelScope(deadline=until):
                    return await ask()
                raise JournalUnavailable("the journal does not answer")
            except JournalUnavailable:
                if anyio.current_time() + _PAUSE >= until:
                    raise
            await anyio.sleep(_PAUSE)

    # -- single entries

    async def take(
        self, fold: Fold, state: StreamState, *, lease: float, patience: float, force: bool = False
    ) -> Lease | None:
        """Take a stream, which is folded to its head; the fold takes the entry that says so.

        Returns:
            The lease; None: somebody was faster, or it may not be taken.
        """
        record = Record("takeover", {"head": fold.head})
        data = self.encoded(state.stream_id, state.head + 1, record)
        taken = await self.patiently(lambda: self.journal.take(state, data, lease=lease, force=force), patience)
        if taken is not None:
            takeover = Stored(taken.fence, taken.head, *record)
            fold.take(takeover)
            self.channel(state.stream_id).publish([takeover])
        return taken

    async def write_end(self, lease: Lease, ended: Ended, body: dict[str, Any], patience: float) -> None:
        """Say of a stream that is held here, and that nobody writes, how it has ended."""
        record, seq = Record("end", body), lease.head + 1
        data = self.encoded(lease.stream_id, seq, record)
        await self.patiently(lambda: self.journal.append(lease, [data], end=ended), patience)
        self.channel(lease.stream_id).publish([Stored(lease.fence, seq, *record)])

    # -- the tail

    @contextmanager
    def watching(self, channel: Channel) -> Iterator[None]:
        """While this is open, what others write of the stream is published to its channel."""
        name = channel.stream_id
        self._watched[name] = self._watched.get(name, 0) + 1
        if self._watched[name] == 1 and self._waiting is not None:
            self._waiting.cancel()
        self._run("tail", self._follow)
        try:
            yield
        finally:
            self._watched[name] -= 1
            if not self._watched[name]:
                del self._watched[name]

    async def _follow(self) -> None:
        away_since: float | None = None
        while self._watched:
            channels = [self._channels[name] for name in self._watched if name in self._channels]
            after = {channel.stream_id: channel.head for channel in channels if not channel.written_here}
            try:
                news: Sequence[str] = ()
                with anyio.CancelScope() as self._waiting:
                    if after:
                        found = await self.journal.wait(after, _WAIT)
                        news = list(after) if found is None else list(found)  # type: ignore[redundant-expr]
                    else:
                        await anyio.sleep(_WAIT)
                self._waiting = None
                for channel in channels:
                    if channel.stream_id in news:
                        await self._fetch(channel)
                away_since = None
            except JournalError as error:
                self._waiting = None
                now = anyio.current_time()
                away_since = away_since or now
                if not isinstance(error, JournalUnavailable) or now - away_since >= PATIENCE:
                    for channel in channels:
                        channel.error = error
                        channel.wake()
                await anyio.sleep(_PAUSE)

    async def _fetch(self, channel: Channel) -> None:
        found = await self.read(channel.stream_id, channel.head, _MANY)
        if found is None:
            channel.gone = True
            channel.wake()
        elif found.state.head < channel.head:
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
            for holder in self._holders:
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

    # -- the watch

    @contextmanager
    def orphans(self, found: Callable[[Sequence[str]], None]) -> Iterator[None]:
        """While this is open, `found` is called with the ids of streams that nobody writes, over and over."""
        self._watches.add(found)
        self._run("watch", self._watch)
        try:
            yield
        finally:
            self._watches.discard(found)

    async def _watch(self) -> None:
        while self._watches:
            try:
                orphans = await self.journal.orphans()
            except JournalError:
                orphans = []
            if orphans:
                for found in list(self._watches):
                    found(orphans)
            await anyio.sleep(self.journal.orphan_poll)

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


_SESSIONS: Final[RunVar[weakref.WeakKeyDictionary[Journal, Session]]] = RunVar("unbroken.sessions")


def session_of(journal: Journal) -> Session:
    """This event loop's session with a journal."""
    try:
        sessions = _SESSIONS.get()
    except LookupError:
        sessions = weakref.WeakKeyDictionary()
        _SESSIONS.set(sessions)
    session = sessions.get(journal)
    if session is None:
        session = sessions[journal] = Session(journal)
    return session
