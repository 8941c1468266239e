"""The queue between the engine and the reader: who waits for whom, and what wakes them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import pytest
from anyio.lowlevel import checkpoint

from unbroken.core.wire.decoded import Event
from unbroken.engine.feed import EventFeed

pytestmark = [pytest.mark.anyio, pytest.mark.backends("asyncio", "virtual")]

EVENT: Event = {"type": "message_stop"}


def take_all(feed: EventFeed) -> list[Event]:
    """Everything that waits, oldest first."""
    return [feed.take() for _ in list(feed.waiting)]


async def goes_on_when_taken(feed: EventFeed, wait: Callable[[], Awaitable[None]]) -> None:
    """See that a wait of the engine's goes on when a reader has taken what there was and waits, and not before.

    It may then be waited once more, and the feed is closed.
    """
    went_on = False

    async def go_on() -> None:
        nonlocal went_on
        await wait()
        went_on = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(go_on)
        await anyio.wait_all_tasks_blocked()
        assert not went_on
        take_all(feed)
        tasks.start_soon(feed.arrival)
        await anyio.wait_all_tasks_blocked()
        assert went_on
        await wait()  # there is one who waits
        feed.close()


async def is_held_back(feed: EventFeed) -> bool:
    """Whether more is not to be asked for now."""
    passed = False

    async def ask() -> None:
        nonlocal passed
        await feed.demand()
        passed = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    return not passed


async def test_who_waits_is_woken_by_an_event() -> None:
    """All who wait: who takes it is up to them."""
    feed, woken = EventFeed(), 0

    async def wait() -> None:
        nonlocal woken
        await feed.arrival()
        woken += 1

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        assert woken == 0
        feed.put([EVENT])
    assert (woken, list(feed.waiting)) == (2, [EVENT])


async def test_there_is_no_wait_for_what_is_there() -> None:
    """Nor after the end."""
    feed = EventFeed()
    feed.put([EVENT])
    await feed.arrival()
    take_all(feed)
    feed.close()
    await feed.arrival()
    assert feed.closed


async def test_the_end_wakes_who_waits() -> None:
    """There will be no event."""
    feed = EventFeed()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(feed.arrival)
        await anyio.wait_all_tasks_blocked()
        feed.close()


async def test_other_tasks_have_their_turn_while_nothing_can_be_delivered() -> None:
    """However much the network has in its buffer, and however long nothing of it is the answer's."""
    feed, turns, reads = EventFeed(), 0, 640

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(other)
        for _ in range(reads):
            await feed.room()
        tasks.cancel_scope.cancel()
    assert turns >= reads // 64  # schedulers differ in whose turn is first


async def test_the_engine_waits_while_there_is_enough() -> None:
    """Until a reader has taken all of it, and asks for more."""
    feed = EventFeed()
    feed.put([EVENT])
    await feed.room()
    feed.put([EVENT] * 10_000)
    await goes_on_when_taken(feed, feed.room)


async def test_a_cancelled_wait_takes_nothing_along() -> None:
    """The next one is woken all the same."""
    feed = EventFeed()
    with anyio.move_on_after(0):
        await feed.arrival()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(feed.arrival)
        await checkpoint()
        feed.put([EVENT])
    assert list(feed.waiting) == [EVENT]


@pytest.mark.backends("asyncio")  # trio lets the two run in any order
async def test_the_first_of_an_answer_is_handed_over_at_once() -> None:
    """Whoever waits for it has it before the engine goes on; so it is again when another answer begins."""
    feed, seen = EventFeed(), []

    async def read() -> None:
        while not feed.closed:
            await feed.arrival()
            seen.append(len(feed.waiting))
            take_all(feed)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        for begins, expected in ((False, [1]), (False, [1]), (True, [1, 2])):
            if begins:
                feed.begin()
            feed.put([EVENT])
            await feed.room()
            assert seen == expected
        feed.close()


async def test_more_is_asked_for_once_ahead_of_who_reads() -> None:
    """The second time a reader has to have taken what there was."""
    feed = EventFeed()
    await feed.demand()
    feed.put([EVENT])
    await goes_on_when_taken(feed, feed.demand)


async def test_what_a_reader_waits_for_is_not_asked_for_ahead_of_it() -> None:
    """So while it is busy with what that brings, the next is asked for, and not the one after."""
    feed = EventFeed()
    await feed.demand()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(feed.arrival)
        await anyio.wait_all_tasks_blocked()
        await feed.demand()
        feed.put([EVENT])
        await anyio.wait_all_tasks_blocked()
    with anyio.fail_after(5):
        await feed.demand()
    assert await is_held_back(feed)


async def test_a_reader_that_has_ceased_to_wait_demands_nothing() -> None:
    """Its wait was cancelled, and it may never come back: one more is asked for, and nothing after that."""
    feed = EventFeed()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(feed.arrival)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    await feed.demand()
    assert await is_held_back(feed)


async def test_events_are_taken_oldest_first() -> None:
    """And what is late is dropped before anybody takes it."""
    feed = EventFeed()
    feed.put([{"type": "ping", "n": n} for n in range(3)])
    feed.put([EVENT])
    assert [event.get("n") for event in take_all(feed)] == [0, 1, 2, None]
    feed.put([EVENT])
    feed.drop()
    assert not feed.waiting
