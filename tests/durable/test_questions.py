"""Questions to a journal: one answer for all who ask at a time, and none that is older than its question."""

from __future__ import annotations

import logging

import anyio
import pytest
import trio.lowlevel
import trio.testing

from harness import until
from unbroken.durable.questions import Questions, patiently
from unbroken.journal import JournalUnavailable


@pytest.mark.anyio
async def test_those_who_ask_at_the_same_time_share_an_answer() -> None:
    questions, asked, answers = Questions(), 0, []

    async def ask() -> int:
        nonlocal asked
        asked += 1
        return asked

    async def one() -> None:
        answers.append(await questions.shared(("read",), ask, 5.0))

    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(one)
    assert answers == [1] * 100
    assert await questions.shared(("read",), ask, 5.0) == 2


@pytest.mark.anyio
async def test_no_answer_is_older_than_its_question() -> None:
    """Who asks when the journal is being asked already may know of something that it has been told since."""
    questions, written, answering = Questions(), ["one"], anyio.Event()

    async def ask() -> list[str]:
        answer = list(written)
        if answer == ["one"]:
            await answering.wait()
        return answer

    async with anyio.create_task_group() as group:
        group.start_soon(questions.shared, ("look",), ask, 5.0)
        await until(lambda: not questions._waiting)
        written.append("two")
        assert await questions.shared(("look",), ask, 5.0) == ["one", "two"]
        answering.set()


@pytest.mark.anyio
async def test_an_error_is_everybodys_and_no_complaint_where_nobody_waits(caplog: pytest.LogCaptureFixture) -> None:
    questions, asking = Questions(), anyio.Event()

    async def ask() -> int:
        await asking.wait()
        raise JournalUnavailable("it is away")

    async def one() -> None:
        with pytest.raises(JournalUnavailable):
            await questions.shared(("read",), ask, 0.05)

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(one)
        await until(lambda: not questions._waiting)
        asking.set()
    with caplog.at_level(logging.ERROR):
        async with anyio.create_task_group() as group:
            group.start_soon(questions.shared, ("read",), ask, 0.05)
            await until(lambda: bool(questions._waiting))
            group.cancel_scope.cancel()
        # The next one of the same name has its turn behind it.
        await one()
    assert caplog.records == []


@pytest.mark.anyio
async def test_so_many_are_asked_at_a_time_and_who_waits_for_a_turn_loses_no_patience() -> None:
    questions, now, most = Questions(), 0, 0

    async def ask() -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await anyio.sleep(0.02)
        now -= 1

    async with anyio.create_task_group() as group:
        for n in range(60):
            group.start_soon(questions.shared, (n,), ask, 0.1)
    assert most == 8


def stand_still(seconds: float) -> None:
    """This process does nothing for so long, and does not notice: it is stopped, or its machine sleeps."""
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, trio.testing.MockClock)
    clock.jump(seconds)


@pytest.mark.anyio
@pytest.mark.backends("virtual")
@pytest.mark.parametrize("answers", [True, False])
async def test_whoever_stood_still_in_the_middle_of_a_question_asks_again(answers: bool) -> None:
    """Time in which this process did nothing says nothing of the journal, whichever of the two notices first."""
    asked = 0

    async def ask() -> str:
        nonlocal asked
        asked += 1
        if asked == 1:
            stand_still(60)
            if not answers:
                raise JournalUnavailable("it does not answer in time")
            await anyio.sleep_forever()
        return "there"

    assert await patiently(ask, 5) == "there"
    assert asked == 2


@pytest.mark.anyio
@pytest.mark.backends("virtual")
async def test_a_journal_that_is_always_late_is_not_asked_for_ever() -> None:
    asked = 0

    async def ask() -> str:
        nonlocal asked
        asked += 1
        stand_still(60)
        raise JournalUnavailable("it does not answer in time")

    with pytest.raises(JournalUnavailable):
        await patiently(ask, 5)
    assert asked == 2


@pytest.mark.anyio
@pytest.mark.backends("virtual")
async def test_what_does_not_answer_is_given_up_when_it_is_time() -> None:
    began = anyio.current_time()
    with pytest.raises(JournalUnavailable):
        await patiently(anyio.sleep_forever, 5)
    assert anyio.current_time() - began == 5
