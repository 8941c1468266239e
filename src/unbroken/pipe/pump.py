"""A source that is read in a task of its own, for operators whose readers are not in step with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable
from typing import Generic, TypeVar

import anyio
from aiostream import streamcontext

__all__ = ["Pump"]

T = TypeVar("T")


class Pump(Generic[T]):
    """Reads a source, as long as there is room for what comes.

    The task owns the source: it enters it, reads it and closes it. Readers wait for `changed` and look again, so that
    one of them who is cancelled has lost nothing.

    Args:
        source: What to read. Nothing is read before `start`.
        put: Called with each item.
        has_room: Whether one more may be read; asked again after each `notify`.
    """

    def __init__(self, source: AsyncIterable[T], put: Callable[[T], None], has_room: Callable[[], bool]) -> None:
        self._source = streamcontext(source)
        self._put = put
        self._has_room = has_room
        self._task: asyncio.Task[None] | None = None
        self._change: asyncio.Future[None] | None = None
        self._closed = False
        self._over = False
        self._error: BaseException | None = None

    def start(self) -> None:
        """Begin to read; further calls do nothing."""
        if self._task is None and not self._closed:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="unbroken.pipe")
            self._task.add_done_callback(self._ended)

    async def _run(self) -> None:
        async with self._source as items:
            async for item in items:
                self._put(item)
                self.notify()
                while not self._has_room():
                    await self.changed()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._error = task.exception()
        elif not self._closed:  # it must not look like the end of the source
            self._error = RuntimeError("the task that read the source was cancelled by somebody else")
        self._over = True
        self.notify()

    def check(self) -> None:
        """Return while there may be more to come.

        Raises:
            StopAsyncIteration: The source has ended, or the pump was closed.
            Exception: What the source raised, each time.
        """
        if self._over or self._closed:
            raise self._error or StopAsyncIteration

    async def changed(self, within: float | None = None) -> None:
        """Wait until something came, the source ended, or `notify` was called; at most `within` seconds, if given."""
        if self._change is None:
            self._change = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._change], timeout=within)  # which leaves the future alone when it is cancelled

    def notify(self) -> None:
        """Wake all who wait for a change."""
        change, self._change = self._change, None
        if change is not None:
            change.set_result(None)

    async def aclose(self) -> None:
        """Stop reading, and close the source. Raises what closing it raised."""
        self._closed = True
        self.notify()
        with anyio.CancelScope(shield=True):
            task = self._task
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait([task])
                if not task.cancelled():
                    task.result()
            await self._source.aclose()  # does nothing when the task has done it
