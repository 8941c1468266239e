"""One stream, as its writer writes it: what happens is staged, and is seen when the journal has it.

While one append is under way, what arrives is staged and goes with the next; there is no timer. The engine reads on
meanwhile, but not far.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Final

import anyio
import anyio.lowlevel

from ..concurrency.detached import Wakeup, wakeups
from ..core.splicing.splicer import Splicer
from ..core.wire.decoded import Event
from ..engine.feed import EventFeed
from ..journal import Ended, Lease
from ..report import AttemptReport
from .entries import Record, Stored
from .session import Session

__all__ = ["LogRecording", "RecordedFeed", "StreamLog"]

#: How many entries may be staged before the network is left waiting, too.
_ENOUGH: Final = 512
#: After how many reads on end the other tasks get their turn, as in `EventFeed`.
_ON_END: Final = 32


class StreamLog:
    """The log of one stream, for whoever holds its lease.

    Args:
        session: Of the journal.
        lease: The right to write.
        patience: How long the journal may be away, in seconds.
        on_stop: Called when somebody has asked for the stream's end.
        on_error: Called when nothing can be written any more.

    Attributes:
        error: Why nothing can be written any more; None while it can.
    """

    def __init__(
        self,
        session: Session,
        lease: Lease,
        *,
        patience: float,
        on_stop: Callable[[], None],
        on_error: Callable[[], None],
    ) -> None:
        self.error: Exception | None = None
        self._session = session
        self._lease = lease
        self._channel = session.channel(lease.stream_id)
        self._patience = patience
        self._on_stop = on_stop
        self._on_error = on_error
        self._staged: list[Record] = []
        self._end: Ended | None = None
        self._ended = False  # as `_end` says, and the journal has it
        self._over = False
        self._under_way = False
        self._make_wakeup = wakeups()
        self._idle: Wakeup | None = None  # `run` waits for something to write
        self._waiting: list[Wakeup] = []  # they wait for it to be written

    def stage(self, record: Record) -> None:
        """Write this with the next append."""
        self._staged.append(record)
        self._wake()

    def stage_events(self, events: Sequence[Event]) -> None:
        """Write these with the next append."""
        self._staged += [Record("event", event) for event in events]
        self._wake()

    def end(self, ended: Ended, body: dict[str, Any]) -> None:
        """Write how the stream has ended; it is the last that is written, and the first that was said counts."""
        if self._end is None:
            self._end = ended
            self.stage(Record("end", body))

    @property
    def ended(self) -> Ended | None:
        """How the stream has ended, if the journal has it from here."""
        return self._end if self._ended else None

    @property
    def is_full(self) -> bool:
        """Whether so much is staged that no more should come."""
        return len(self._staged) >= _ENOUGH

    async def flush(self) -> None:
        """Return when all that was staged is in the journal. Raises `error`."""
        while self.error is None and not self._over and (self._staged or self._under_way):
            await self._progress()
        if self.error is not None:
            raise self.error

    async def room(self) -> None:
        """Return when there is room for more. Raises `error`."""
        while self.error is None and self.is_full:
            await self._progress()
        if self.error is not None:
            raise self.error

    async def _progress(self) -> None:
        written = self._make_wakeup()
        self._waiting.append(written)
        await written.wait()

    def _wake(self) -> None:
        if self._idle is not None:
            self._idle.set()
            self._idle = None

    async def run(self) -> None:
        """Write what is staged, until the end is written or nothing can be; `error` then says why."""
        try:
            while not self._ended:
                while not self._staged:
                    self._idle = self._make_wakeup()
                    await self._idle.wait()
                await self._commit()
        except Exception as error:
            self.error = error
            self._on_error()
        finally:
            # Also where the event loop is being closed: nobody may wait for what nobody will write.
            self._over = True
            self._under_way = False
            self._notify()

    async def _commit(self) -> None:
        records, self._staged, end = self._staged, [], self._end
        self._under_way = True
        session, lease = self._session, self._lease
        first = lease.head + 1
        data = [session.encoded(lease.stream_id, seq, record) for seq, record in enumerate(records, first)]
        stop = await session.patiently(lambda: session.journal.append(lease, data, end=end), self._patience)
        self._under_way = False
        self._ended = end is not None
        self._channel.publish([Stored(lease.fence, seq, *record) for seq, record in enumerate(records, first)])
        self._notify()
        if stop:
            self._on_stop()

    def _notify(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.set()


class RecordedFeed(EventFeed):
    """Takes a writer's events to its log. Nobody reads here: readers take from the log what the journal has.

    Args:
        log: Where they are written.
        splicer: Where they come from, and what knows what no event says.
    """

    __slots__ = ("_abandoned", "_acted", "_log", "_on_end", "_splicer", "_unknown")

    def __init__(self, log: StreamLog, splicer: Splicer) -> None:
        super().__init__()
        self._log = log
        self._splicer = splicer
        self._acted = splicer.acted
        self._unknown = splicer.unknown
        self._abandoned = {index for index, block in enumerate(splicer.partial.blocks) if block.abandoned}
        self._on_end = 0

    def note(self) -> None:
        """Write down what no event says: it stands before the events that came of it."""
        splicer = self._splicer
        if splicer.acted and not self._acted:
            self._acted = True
            self._log.stage(Record("acted", True))
        if splicer.unknown and not self._unknown:
            self._unknown = True
            self._log.stage(Record("unknown", True))
        if splicer.abandoned:
            for index, block in enumerate(splicer.partial.blocks):
                if block.abandoned and index not in self._abandoned:
                    self._abandoned.add(index)
                    self._log.stage(Record("abandoned", index))

    def put(self, events: Sequence[Event]) -> None:
        self.note()
        self._log.stage_events(events)

    def close(self) -> None:
        self.closed = True

    def begin(self) -> None:
        self.note()

    async def room(self) -> None:
        self.note()
        self._on_end += 1
        if self._on_end >= _ON_END:
            self._on_end = 0
            await anyio.lowlevel.checkpoint()
        if self._log.is_full or self._log.error is not None:
            await self._log.room()

    async def demand(self) -> None:
        """A writer waits for no reader: the journal is what holds the answer until somebody comes."""


class LogRecording:
    """What the engine tells of a stream, into its log (`engine.recording.Recording`).

    Args:
        log: Where it is written.
    """

    def __init__(self, log: StreamLog) -> None:
        self._log = log
        self._feed: RecordedFeed | None = None
        self._told: set[int] = set()

    def feed(self, splicer: Splicer) -> EventFeed:
        self._feed = RecordedFeed(self._log, splicer)
        return self._feed

    def note(self) -> None:
        """Write down what no event says."""
        if self._feed is not None:
            self._feed.note()

    async def sending(self, attempt: AttemptReport) -> None:
        self.note()
        self._log.stage(Record("attempt", _plain(attempt)))
        await self._log.flush()

    def ended(self, attempt: AttemptReport) -> None:
        self.note()
        if attempt.number not in self._told:
            self._told.add(attempt.number)
            self._log.stage(Record("told", _plain(attempt)))


def _plain(attempt: AttemptReport) -> dict[str, Any]:
    """An attempt as plain data, without what is not known of it."""
    return {name: value for name, value in asdict(attempt).items() if value is not None}
