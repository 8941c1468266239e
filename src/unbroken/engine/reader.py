"""The reader's end of one stream: opens it, takes events from the engine, which runs in its own task, and closes it."""

from __future__ import annotations

import weakref
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, Protocol

import anyio

from ..concurrency.detached import Abandoned, Step, detach, starter
from ..core.message.partial import Partial
from ..core.wire.decoded import Event
from ..report import Report
from .feed import EventFeed

__all__ = ["Engine", "Reader", "open_reader"]

if TYPE_CHECKING:
    import httpx2

_CANCELLED_BY_ANOTHER: Final = "the task that was reading it was cancelled by somebody else"


class Engine(Protocol):
    """What a reader reads: a `Driver`, which asks itself, or what reads what another has asked for.

    Attributes and methods are those of `Driver`.
    """

    out: EventFeed
    done: bool
    error: Exception | None
    deadline: float | None

    @property
    def partial(self) -> Partial: ...

    @property
    def report(self) -> Report: ...

    @property
    def response(self) -> httpx2.Response | None: ...

    @property
    def role(self) -> Literal["writer", "reader"]: ...

    @property
    def position(self) -> str | None: ...

    async def open(self) -> None: ...

    async def run(self) -> None: ...

    async def aclose(self) -> None: ...

    def failure(self, why: str) -> Exception: ...


async def open_reader(driver: Engine) -> Reader:
    """Ask, and return when a route has answered with headers. Raises what `Driver.open` raises."""
    # In a task of its own, as all reading is: asyncio's native cancellation goes through shields and task groups, and
    # would leave a race half closed.
    step = detach(driver.open)
    try:
        await step.wait()
    except BaseException as error:
        closing = detach(partial(_leave, step, driver))
        with anyio.CancelScope(shield=True), suppress(Abandoned):
            await closing.wait()
        if isinstance(error, Abandoned):
            raise driver.failure(_CANCELLED_BY_ANOTHER) from None
        raise
    return Reader(driver)


async def _leave(step: Step, driver: Engine) -> None:
    """Close everything, where the stream could not be opened or the caller was cancelled meanwhile."""
    await step.cancel()
    await driver.aclose()


class _Engine:
    """A driver and the task in which it runs. Neither knows of the reader, and so both can be ended when it is gone.

    Attributes:
        runs: Whether it was started, and was not closed since.
    """

    def __init__(self, driver: Engine) -> None:
        self.runs: bool = False
        self._driver = driver
        self._step: Step | None = None
        self._start = starter()

    def run(self) -> None:
        """Run it, if it does not yet."""
        if not self.runs:
            self.runs = True
            self._step = detach(self._driver.run)

    async def close(self) -> None:
        """Stop it and release its connection."""
        step, self._step, self.runs = self._step, None, False
        with anyio.CancelScope(shield=True):
            try:
                if step is not None:
                    await step.cancel()
            finally:
                await self._driver.aclose()

    def drop(self) -> None:
        """The reader was garbage collected: close the engine. It may be called from any thread."""
        if not self._driver.done:
            self._start(self.close)


class Reader:
    """Takes one stream's events, one by one.

    A reader that is dropped without having been closed is closed when it is collected: no request is made for it
    any more.

    Args:
        driver: The engine, with a route that has answered. It runs from the first read on; with a deadline from the
            beginning, since the deadline holds also for a caller that does not read.

    Attributes:
        closed: Whether `close` was called.
        in_midst: Whether what waits in the driver's `out` may be taken without asking here: the first read has been
            seen to, and no error is in the way.
    """

    def __init__(self, driver: Engine) -> None:
        self.closed: bool = False
        self.in_midst: bool = False
        self._error: Exception | None = None
        self._begun = False
        self._driver = driver
        self._engine = engine = _Engine(driver)
        self._dropped = weakref.finalize(self, engine.drop)
        self._dropped.atexit = False
        if driver.deadline is not None:
            engine.run()

    @property
    def error(self) -> Exception | None:
        """What every further read raises; None while reading goes on."""
        return self._error

    @error.setter
    def error(self, error: Exception | None) -> None:
        self._error = error
        self.in_midst = self._begun and error is None

    def begin(self) -> None:
        """Let the engine run from now on, and not from the first read on."""
        if not self.closed:
            self._engine.run()

    async def next_event(self) -> Event:
        """The next decoded event. Cancelling this loses nothing.

        Raises:
            StopAsyncIteration: There is none: the message is whole, or the stream was closed.
            Exception: `error`.
        """
        if self._error is not None:
            raise self._error
        if not self._begun:
            await self._begin()
        driver, feed = self._driver, self._driver.out
        while not feed.waiting:
            if feed.closed or self.closed:
                self.error = driver.error
                if self.error is None and not (driver.done or self.closed):
                    self.error = driver.failure(_CANCELLED_BY_ANOTHER)
                raise self.error or StopAsyncIteration
            if not self._engine.runs:
                self._engine.run()
            await feed.arrival()
        return feed.take()

    async def _begin(self) -> None:
        """Prepare the first read: if the deadline has passed, drop what had come before it."""
        out, deadline = self._driver.out, self._driver.deadline
        if deadline is not None and anyio.current_time() >= deadline:
            while not (out.closed or self.closed):
                out.drop()
                await out.arrival()
        self._begun = self.in_midst = True

    async def close(self) -> None:
        """Stop the engine and release its connection. Safe to call twice, from any task."""
        self.closed = True
        self._dropped.detach()
        await self._engine.close()
