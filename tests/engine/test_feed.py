"""The queue between the engine and the reader: who waits for whom, and what wakes them."""

from __future__ import annotations

import anyio
import pytest
from anyio.lowlevel import checkpoint

from unbroken.core.wire.decoded import Event
from unbroken.engine.feed import Outbox

pytestmark = [pytest.mark.anyio, pytest.mark.backends("asyncio", "virtual")]

EVENT: Event = {"type": "message_stop"}


async def test_who_waits_is_woken_by_an_event() -> None:
    """All who wait: who takes it is up to them."""
    outbox, woken = Outbox(), 0

    async def wait() -> None:
        nonlocal woken
        await outbox.arrival()
        woken += 1

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        assert woken == 0
        outbox.put([EVENT])
    assert (woken, list(outbox.events)) == (2, [EVENT])


async def test_there_is_no_wait_for_what_is_there() -> None:
    """Nor after the end."""
    outbox = Outbox()
    outbox.put([EVENT])
    await outbox.arrival()
    outbox.events.clear()
    outbox.close()
    await outbox.arrival()
    assert outbox.closed


async def test_the_end_wakes_who_waits() -> None:
    """There will be no event."""
    outbox = Outbox()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outbox.arrival)
        await anyio.wait_all_tasks_blocked()
        outbox.close()


async def test_other_tasks_have_their_turn_while_nothing_can_be_delivered() -> None:
    """However much the network has in its buffer, and however long nothing of it is the answer's."""
    outbox, turns, reads = Outbox(), 0, 640

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(other)
        for _ in range(reads):
            await outbox.room()
        tasks.cancel_scope.cancel()
    assert turns >= reads // 64  # schedulers differ in whose turn is first


async def test_the_engine_waits_while_there_is_enough() -> None:
    """Until a reader has taken all of it, and asks for more."""
    outbox = Outbox()
    outbox.put([EVENT])
    await outbox.room()
    outbox.put([EVENT] * 10_000)
    went_on = False

    async def fill() -> None:
        nonlocal went_on
        await outbox.room()
        went_on = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(fill)
        await anyio.wait_all_tasks_blocked()
        assert not went_on
        outbox.events.clear()
        tasks.start_soon(outbox.arrival)
        await anyio.wait_all_tasks_blocked()
        assert went_on
        outbox.close()


async def test_a_cancelled_wait_takes_nothing_along() -> None:
    """The next one is woken all the same."""
    outbox = Outbox()
    with anyio.move_on_after(0):
        await outbox.arrival()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outbox.arrival)
        await checkpoint()
        outbox.put([EVENT])
    assert list(outbox.events) == [EVENT]


@pytest.mark.backends("asyncio")  # trio lets the two run in any order
async def test_the_first_of_an_answer_is_handed_over_at_once() -> None:
    """Whoever waits for it has it before the engine goes on; so it is again when another answer begins."""
    outbox, seen = Outbox(), []

    async def read() -> None:
        while not outbox.closed:
            await outbox.arrival()
            seen.append(len(outbox.events))
            outbox.events.clear()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        for begins, expected in ((False, [1]), (False, [1]), (True, [1, 2])):
            if begins:
                outbox.begin()
            outbox.put([EVENT])
            await outbox.room()
            assert seen == expected
        outbox.close()


async def test_more_is_asked_for_once_ahead_of_who_reads() -> None:
    """The second time a reader has to have taken what there was."""
    outbox = Outbox()
    await outbox.demand()
    outbox.put([EVENT])
    asked = False

    async def ask() -> None:
        nonlocal asked
        await outbox.demand()
        asked = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        assert not asked
        outbox.events.clear()
        tasks.start_soon(outbox.arrival)
        await anyio.wait_all_tasks_blocked()
        assert asked
        await outbox.demand()  # there is one who waits
        outbox.close()
