"""Writes one stream: an engine, of which everything is in the journal before anybody sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio

from ..concurrency.detached import Step, detach
from ..engine.begun import Begun
from ..engine.driver import Driver
from ..engine.recording import Recording
from ..journal import Ended, Fenced, JournalError, JournalFull, Lease, StreamGone
from ..report import Report
from .log import LogRecording, StreamLog
from .outcome import cancelled, complete, failed
from .session import Session

__all__ = ["MakeDriver", "Writer"]

#: Makes the engine of one stream, for what others have begun, written down by a recording.
MakeDriver = Callable[[Begun | None, Recording], Awaitable[Driver]]


class Writer:
    """One stream, while this process holds its lease.

    Args:
        session: Of the journal.
        lease: The right to write.
        seconds: How long it holds without being renewed.
        make_driver: Makes the engine.
        begun: What others have begun; None: nothing.
        patience: How long the journal may be away, in seconds.

    Attributes:
        lease: As given.
        seconds: As given.
        driver: The engine; None before `open`.
        error: What the stream has failed with; None where it has not, or not here.
        journal_error: Why it cannot be written any more, other than that another writes it; None where it can.
        ended: How the stream has ended, if the journal has it from here; None: it has not, or is another's.
        done: Whether it is over here.
    """

    def __init__(
        self,
        session: Session,
        lease: Lease,
        *,
        seconds: float,
        make_driver: MakeDriver,
        begun: Begun | None,
        patience: float,
    ) -> None:
        self.lease: Lease = lease
        self.seconds: float = seconds
        self.driver: Driver | None = None
        self.error: Exception | None = None
        self.journal_error: JournalError | None = None
        self.ended: Ended | None = None
        self.done: bool = False
        self._session = session
        self._channel = session.channel(lease.stream_id)
        self._make_driver = make_driver
        self._begun = begun
        self._log = StreamLog(session, lease, patience=patience, on_stop=self.stop, on_error=self._interrupt)
        self._recording = LogRecording(self._log)
        self._patience = patience
        self._logging: Step | None = None
        self._scope = anyio.CancelScope()
        self._stopped = False
        self._lost = False

    def stop(self) -> None:
        """Somebody wants the stream to end: it ends as cancelled, and its response is closed."""
        self._stopped = True
        self._interrupt()

    def lose(self) -> None:
        """Another writes it: close what is open here."""
        self._lost = True
        self._interrupt()

    @property
    def lost(self) -> bool:
        """Whether another writes it now."""
        return self._lost

    def _interrupt(self) -> None:
        self._scope.cancel()

    async def open(self) -> None:
        """Ask, and return when a route has answered with headers, or the stream is over here.

        Raises:
            Exception: What `Driver.open` raises, once the journal says that the stream has ended so.
        """
        self._channel.written_here = True
        self._session.hold(self)
        self._logging = detach(self._log.run)
        try:
            with self._scope:
                self.driver = await self._make_driver(self._begun, self._recording)
                await self.driver.open()
        except Exception as error:
            await self._conclude(error)
            if self.error is not None:
                raise
        if self._scope.cancel_called:
            await self._conclude(None)

    async def run(self) -> None:
        """Read to the end of the message, and write how it has ended. It raises nothing: see `error`."""
        if self.done:
            return
        assert self.driver is not None
        self._scope = anyio.CancelScope()
        if self._stopped or self._lost or self._log.error is not None:
            self._scope.cancel()
        with self._scope:
            await self.driver.run()
        await self._conclude(self.driver.error)

    async def close(self) -> None:
        """Leave the stream to others, if it is not over. Safe to call twice; call it under a shield."""
        if self.done:
            return
        if self.driver is not None:
            await self.driver.aclose()
            if self.driver.partial.stopped and self._log.error is None and not self._lost:
                await self._conclude(self.driver.error)
                return
        await self._flush()
        await self._finish()
        with anyio.move_on_after(self._patience), suppress(JournalError):
            await self._session.journal.release(self.lease)

    # -- the end

    @property
    def _report(self) -> Report:
        return Report(outcome="closed") if self.driver is None else self.driver.report

    async def _conclude(self, error: Exception | None) -> None:
        driver, log = self.driver, self._log
        if driver is not None:
            with anyio.CancelScope(shield=True):
                await driver.aclose()
        if not self._lost and log.error is None:
            whole = driver is not None and driver.partial.stopped
            if driver is not None and whole and error is None:
                self._recording.note()
                log.end("complete", complete(driver.report))
            elif self._stopped:
                log.end("cancelled", cancelled(self._report))
            elif error is not None:
                self.error = error
                log.end("failed", failed(error, self._report))
            else:
                self.error = None
        await self._flush()
        await self._finish()
        if self._log.error is not None and not self._lost:
            detach(self._let_go)

    async def _let_go(self) -> None:
        """Leave the stream to others as soon as the journal is back: they need not wait until the lease is over."""
        with suppress(JournalError):
            await self._session.patiently(lambda: self._session.journal.release(self.lease), self.seconds)

    async def _flush(self) -> None:
        with suppress(Exception):  # it is looked at below
            await self._log.flush()
        problem = self._log.error
        if isinstance(problem, Fenced):
            self._lost = True
            self.error = None
        elif isinstance(problem, JournalFull):
            self.error = None
            self.journal_error = problem
            # For how it has ended there is room.
            with suppress(JournalError):
                body = failed(problem, self._report)
                await self._session.write_end(self.lease, "failed", body, self._patience)
                self.ended = "failed"
        elif isinstance(problem, JournalError):
            self.error = None
            self.journal_error = problem
            if isinstance(problem, StreamGone):
                self._channel.leave()
        elif problem is not None:
            self.error = problem

    async def _finish(self) -> None:
        self.ended = self.ended or self._log.ended
        self.done = True
        self._session.drop(self)
        self._channel.written_here = False
        if self._logging is not None:
            step, self._logging = self._logging, None
            with anyio.CancelScope(shield=True):
                await step.cancel()
        self._channel.wake()
