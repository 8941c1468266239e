"""What is read ahead of what is sent, and what a wait that is given up costs: nothing."""

from __future__ import annotations

import anyio
import pytest
from tests.web.fakes import FakeStream
from tests.web.messages import STREAMS, Recorded

from unbroken.web.intake import Intake

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual", "asyncio")]

TEXT = STREAMS["text"]


@pytest.mark.backends("virtual")
async def test_a_wait_that_is_over_loses_nothing() -> None:
    """What comes afterwards is taken with the next one."""
    stream = FakeStream(TEXT, live=0)
    intake = Intake(stream)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(intake.run)
        for count in range(4):
            assert await intake.take(0.5) == ()
            stream.come(1)
            assert await intake.take(100) == (TEXT.entries[count],)
        stream.come()
        rest: list[object] = []
        while not intake.is_over:
            rest += await intake.take(100)
    assert rest == list(TEXT.entries[4:])
    assert (intake.error, stream.readers) == (None, 0)


@pytest.mark.backends("virtual")
async def test_behind_a_client_that_is_slow_reading_waits() -> None:
    """However long the stream is, a few events are held."""
    entries = [(f"1-{n}", {"type": "ping"}) for n in range(1, 1001)]
    stream = FakeStream(Recorded(entries))
    intake = Intake(stream)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(intake.run)
        taken: list[object] = []
        while len(taken) < 1000:
            await anyio.sleep(1)
            assert stream.taken - len(taken) == min(64, 1000 - len(taken))
            taken += await intake.take(1)
    assert taken == entries


async def test_who_leaves_leaves_nothing_open() -> None:
    """Wherever the reading is: it waits for more, or for room."""
    for stream in (FakeStream(TEXT, live=2), FakeStream(Recorded([("1-1", {"type": "ping"})] * 1000))):
        intake = Intake(stream)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(intake.run)
            await anyio.wait_all_tasks_blocked()
            assert stream.readers == 1
            tasks.cancel_scope.cancel()
        assert stream.readers == 0


async def test_what_reading_raised_comes_behind_what_was_read() -> None:
    """Nothing of it is lost for that."""
    stream = FakeStream(STREAMS["text, failed"], error=ZeroDivisionError())
    intake = Intake(stream)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(intake.run)
        taken: list[object] = []
        while not intake.is_over:
            taken += await intake.take(100)
    assert taken == list(STREAMS["text, failed"].entries)
    assert isinstance(intake.error, ZeroDivisionError)


async def test_an_iterator_that_is_no_generator() -> None:
    """It has nothing to close."""

    class Few:
        left = 2

        def __aiter__(self) -> Few:
            return self

        async def __anext__(self) -> tuple[str, dict[str, str]]:
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return f"1-{self.left}", {"type": "ping"}

    class Stream:
        stream_id = "c7/3"
        after: str | None = None
        entries = Few()

        async def close(self) -> None:
            raise NotImplementedError

    intake = Intake(Stream())
    await intake.run()
    assert len(await intake.take(0)) == 2
    assert intake.is_over
