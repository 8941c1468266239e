"""Work that outlives whoever waits for it.

Chat backends send heartbeats with `wait_for(anext(stream), 15)`: they cancel a read, over and over, and expect it to
go on. A connection that was being read when its task was cancelled is lost, so the engine runs in a task of its own,
and only the waiting is cancelled; the next call waits again. No scope or task group of ours is open in the caller's
code meanwhile, which is why the stream may be left from another task than the one that entered it.

anyio has no detached tasks, on purpose: nobody owns them. Here the stream does, and closing it cancels the work and
waits for its end. Each event loop's own means are used.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import anyio

if TYPE_CHECKING:
    from types import ModuleType

__all__ = [
    "Abandoned",
    "Step",
    "Wakeup",
    "call_soon",
    "detach",
    "event_loop_clock",
    "others_first",
    "starter",
    "wakeups",
]

Work = Callable[[], Coroutine[Any, Any, None]]


class Abandoned(Exception):
    """The step was cancelled: the stream was closed, or somebody else cancelled its task."""


class Step(Protocol):
    """Work that goes on in a task of its own."""

    async def wait(self) -> None:
        """Wait for its end; raises what it raised, or `Abandoned`. Cancelling the wait leaves the work alone."""

    async def cancel(self) -> None:
        """Cancel it and wait until it has ended. Call it under a shield."""


def detach(work: Work) -> Step:
    """Start some work in a task of its own, on the event loop that is running."""
    trio = _running_trio()
    return _AsyncioStep(work) if trio is None else _TrioStep(work, trio)


def starter() -> Callable[[Work], None]:
    """What starts work on the event loop that is running now, from any thread, and waits for nothing.

    For who learns of something where nothing can be awaited: the garbage collector runs anywhere. If the loop has ended
    by then, nothing is started, and what the work raises is dropped.
    """
    trio = _running_trio()
    if trio is None:
        return partial(_start_on_asyncio, asyncio.get_running_loop())
    return partial(_start_on_trio, trio, trio.lowlevel.current_trio_token())


def _start_on_asyncio(loop: asyncio.AbstractEventLoop, work: Work) -> None:
    def start() -> None:
        task = loop.create_task(_quietly(work), name="unbroken")
        _STARTED.add(task)
        task.add_done_callback(_STARTED.discard)

    _call_on_asyncio(loop, start)


def _start_on_trio(trio: ModuleType, token: Any, work: Work) -> None:
    _call_on_trio(trio, token, partial(trio.lowlevel.spawn_system_task, _quietly, work, name="unbroken"))


async def _quietly(work: Work) -> None:
    with suppress(Exception):
        await work()


#: asyncio itself keeps its tasks only weakly.
_STARTED: Final[set[asyncio.Task[None]]] = set()


def call_soon() -> Callable[[Callable[[], object]], None]:
    """What calls a function in the event loop that is running now, from any thread, and waits for nothing.

    The function must not raise. If the loop has ended by then, it is not called.
    """
    trio = _running_trio()
    if trio is None:
        return partial(_call_on_asyncio, asyncio.get_running_loop())
    return partial(_call_on_trio, trio, trio.lowlevel.current_trio_token())


def _call_on_asyncio(loop: asyncio.AbstractEventLoop, function: Callable[[], object]) -> None:
    with suppress(RuntimeError):  # it is closed
        loop.call_soon_threadsafe(function)


def _call_on_trio(trio: ModuleType, token: Any, function: Callable[[], object]) -> None:
    with suppress(trio.RunFinishedError):
        token.run_sync_soon(function)


def event_loop_clock() -> Callable[[], float]:
    """The clock of the event loop that is running, in seconds.

    What `anyio.current_time` tells, for whoever asks with every read: to find out which loop it is costs more than to
    read its clock.
    """
    trio = _running_trio()
    return asyncio.get_running_loop().time if trio is None else cast("Callable[[], float]", trio.current_time)


def others_first() -> Callable[[], Awaitable[Any]]:
    """What lets those tasks run that are ready, on the event loop that is running, and then returns.

    What `anyio.lowlevel.cancel_shielded_checkpoint` does, at a tenth of its cost on asyncio, and not shielded there.
    """
    trio = _running_trio()
    if trio is None:
        return _AsyncioTurn
    return cast("Callable[[], Awaitable[Any]]", trio.lowlevel.cancel_shielded_checkpoint)


class _AsyncioTurn:
    __slots__ = ()

    def __await__(self) -> Generator[None, None, None]:
        yield


class Wakeup(Protocol):
    """What one task waits for, and another sets."""

    def set(self) -> None:
        """Wake who waits; who comes later does not wait."""

    def wait(self) -> Awaitable[Any]:
        """Wait until it is set."""


def wakeups() -> Callable[[], Wakeup]:
    """What makes events for one waiter each, on the event loop that is running.

    On asyncio they cost half of `anyio.Event`, and there is one for each read that waits.
    """
    return _AsyncioWakeup if _running_trio() is None else anyio.Event


def _running_trio() -> ModuleType | None:
    trio = sys.modules.get("trio")
    if trio is None:
        return None
    try:
        trio.lowlevel.current_trio_token()
    except RuntimeError:
        return None
    return trio


class _AsyncioWakeup:
    __slots__ = ("_future",)

    def __init__(self) -> None:
        self._future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def set(self) -> None:
        if not self._future.done():
            self._future.set_result(None)

    def wait(self) -> Awaitable[None]:
        return self._future


class _AsyncioStep:
    __slots__ = ("_scope", "_task")

    def __init__(self, work: Work) -> None:
        # Cancelled by a scope, and not natively: that would go through the shields under which responses are closed.
        self._scope = anyio.CancelScope()
        self._task = asyncio.get_running_loop().create_task(self._run(work), name="unbroken")

    async def _run(self, work: Work) -> None:
        with self._scope:
            await work()
            return
        raise Abandoned

    async def wait(self) -> None:
        task = self._task
        if not task.done():
            # A future of our own: cancelling it does not reach the task, and the task's cancellation not us.
            ended = _AsyncioWakeup()

            def wake(_: asyncio.Task[None]) -> None:
                ended.set()

            task.add_done_callback(wake)
            try:
                await ended.wait()
            finally:
                task.remove_done_callback(wake)
        if task.cancelled():
            raise Abandoned
        task.result()

    async def cancel(self) -> None:
        self._scope.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.exception()  # looked at, so that asyncio does not complain of it


class _TrioStep:
    __slots__ = ("_done", "_error", "_scope", "_work")

    def __init__(self, work: Work, trio: ModuleType) -> None:
        self._work = work
        self._done = anyio.Event()
        self._scope = anyio.CancelScope()
        self._error: BaseException | None = None
        trio.lowlevel.spawn_system_task(self._run, name="unbroken", context=contextvars.copy_context())

    async def _run(self) -> None:
        # A system task must not raise, but for the cancellation with which trio ends it.
        self._error = Abandoned()
        try:
            with self._scope:
                await self._work()
                self._error = None
        except Exception as error:
            self._error = error
        finally:
            self._done.set()

    async def wait(self) -> None:
        await self._done.wait()
        if self._error is not None:
            raise self._error

    async def cancel(self) -> None:
        self._scope.cancel()
        await self._done.wait()
