"""One stream of a journal as its caller has it: read from the log, whoever writes it, and written where it may be.

It stands where an engine stands for a stream without a journal (`engine/stream.py`), and has the same surface.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final, Literal

import anyio
import httpx2

from ..concurrency.detached import Abandoned, Step, detach
from ..core.message.partial import Partial
from ..core.wire.decoded import Event
from ..engine.feed import EventFeed
from ..errors import StreamFailed
from ..journal import JournalError, Lease, StreamGone
from ..report import Report
from ..sdk.typed_events import Api
from .claim import Claim
from .cursor import Cursor, Rewound
from .entries import Stored, position_of
from .errors import StreamMissing
from .fold import Fold
from .history import look_up, read_history
from .outcome import ended_with, journal_failure, rewound
from .session import PATIENCE, Session
from .snapshot import snapshot_of
from .watch import Watcher
from .writer import Writer

__all__ = ["DurableStream"]

#: How many entries are read at a time.
_MANY: Final = 1000


class DurableStream:
    """One stream, read from its log.

    Args:
        session: Of the journal.
        stream_id: Its id.
        claim: By which it may be written here. None: it is only read.
        after: Where reading begins. None: with what is there, folded; `"0"`: with the first event; a position: behind
            it.
        owner: Whose it has to be, as the journal has that. None: anybody's.

    Attributes:
        out: Takes the events to the reader.
        done: Whether there will be no more.
        error: What `run` ended with; None: the message is whole, or it has not ended.
        deadline: None: that of the policy is the writer's to keep.
        begins_with: What was delivered before the first event that is handed over.
        opened: Set when `begins_with` is there.
    """

    def __init__(
        self,
        session: Session,
        stream_id: str,
        *,
        claim: Claim | None = None,
        after: str | None = "0",
        owner: bytes | None = None,
    ) -> None:
        self.out: EventFeed = EventFeed()
        self.done: bool = False
        self.error: Exception | None = None
        self.deadline: float | None = None
        self.begins_with: Partial = Partial()
        self.opened: anyio.Event = anyio.Event()
        self._session = session
        self._stream_id = stream_id
        self._claim = claim
        self._after = after
        self._owner = owner
        self._cursor = Cursor(session, stream_id, patience=PATIENCE if claim is None else claim.patience)
        self._fold = Fold()
        self._writer: Writer | None = None
        self._writing: Step | None = None
        self._orphaned = False
        self._positions: list[Stored | str] = []  # of the events that were put, the last of them

    # -- what its reader looks at

    @property
    def partial(self) -> Partial:
        """Everything that was delivered, and that the journal has."""
        return self._fold.partial

    @property
    def report(self) -> Report:
        """How it goes: over all who have written it."""
        writer = self._writer
        # Of one that has lost the stream it ends there: what others have written since is none of it.
        if writer is None or writer.driver is None or writer.lost:
            return self._fold.report
        return writer.driver.report

    @property
    def response(self) -> httpx2.Response | None:
        """The response that feeds the stream, if it is written here."""
        return None if self._writer is None or self._writer.driver is None else self._writer.driver.response

    @property
    def role(self) -> Literal["writer", "reader"]:
        """Whether it is written here."""
        return "reader" if self._writer is None or self._writer.done else "writer"

    @property
    def position(self) -> str | None:
        """Of the last event that its reader has taken; None before that."""
        taken = len(self._positions) - len(self.out.waiting)
        if taken <= 0:
            return None
        last = self._positions[taken - 1]
        return last if isinstance(last, str) else last.position

    @property
    def api(self) -> Api:
        """Which of the SDK's types its events have."""
        return "beta" if (self._fold.request or {}).get("api") == "beta" else "messages"

    def failure(self, why: str, kind: type[StreamFailed] = StreamFailed) -> Exception:
        """The error with which the stream ends here; `why` is one clause."""
        request = httpx2.Request("POST", "/v1/messages")
        return kind(
            f"The stream could not be read to its end: {why}.",
            request=request,
            partial=self.partial.copy(),
            report=self.report,
        )

    # -- opening

    async def open(self) -> None:
        """Create the stream, or find the one that there is; where it is to be written here, ask.

        Raises:
            StreamConflict: It is of another request.
            Exception: What `Driver.open` raises.
            StreamFailed: The journal cannot be reached.
        """
        assert self._claim is not None
        try:
            found = await self._claim.create()
            if isinstance(found, Lease):
                await self._write(self._claim.writer(found))
            elif self._claim.may_take(found):
                await self._take()
        except JournalError as problem:
            raise journal_failure(problem, self._fold) from problem

    async def _take(self) -> None:
        """Go on with what others have begun, if nobody else does."""
        assert self._claim is not None
        self._orphaned = False
        writer = await self._claim.take(await read_history(self._session, self._stream_id, self._claim.patience))
        if writer is not None:
            await self._write(writer)

    async def _write(self, writer: Writer) -> None:
        self._writer = writer
        await writer.open()
        self._writing = detach(writer.run)

    # -- reading

    async def run(self) -> None:
        """Read to the end of the stream; `error` says what is in the way, if anything is."""
        try:
            with ExitStack() as stack:
                if self._claim is not None:
                    stack.enter_context(self._session.orphans(Watcher(self._note_orphans, self._stream_id)))
                await self._begin()
                while not self.done:
                    await self._step()
        except Rewound:
            self.error = rewound(self._fold)
        except StreamGone as problem:
            self.error = self._missing(problem)
        except JournalError as problem:
            self.error = journal_failure(problem, self._fold)
        except Exception as error:
            self.error = error
        finally:
            self.done = True
            self.opened.set()
            self.out.close()

    async def _begin(self) -> None:
        """Read what stands before the first event that is handed over."""
        if self._claim is None:
            await look_up(self._session, self._stream_id, self._owner, PATIENCE)
        start = None if self._after is None else position_of(self._after)
        if start is None:
            await self._fold_up_to(None)
            self._put_snapshot()
        elif start != (0, 0):
            await self._fold_up_to(start[1])
            if (self._fold.fence, self._fold.head) != start:
                raise Rewound
            self.begins_with = self._fold.partial.copy()
        self.opened.set()

    async def _fold_up_to(self, seq: int | None) -> None:
        """Read as far as this entry, without handing over what it brings; None: all that there is now."""
        fold = self._fold
        while seq is None or fold.head < seq:
            entries = await self._cursor.read(_MANY if seq is None else min(_MANY, seq - fold.head))
            if not entries:
                return
            for entry in self._cursor.checked(entries):
                fold.take(entry)

    def _put_snapshot(self) -> None:
        events, last = snapshot_of(self._fold.partial), self._fold.last_event
        if last is not None:
            self._put(events, [*["0"] * (len(events) - 1), last])

    async def _step(self) -> None:
        """Take the next entries, or see that there will be none."""
        if self._has_ended():
            self.done = True
            return
        if self._writer is not None and self._writer.done and self._cursor.is_at_head:
            if self._writer.error is not None and self._fold.end is None:
                raise self._writer.error
            if self._writer.journal_error is not None:
                raise self._writer.journal_error
        if self._orphaned and self._claim is not None and self._cursor.is_at_head and self.role == "reader":
            await self._take()
        self._hand_over(await self._cursor.next())
        await self.out.room()

    def _has_ended(self) -> bool:
        end = self._fold.end
        if end is None or not self._cursor.is_at_head:
            return False
        if end.get("outcome") != "complete":
            writer = self._writer
            raise writer.error if writer is not None and writer.error is not None else ended_with(self._fold)
        return True

    def _hand_over(self, entries: Sequence[Stored]) -> None:
        events: list[Event] = []
        positions: list[Stored | str] = []
        take = self._fold.take
        for entry in entries:
            event = take(entry)
            if event is not None:
                events.append(event)
                positions.append(entry)
        self._put(events, positions)

    def _put(self, events: list[Event], positions: list[Stored | str]) -> None:
        if events:
            del self._positions[: max(0, len(self._positions) - len(self.out.waiting) - 1)]
            self._positions += positions
            self.out.put(events)

    def _note_orphans(self, ids: Sequence[str]) -> None:
        if self._stream_id in ids and self.role == "reader":
            self._orphaned = True
            self._cursor.channel.wake()

    # -- the end

    def _missing(self, problem: StreamGone) -> Exception:
        if self._fold.head:
            return journal_failure(problem, self._fold)
        return StreamMissing(f"there is no stream {self._stream_id!r} in the journal")

    async def aclose(self) -> None:
        """Leave: what is written here is for others to go on with."""
        writer, writing = self._writer, self._writing
        self._writing = None
        if writing is not None:
            await writing.cancel()
        if writer is not None:
            await writer.close()
        self.done = True

    async def until_written(self) -> None:
        """Return when nothing is written here any more."""
        if self._writing is not None:
            try:
                await self._writing.wait()
            except Abandoned:
                return
