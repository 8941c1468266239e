"""A source that is read in a task of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from harness import tasks
from unbroken.pipe.pump import Pump

pytestmark = pytest.mark.anyio


class Source:
    """Gives the numbers up to `count`, each after `gap` seconds, and notes how far it was read and whether it ended."""

    def __init__(self, count: int, gap: float = 0, failure: Exception | None = None) -> None:
        self.read = 0
        self.closed = 0
        self._count, self._gap, self._failure = count, gap, failure

    def __aiter__(self) -> AsyncIterator[int]:
        return self

    async def __anext__(self) -> int:
        await asyncio.sleep(self._gap)
        if self.read == self._count:
            raise self._failure or StopAsyncIteration
        self.read += 1
        return self.read

    async def aclose(self) -> None:
        await asyncio.sleep(0.5)
        self.closed += 1


async def taken_by(pump: Pump[int], got: list[int]) -> list[int]:
    """All that comes, until the pump's end."""
    pump.start()
    try:
        while True:
            pump.check()
            await pump.changed()
    except StopAsyncIteration:
        return got


async def test_it_reads_to_the_end_and_closes_the_source() -> None:
    """Every item arrives, the task ends, and closing again does nothing."""
    got: list[int] = []
    source = Source(5)
    before = tasks()
    pump = Pump(source, got.append, lambda: True)
    assert await taken_by(pump, got) == [1, 2, 3, 4, 5]
    assert source.closed == 1
    await pump.aclose()
    await pump.aclose()
    assert source.closed == 1
    assert tasks() == before


async def test_it_waits_for_room() -> None:
    """No more is read than there is room for, until somebody says that there is more."""
    got: list[int] = []
    source = Source(100)
    pump = Pump(source, got.append, lambda: len(got) < 3)
    pump.start()
    await asyncio.sleep(60)
    assert source.read == 3
    got.clear()
    pump.notify()
    await asyncio.sleep(60)
    assert source.read == 6
    await pump.aclose()


async def test_an_error_is_raised_each_time() -> None:
    """What the source raised is not lost with the first who hears of it."""
    pump = Pump(Source(2, failure=ValueError("broken")), lambda _: None, lambda: True)
    pump.start()
    await asyncio.sleep(60)
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            pump.check()
    await pump.aclose()


@pytest.mark.parametrize("begun", [0, 0.1, 30])
async def test_closing_closes_the_source_whether_it_was_read_or_not(begun: float) -> None:
    """Before the task has run, while the source is waited for, and in the middle."""
    source = Source(100, gap=10)
    before = tasks()
    pump = Pump(source, lambda _: None, lambda: True)
    pump.start()
    if begun:
        await asyncio.sleep(begun)
    await pump.aclose()
    assert source.closed == 1
    assert tasks() == before
    with pytest.raises(StopAsyncIteration):
        pump.check()
    pump.start()
    assert tasks() == before


async def test_a_pump_that_was_never_started_closes_its_source() -> None:
    """Who opened something upstream relies on it."""
    source = Source(1)
    await Pump(source, lambda _: None, lambda: True).aclose()
    assert (source.read, source.closed) == (0, 1)


async def test_what_closing_the_source_raises_is_raised() -> None:
    """It is not swallowed with the task."""

    async def source() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.sleep(60)
        finally:
            raise ValueError("cannot close")

    pump = Pump(source(), lambda _: None, lambda: True)
    pump.start()
    await asyncio.sleep(1)
    with pytest.raises(ValueError, match="cannot close"):
        await pump.aclose()


async def test_a_task_that_somebody_else_cancels_is_no_end() -> None:
    """Readers must not take a cut for the end of the text."""
    before = asyncio.all_tasks()
    pump = Pump(Source(100, gap=10), lambda _: None, lambda: True)
    pump.start()
    (task,) = asyncio.all_tasks() - before
    await asyncio.sleep(15)
    task.cancel()
    await pump.changed()
    with pytest.raises(RuntimeError, match="cancelled by somebody else"):
        pump.check()
    await pump.aclose()


async def test_a_wait_for_a_change_has_its_time() -> None:
    """It ends after the seconds that were given, and the next wait is a new one."""
    pump = Pump(Source(1, gap=100), lambda _: None, lambda: True)
    pump.start()
    clock = asyncio.get_running_loop().time
    begin = clock()
    await pump.changed(7)
    assert clock() - begin == pytest.approx(7)
    await pump.changed()
    assert clock() - begin == pytest.approx(100)
    await pump.aclose()
