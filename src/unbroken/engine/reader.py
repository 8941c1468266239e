"""The reader's end of one stream: opens it, takes events from the engine, which runs in its own task, and closes it."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Final

import anyio

from ..core.partial import Event
from .detached import Abandoned, Step, detach
from .driver import Driver

__all__ = ["Reader", "open_reader"]

_CANCELLED_BY_ANOTHER: Final = "the task that was reading it was cancelled by somebody else"


async def open_reader(driver: Driver) -> Reader:
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


async def _leave(step: Step, driver: Driver) -> None:
    """Close what a stream that was not handed out has opened."""
    await step.cancel()
    await driver.aclose()


class Reader:
    """Takes one stream's events, one by one.

    Args:
        driver: The engine, with a route that has answered. It runs from the first read on.

    Attributes:
        error: What every further read raises; None while there is nothing in the way.
        closed: Whether `close` was called.
    """

    def __init__(self, driver: Driver) -> None:
        self.error: Exception | None = None
        self.closed: bool = False
        self._driver = driver
        self._engine: Step | None = None

    async def next_event(self) -> Event:
        """The next decoded event. Cancelling this loses nothing.

        Raises:
            StopAsyncIteration: There is none: the message is whole, or the stream was closed.
            Exception: `error`.
        """
        if self.error is not None:
            raise self.error
        events = self._driver.out.events
        while not events:
            await self._more()
        return events.pop(0)

    async def _more(self) -> None:
        driver = self._driver
        if driver.out.closed or self.closed:
            self.error = driver.error
            if self.error is None and not (driver.done or self.closed):
                self.error = driver.failure(_CANCELLED_BY_ANOTHER)
            raise self.error or StopAsyncIteration
        self._engine = self._engine or detach(driver.run)
        await driver.out.arrival()

    async def close(self) -> None:
        """Stop the engine and release its connection. Safe to call twice, from any task."""
        self.closed = True
        with anyio.CancelScope(shield=True):
            engine, self._engine = self._engine, None
            try:
                if engine is not None:
                    await engine.cancel()
            finally:
                await self._driver.aclose()
