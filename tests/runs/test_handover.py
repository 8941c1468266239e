"""Answers on their way to the caller: a read can be cancelled, and those who bring more than is taken wait."""

from __future__ import annotations

import anyio
import pytest

from unbroken.runs.handover import Handover


@pytest.mark.anyio
async def test_who_brings_too_much_waits() -> None:
    """Until something is taken; all comes in its order, and then the end."""
    answers: Handover[int] = Handover(2)
    brought: list[int] = []

    async def bring() -> None:
        for number in range(6):
            await answers.put(number)
            brought.append(number)
        answers.close()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bring)
        await anyio.wait_all_tasks_blocked()
        assert brought == [0, 1]
        assert await answers.take() == 0
        await anyio.wait_all_tasks_blocked()
        assert brought == [0, 1, 2]
        assert [await answers.take() for _ in range(5)] == [1, 2, 3, 4, 5]
    for _ in range(2):
        with pytest.raises(StopAsyncIteration):
            await answers.take()


@pytest.mark.anyio
async def test_a_cancelled_read_takes_nothing() -> None:
    """And an error comes behind what was brought, once."""
    answers: Handover[int] = Handover(2)
    with anyio.move_on_after(0):
        await answers.take()
    await answers.put(7)
    answers.error = ValueError("no more")
    answers.close()
    assert await answers.take() == 7
    with pytest.raises(ValueError, match="no more"):
        await answers.take()
    with pytest.raises(StopAsyncIteration):
        await answers.take()
