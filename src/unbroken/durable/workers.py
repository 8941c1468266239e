"""The streams that one process writes for nobody in particular: started here, or taken from others that have died."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import anyio

from ..concurrency.detached import Abandoned, Step, detach
from ..journal import JournalError, Lease
from ..logs import logger
from .claim import Claim
from .history import read_history
from .session import Session
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
        note: Called with each writer as it begins, and once more when it is done. None: nobody wants to know.
    """

    def __init__(
        self,
        session: Session,
        claim_for: Callable[[str, dict[str, object]], Awaitable[Claim]],
        *,
        most: int | None,
        patience: float,
        note: Callable[[Writer], None] | None = None,
    ) -> None:
        self._session = session
        self._claim_for = claim_for
        self._most = most
        self._patience = patience
        self._note = note
        self._steps: dict[str, Step] = {}
        self._writers: dict[str, Writer] = {}
        self._left_until: dict[str, float] = {}
        self._leaving = False
        self._ended = anyio.Event()
        self.rescued: int = 0

    @property
    def has_room(self) -> bool:
        """Whether another stream may be written here."""
        return not self._leaving and (self._most is None or len(self._steps) < self._most)

    def __len__(self) -> int:
        return len(self._steps)

    def write(self, claim: Claim, lease: Lease) -> None:
        """Write a stream that was just created."""
        writer = claim.writer(lease)
        self._run(lease.stream_id, lambda: self._write(writer))

    def take_up(self, claim: Claim) -> None:
        """Go on with a stream of a known request, if it may be taken."""
        stream_id = claim.request.stream_id
        if stream_id not in self._steps:
            self._run(stream_id, lambda: self._take(stream_id, claim))

    def rescue(self, orphans: Sequence[str]) -> None:
        """Go on with streams that nobody writes, as many as there is room for, in their order."""
        now = anyio.current_time()
        for stream_id in orphans:
            if not self.has_room:
                return
            if stream_id not in self._steps and self._left_until.get(stream_id, 0.0) <= now:
                self._left_until.pop(stream_id, None)
                self._run(stream_id, lambda stream_id=stream_id: self._take(stream_id, None))  # type: ignore[misc]

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
            except (JournalError, ValueError, TypeError, OSError) as error:
                self._left_until[stream_id] = anyio.current_time() + _LEFT_ALONE
                logger.warning("unbroken: the stream %s cannot be written here: %s", stream_id, type(error).__name__)
            finally:
                self._steps.pop(stream_id, None)
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
