"""By what right a process writes a stream: the request that it is of, and what makes its engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import anyio

from ..journal import Ended, JournalUnavailable, Lease, StreamState
from .cursor import Cursor
from .entries import Record, Stored, encode
from .errors import StreamConflict
from .fold import Fold
from .outcome import cancelled, poisoned
from .request import StreamRequest
from .session import Session
from .writer import MakeDriver, Writer

__all__ = ["LEASE", "MAX_RECOVERIES", "Claim"]

T = TypeVar("T")

#: How long a writer that says nothing keeps its stream, in seconds (DURABLE.md, section 3).
LEASE = 20.0
#: How many writers in a row may be lost without a new character.
MAX_RECOVERIES = 3

_PAUSE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What it takes to write one stream.

    Attributes:
        session: Of the journal.
        request: What is asked for.
        make_driver: Makes the engine.
        patience: How long the journal may be away, in seconds.
        lease: How long a lease holds, in seconds.
        max_recoveries: How many writers in a row may be lost without a new character.
    """

    session: Session
    request: StreamRequest
    make_driver: MakeDriver
    patience: float
    lease: float = LEASE
    max_recoveries: int = MAX_RECOVERIES

    async def create(self, *, hold: bool = True) -> Writer | StreamState:
        """Begin the stream, if there is none of its id; with `hold=False` for whoever takes it.

        Returns:
            What writes it; or the state of the one that there is.

        Raises:
            StreamConflict: There is one of another request, or of another owner.
        """
        request, journal = self.request, self.session.journal
        record = Record("request", request.body)
        data = self._encoded(record, request.stream_id, 1)
        found = await self._patiently(
            lambda: journal.create(
                request.stream_id,
                data,
                fingerprint=request.fingerprint,
                owner=request.owner,
                lease=self.lease if hold else None,
            )
        )
        if isinstance(found, Lease):
            self.session.channel(request.stream_id).publish([Stored(1, 1, *record)])
            return self._writer(found, None)
        if (found.fingerprint, found.owner) != (request.fingerprint, request.owner):
            # After an answer that was lost, it is the one that was just created.
            raise StreamConflict(f"there is a stream {request.stream_id!r} of another request or another owner already")
        return found

    @staticmethod
    def may_take(state: StreamState) -> bool:
        """Whether a stream in this state is gone on with by whoever asks for it."""
        return state.orphaned or state.status == "failed"

    async def take(self, stream_id: str) -> Writer | None:
        """Go on with a stream, if it may be taken and nobody is faster; None: it is only to be read."""
        cursor, fold = Cursor(self.session, stream_id, patience=self.patience), Fold()
        while entries := await cursor.read():
            for entry in cursor.checked(entries):
                fold.take(entry)
        state = cursor.state
        if state is None or not self.may_take(state):
            return None
        poison = fold.end is None and fold.futile >= self.max_recoveries
        record = Record("takeover", {"from": fold.head})
        data = self._encoded(record, stream_id, state.head + 1)
        lease = await self._patiently(lambda: self.session.journal.take(state, data, lease=self.lease))
        if lease is None:
            return None
        takeover = Stored(lease.fence, lease.head, *record)
        self.session.channel(stream_id).publish([takeover])
        if poison or state.stopping:
            await self._end(lease, fold, stopped=state.stopping)
            return None
        fold.take(takeover)
        return self._writer(lease, fold)

    async def _end(self, lease: Lease, fold: Fold, *, stopped: bool) -> None:
        """End a stream that nobody is to go on with."""
        record = Record("end", cancelled(fold.report) if stopped else poisoned(fold))
        data = self._encoded(record, lease.stream_id, lease.head + 1)
        ended: Ended = "cancelled" if stopped else "failed"
        await self._patiently(lambda: self.session.journal.append(lease, [data], end=ended))
        self.session.channel(lease.stream_id).publish([Stored(lease.fence, lease.head, *record)])

    def _writer(self, lease: Lease, fold: Fold | None) -> Writer:
        return Writer(
            self.session,
            lease,
            seconds=self.lease,
            make_driver=self.make_driver,
            begun=None if fold is None else fold.begun(),
            patience=self.patience,
        )

    def _encoded(self, record: Record, stream_id: str, seq: int) -> bytes:
        codec, data = self.session.journal.codec, encode(record)
        return data if codec is None else codec.encode(data, stream_id, seq)

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        until = anyio.current_time() + self.patience
        while True:
            try:
                with anyio.CancelScope(deadline=until):
                    return await ask()
                raise JournalUnavailable("the journal does not answer")
            except JournalUnavailable:
                if anyio.current_time() + _PAUSE >= until:
                    raise
            await anyio.sleep(_PAUSE)
