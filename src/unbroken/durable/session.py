"""What one process has to do with one journal, once for all of its streams: one tail, one keeper of leases, one watch.

There is one session for each journal and event loop, while anybody has it. Its tasks run while somebody needs them.
"""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import anyio
from anyio.lowlevel import RunVar

from ..concurrency.detached import Step, detach
from ..journal import Ended, Held, Journal, JournalError, JournalUnavailable, Lease, StreamState
from .channel import Channel
from .entries import Record, Stored, encode
from .fold import Fold
from .tail import Tail

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

__all__ = ["PATIENCE", "Leaseholder", "Session", "session_of"]

#: How long a journal may be away before that is an error, in seconds.
PATIENCE: Final = 5.0
#: How often it is asked whether streams that are written here are to end, in seconds: a stop is to be heard in one.
_HOLD: Final = 0.4
#: Between tries where the journal is away, in seconds.
_PAUSE: Final = 0.1
#: How long who leaves waits for an answer of the journal, in seconds.
_GRACE: Final = 1.0


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
        self._channels: weakref.WeakValueDictionary[str, Channel] = weakref.WeakValueDictionary()
        self._holders: set[Leaseholder] = set()
        self._watches: set[Callable[[Sequence[str]], None]] = set()
        self._tasks: dict[str, Step] = {}
        self._tail = Tail(journal)

    def channel(self, stream_id: str) -> Channel:
        """The live end of a stream; the same for all who ask while anybody has it."""
        channel = self._channels.get(stream_id)
        if channel is None:
            channel = self._channels[stream_id] = Channel(stream_id)
        return channel

    def encoded(self, stream_id: str, seq: int, record: Record) -> bytes:
        """An entry as it is stored under that number."""
        data, codec = encode(record), self.journal.codec
        return data if codec is None else codec.encode(data, stream_id, seq)

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

    def watching(self, channel: Channel) -> AbstractContextManager[None]:
        """While this is open, what others write of the stream is published to its channel."""
        return self._tail.watching(channel)

    # -- single entries

    async def acquire(self, ask: Callable[[], Awaitable[T]], patience: float) -> T:
        """What `patiently` gives; a lease that who is cancelled meanwhile would have got is left to others."""
        found: list[T] = []

        async def work() -> None:
            found.append(await self.patiently(ask, patience))

        step = detach(work)
        try:
            await step.wait()
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                with anyio.move_on_after(_GRACE), suppress(Exception):
                    await step.wait()
                await step.cancel()
                for lease in found:
                    if isinstance(lease, Lease):
                        with anyio.move_on_after(_GRACE), suppress(JournalError):
                            await self.journal.release(lease)
            raise
        return found[0]

    async def take(
        self, fold: Fold, state: StreamState, *, lease: float, patience: float, force: bool = False
    ) -> Lease | None:
        """Take a stream, which is folded to its head; the fold takes the entry that says so.

        Returns:
            The lease; None: somebody was faster, or it may not be taken.
        """
        # The journal forgets that somebody has asked for its end, and who takes it may be lost before that is done.
        stops = {"stop": True} if state.status == "live" and (state.stopping or fold.stopping) else {}
        record = Record("takeover", {"head": fold.head, **stops})
        data = self.encoded(state.stream_id, state.head + 1, record)
        taken = await self.acquire(lambda: self.journal.take(state, data, lease=lease, force=force), patience)
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
                await self._renew([holder for holder in holders if holder in self._holders], seconds)
            await anyio.sleep(min(_HOLD, *(seconds / 4 for seconds in by_seconds)))

    async def _renew(self, holders: Sequence[Leaseholder], seconds: float) -> None:
        held = Held(frozenset(), frozenset())
        # Who has something to write will say so where the journal is away.
        with suppress(JournalError), anyio.move_on_after(max(seconds / 2, PATIENCE)):
            held = await self.journal.hold([holder.lease for holder in holders], seconds)
        for holder in holders:
            if holder not in self._holders:
                continue
            if holder.lease.stream_id in held.lost:
                holder.lose()
            elif holder.lease.stream_id in held.stop:
                holder.stop()

    # -- the watch

    @contextmanager
    def orphans(self, found: Callable[[Sequence[str]], None]) -> Iterator[None]:
        """While this is open, `found` is called with the ids of streams that nobody writes, over and over, also
        where there are none."""
        self._watches.add(found)
        self._run("watch", self._watch)
        try:
            yield
        finally:
            self._watches.discard(found)

    async def _watch(self) -> None:
        while self._watches:
            with suppress(JournalError), anyio.move_on_after(PATIENCE):
                orphans = await self.journal.orphans()
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


#: By the identity of the journal, which a session keeps alive.
_SESSIONS: Final[RunVar[weakref.WeakValueDictionary[int, Session]]] = RunVar("unbroken.sessions")


def session_of(journal: Journal) -> Session:
    """This event loop's session with a journal."""
    try:
        sessions = _SESSIONS.get()
    except LookupError:
        sessions = weakref.WeakValueDictionary()
        _SESSIONS.set(sessions)
    session = sessions.get(id(journal))
    if session is None:
        session = sessions[id(journal)] = Session(journal)
    return session
