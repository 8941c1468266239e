"""By what right a process writes a stream: the request that it is of, and what makes its engine."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from ..journal import Fenced, Lease, StreamState
from ..logs import logger
from .entries import Record, Stored
from .errors import StreamConflict
from .fold import Fold
from .history import History, read_history
from .outcome import cancelled, poisoned
from .request import StreamRequest
from .session import Session
from .writer import MakeDriver, Writer

__all__ = ["LEASE", "MAX_RECOVERIES", "Claim"]

#: How long a writer that says nothing keeps its stream, in seconds (DURABLE.md, section 3).
LEASE: Final = 20.0
#: How many writers in a row may be lost without a new character.
MAX_RECOVERIES: Final = 3


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

    async def create(self, *, hold: bool = True) -> Lease | StreamState:
        """Begin the stream, if there is none of its id; with `hold=False` for whoever takes it.

        Returns:
            The lease of the new one; or the state of the one that there is.

        Raises:
            StreamConflict: There is one of another request, or of another owner.
        """
        request, session = self.request, self.session
        record = Record("request", request.body)
        data = session.encoded(request.stream_id, 1, record)
        tries = 0

        async def create() -> Lease | StreamState:
            nonlocal tries
            tries += 1
            lease = self.lease if hold else None
            return await session.journal.create(
                request.stream_id, data, fingerprint=request.fingerprint, owner=request.owner, lease=lease
            )

        found = await session.patiently(create, self.patience)
        if isinstance(found, Lease):
            session.created(request.stream_id).publish([Stored(1, 1, *record)])
            return found
        session.seen(found)
        if (found.fingerprint, found.owner) != (request.fingerprint, request.owner):
            raise StreamConflict(f"there is a stream {request.stream_id!r} of another request, or of another owner")
        if hold and tries > 1 and (found.fence, found.head) == (1, 1):
            # It is the one whose creation was not answered; who is faster here than its creator costs a request.
            history = await read_history(session, request.stream_id, self.patience)
            if (history.state.fence, history.state.head) != (1, 1):
                # Another has created it, and writes: what is there since would be begun anew.
                return history.state
            return await self._take(history, force=True) or found
        return found

    @staticmethod
    def may_take(state: StreamState) -> bool:
        """Whether a stream in this state is gone on with by whoever asks for it."""
        return state.orphaned or state.status == "failed"

    async def take(self, history: History) -> Writer | None:
        """Go on with a stream, if it may be taken and nobody is faster; None: it is only to be read."""
        fold, state = history
        if not self.may_take(state):
            return None
        lease = await self._take(history)
        if lease is None:
            return None
        with suppress(Fenced):  # it has been stopped from elsewhere, since it was taken
            if state.stopping:
                await self.session.write_end(lease, "cancelled", cancelled(fold.report), self.patience)
            elif state.status == "live" and fold.futile >= max(1, self.max_recoveries):
                await self.session.write_end(lease, "failed", poisoned(fold), self.patience)
                logger.warning(
                    "unbroken: the stream %s has ended as failed: %d writers in a row were lost",
                    state.stream_id,
                    fold.futile,
                )
            else:
                return self.writer(lease, fold)
        return None

    async def revive(self, history: History) -> None:
        """Have a stream that has failed wait for whoever has room for it, if nobody is faster."""
        if history.state.status == "failed" and (lease := await self._take(history, waits=True)) is not None:
            await self.session.patiently(lambda: self.session.journal.release(lease), self.patience)

    async def _take(self, history: History, *, force: bool = False, waits: bool = False) -> Lease | None:
        return await self.session.take(*history, lease=self.lease, patience=self.patience, force=force, waits=waits)

    def writer(self, lease: Lease, fold: Fold | None = None) -> Writer:
        """What writes the stream, with what others have begun of it; None: nothing."""
        return Writer(
            self.session,
            lease,
            seconds=self.lease,
            make_driver=self.make_driver,
            begun=None if fold is None else fold.begun(),
            patience=self.patience,
        )
