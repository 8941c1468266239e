"""A step that outlives whoever waits for it.

Chat backends send heartbeats with `wait_for(anext(stream), 15)`: they cancel a read, over and over, and expect it to
go on. A read that was cancelled has lost its connection, so the step runs in a task of its own, and only the waiting
is cancelled; the next call waits for the same step. No scope or task group of ours is open meanwhile, which is why the
stream may be left from another task than the one that entered it.

anyio has no detached tasks, on purpose: nobody owns them. Here the stream does, and closing it cancels the step and
waits for its end.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

import anyio

__all__ = ["Detached"]

T = TypeVar("T")

# asyncio keeps only a weak reference to its tasks.
_RUNNING: set[asyncio.Task[None]] = set()


class Detached(Generic[T]):
    """Runs a step in a task of its own, starting now."""

    __slots__ = ("_done", "_error", "_scope", "_step", "_value")

    def __init__(self, step: Callable[[], Awaitable[T]]) -> None:
        self._step = step
        self._done = anyio.Event()
        self._scope = anyio.CancelScope()
        self._value: T | None = None
        self._error: BaseException | None = None
        _spawn(self._run)

    @property
    def done(self) -> bool:
        """Whether the step has ended."""
        return self._done.is_set()

    async def _run(self) -> None:
        try:
            with self._scope:
                self._value = await self._step()
                return
            self._error = _Abandoned("the stream was closed while it was being read")
        except Exception as error:
            self._error = error
        except BaseException as error:
            # The event loop is ending.
            self._error = error
            raise
        finally:
            self._done.set()

    async def wait(self) -> T:
        """The step's result, or its exception. Cancelling the wait leaves the step alone."""
        await self._done.wait()
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # set, since there was no error

    async def cancel(self) -> None:
        """Cancel the step and wait until it has ended. Call it under a shield."""
        self._scope.cancel()
        await self._done.wait()


class _Abandoned(RuntimeError):
    pass


def _spawn(run: Callable[[], Any]) -> None:
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        trio.lowlevel.spawn_system_task(run, name="unbroken", context=contextvars.copy_context())
        return
    task = asyncio.get_running_loop().create_task(run(), name="unbroken")
    _RUNNING.add(task)
    task.add_done_callback(_RUNNING.discard)
