"""A step that outlives whoever waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread
import pytest

from unbroken.concurrency.detached import Abandoned, detach, event_loop_clock, starter

pytestmark = pytest.mark.anyio


class Work:
    """Work that goes on when it is told to, and notes how far it came."""

    def __init__(self, error: Exception | None = None) -> None:
        self.may_go_on = anyio.Event()
        self.notes: list[str] = []
        self._error = error

    async def __call__(self) -> None:
        self.notes.append("started")
        try:
            await self.may_go_on.wait()
        except BaseException:
            self.notes.append("cancelled")
            raise
        self.notes.append("ended")
        if self._error is not None:
            raise self._error


async def test_waiting_waits_for_the_end_of_the_work() -> None:
    """It starts by itself, and may have ended before anybody waits."""
    work = Work()
    step = detach(work)
    await anyio.wait_all_tasks_blocked()
    assert work.notes == ["started"]
    work.may_go_on.set()
    await step.wait()
    await step.wait()
    assert work.notes == ["started", "ended"]


async def test_what_the_work_raises_comes_out_of_the_wait() -> None:
    """And never out of the event loop."""
    work = Work(LookupError("mine"))
    step = detach(work)
    work.may_go_on.set()
    with pytest.raises(LookupError, match="mine"):
        await step.wait()


async def test_cancelling_the_wait_leaves_the_work_alone() -> None:
    """Any number of times; the next wait is for the same work."""
    work = Work()
    step = detach(work)
    for _ in range(3):
        async with anyio.create_task_group() as group:
            group.start_soon(step.wait)
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
    assert work.notes == ["started"]
    work.may_go_on.set()
    await step.wait()
    assert work.notes == ["started", "ended"]


async def test_two_may_wait_for_the_same_work() -> None:
    """Both are told of its end."""
    work = Work()
    step = detach(work)
    async with anyio.create_task_group() as group:
        group.start_soon(step.wait)
        group.start_soon(step.wait)
        await anyio.wait_all_tasks_blocked()
        work.may_go_on.set()


async def test_cancelling_the_work_waits_until_it_has_ended() -> None:
    """Whoever waits for it is told that it was abandoned."""
    work = Work()
    step = detach(work)
    told: list[str] = []

    async def wait() -> None:
        try:
            await step.wait()
        except Abandoned:
            told.append("abandoned")

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        await step.cancel()
        assert work.notes == ["started", "cancelled"]
    assert told == ["abandoned"]


async def test_cancelling_work_that_has_failed_says_nothing() -> None:
    """Nobody looked at its error, and nobody is warned of that."""
    work = Work(LookupError("mine"))
    step = detach(work)
    work.may_go_on.set()
    await anyio.wait_all_tasks_blocked()
    await step.cancel()
    assert work.notes == ["started", "ended"]


async def test_the_work_sees_the_context_of_who_started_it() -> None:
    """Tracing depends on it."""
    from contextvars import ContextVar

    place: ContextVar[str] = ContextVar("place")
    seen: list[str] = []

    async def look() -> None:
        seen.append(place.get())

    place.set("here")
    await detach(look).wait()
    assert seen == ["here"]


async def test_the_clock_is_the_event_loops() -> None:
    """Also where it is a virtual one."""
    now = event_loop_clock()
    began = now()
    await anyio.sleep(0.01)
    assert began < now() <= anyio.current_time()


async def test_work_can_be_started_from_another_thread() -> None:
    """As the garbage collector may have to; what it raises is dropped."""
    start, done = starter(), anyio.Event()

    async def work() -> None:
        done.set()
        raise LookupError("nobody is told")

    await anyio.to_thread.run_sync(start, work)
    with anyio.fail_after(120):
        await done.wait()


def test_nothing_is_started_on_a_loop_that_has_ended() -> None:
    """Who is collected late is collected in silence."""

    async def make() -> Callable[[Any], None]:
        return starter()

    async def work() -> None:
        raise AssertionError("it was started")

    for backend in ("asyncio", "trio"):
        anyio.run(make, backend=backend)(work)
