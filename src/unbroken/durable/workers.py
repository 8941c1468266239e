"""The streams that one process writes for nobody in particular: started here, or taken from others that have died."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import anyio

from ..concurrency.detached import Abandoned, Step, detach
from ..journal import JournalError, Lease, StreamState
from ..logs import logger
from .claim import Claim
from .history import read_history
from .session import Session
from .watch import Watcher
from .writer import Writer

__all__ = ["Workers"]

#: How long a stream that cannot be gone on with here is left to others, in seconds.
_LEFT_ALONE: Final = 5.0
#: How often what is over is swept out of the journal, in seconds.
_SWEEP: Final = 60.0


class Workers:
    """Writers, each in a task of its own.

    Args:
        session: Of the journal.
        claim_for: Makes the claim on a stream that another has begun, from the body of its `request` entry and its id.
        most: How many streams are written at a time. None: any number.
        patience: How long the journal may be away, in seconds.
        recovers: Whether it is told of streams that nobody writes.
        note: Called with each writer as it begins, and once more when it is done. None: nobody wants to know.

    Attributes:
        rescued: How many streams were gone on with.
    """

    def __init__(
        self,
        session: Session,
        claim_for: Callable[[str, dict[str, object]], Awaitable[Claim]],
        *,
        most: int | None,
        patience: float,
        recovers: bool = True,
        note: Callable[[Writer], None] | None = None,
    ) -> None:
        self._session = session
        self._claim_for = claim_for
        self._most = most
        self._patience = patience
        self._recovers = recovers
        self._note = note
        self._steps: dict[str, Step] = {}
        self._writers: dict[str, Writer] = {}
        self._kept = 0  # places, for streams that are being created
        self._left_until: dict[str, float] = {}
        self._leaving = False
        self._ended = anyio.Event()
        self.rescued: int = 0

    @property
    def has_room(self) -> bool:
        """Whether another stream may be written here."""
        return not self._leaving and (self._most is None or len(self._steps) + self._kept < self._most)

    def __len__(self) -> int:
        return len(self._steps)

    async def begin(self, claim: Claim) -> bool:
        """Begin a stream, if there is none of its id; it is written here, or waits in the journal for who has room.

        Returns:
            Whether it was begun by this call. One that nobody writes, or that has failed, is gone on with.

        Raises:
            StreamConflict: There is one of another request, or of another owner.
            JournalError: The journal cannot be reached, or has no room.
        """
        # Kept from now on: others may begin at the same time.
        kept = self.has_room
        self._kept += kept
        try:
            hold = kept and not await self._is_waited()
            found = await claim.create(hold=hold)
        finally:
            self._kept -= kept
        if not isinstance(found, Lease):
            await self._go_on(claim, found)
            return False
        if hold:
            await self._write_created(claim.writer(found))
        return True

    async def _is_waited(self) -> bool:
        """Whether others have waited for a place for longer than whoever comes now."""
        if self._most is None or not self._recovers:
            return False
        orphans = await self._session.patiently(
            lambda: self._session.journal.orphans(1 + len(self._left_until)), self._patience
        )
        return not self._left_until.keys() >= set(orphans)

    async def _write_created(self, writer: Writer) -> None:
        if self._leaving:
            with anyio.CancelScope(shield=True):
                await writer.close()
        else:
            self._run(writer.lease.stream_id, lambda: self._write(writer))

    async def _go_on(self, claim: Claim, state: StreamState) -> None:
        """Go on with a stream of a known request, if it may be taken: here, or where there is room."""
        stream_id = state.stream_id
        while state.status == "failed" and stream_id in self._steps:
            await self._ended.wait()  # it is just being put away
        if not claim.may_take(state) or stream_id in self._steps:
            return
        # An orphan waits in its place already.
        failed = state.status == "failed"
        if not (failed and await self._is_waited()) and self.has_room:
            self._run(stream_id, lambda: self._take(stream_id, claim))
        elif failed:
            await claim.revive(await read_history(self._session, stream_id, self._patience))

    def rescue(self, orphans: Sequence[str]) -> None:
        """Go on with streams that nobody writes, as many as there is room for, in their order."""
        now = anyio.current_time()
        self._left_until = {stream_id: until for stream_id, until in self._left_until.items() if until > now}
        for stream_id in orphans:
            if not self.has_room:
                return
            if stream_id not in self._steps and stream_id not in self._left_until:
                self._run(stream_id, lambda stream_id=stream_id: self._take(stream_id, None))  # type: ignore[misc]

    @property
    def watcher(self) -> Watcher:
        """What is told of streams that nobody writes, so that they are gone on with here."""
        return Watcher(self.rescue, passed_over=lambda: len(self._left_until))

    async def _take(self, stream_id: str, claim: Claim | None) -> None:
        history = await read_history(self._session, stream_id, self._patience)
        if claim is None:
            if not history.fold.readable or history.fold.request is None:
                raise ValueError("its log has entries that this version of unbroken does not know")
            claim = await self._claim_for(stream_id, history.fold.request)
        writer = await claim.take(history)
        if writer is not None:
            self.rescued += 1
            await self._write(writer)

    async def _write(self, writer: Writer) -> None:
        stream_id = writer.lease.stream_id
        self._writers[stream_id] = writer
        if self._note is not None:
            self._note(writer)
        try:
            try:
                await writer.open()
            except Exception:
                # It is in the journal, for whoever reads the stream.
                return
            await writer.run()
        finally:
            del self._writers[stream_id]
            with anyio.CancelScope(shield=True):
                await writer.close()
            if self._note is not None:
                self._note(writer)

    def _run(self, stream_id: str, work: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            try:
                await work()
            except Exception as error:  # also of what the application has given: `prepare`, a codec, a client
                self._left_until[stream_id] = anyio.current_time() + _LEFT_ALONE
                logger.warning("unbroken: the stream %s cannot be written here: %s", stream_id, type(error).__name__)
            finally:
                self._steps.pop(stream_id, None)
                if self._most is not None:
                    self._session.look_again()
                ended, self._ended = self._ended, anyio.Event()
                ended.set()

        self._steps[stream_id] = detach(run)

    async def sweep(self) -> None:
        """Delete what is over, every minute, for ever."""
        while True:
            await anyio.sleep(_SWEEP)
            try:
                await self._session.journal.purge()
            except JournalError as error:
                logger.warning("unbroken: the journal could not be swept: %s", error)

    async def drain(self) -> None:
        """Return when nothing is written here any more."""
        while self._steps:
            await self._ended.wait()

    async def leave(self, grace: float) -> None:
        """Take no more, wait so many seconds for what is written, and leave the rest to others."""
        self._leaving = True
        with anyio.move_on_after(grace):
            await self.drain()
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as group:
                for step in list(self._steps.values()):
                    group.start_soon(self._cancel, step)

    async def _cancel(self, step: Step) -> None:
        try:
            await step.cancel()
        except Abandoned:
            return
