"""The reader's end: what comes out of it when the engine ends, fails, is closed or is cancelled."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import anyio
import pytest

from harness import AT_ONCE, CONTINUE, serving, tasks, until
from unbroken import Health, Policy, StreamFailed, StreamTimeout
from unbroken.engine.driver import Driver
from unbroken.engine.reader import Reader, open_reader
from unbroken.routes import Route
from unbroken.sdk.call_site import NOWHERE
from unbroken.testing import Reset, Script, Silence, Status, after_characters

pytestmark = [pytest.mark.anyio, pytest.mark.backends("asyncio", "trio")]

TEXT = "Whoever reads takes what there is, and waits for what is still to come."


def driver(client: Any, policy: Policy = AT_ONCE) -> Driver:
    """A driver that has not asked yet."""
    return Driver(
        api="messages",
        routes=(Route(model=CONTINUE, client=client),),
        request={"model": CONTINUE, "max_tokens": 500, "messages": [{"role": "user", "content": "Tell me."}]},
        policy=policy,
        health=Health(),
        on_notice=None,
        call_site=NOWHERE,
        started=anyio.current_time(),
    )


async def texts(reader: Reader) -> str:
    """All of the text that comes."""
    text = ""
    while True:
        try:
            event = await reader.next_event()
        except StopAsyncIteration:
            return text
        text += event.get("delta", {}).get("text", "")


async def test_all_events_come_and_then_the_end() -> None:
    """Also across a cut; the end comes again to who asks again."""
    async with serving(Script(TEXT, faults=[Reset(at=after_characters(20))])) as (_, client):
        reader = await open_reader(driver(client))
        assert await texts(reader) == TEXT
        assert await texts(reader) == ""
        await reader.close()


async def test_what_fails_fails_again_and_again() -> None:
    """After all that has arrived was taken."""
    async with serving(Script(TEXT, faults=[Reset(at=after_characters(20))], then=Status(400))) as (_, client):
        reader = await open_reader(driver(client))
        with pytest.raises(StreamFailed) as caught:
            await texts(reader)
        assert caught.value.partial.text
        with pytest.raises(StreamFailed) as again:
            await reader.next_event()
        assert again.value is caught.value is reader.error
        await reader.close()


async def test_closing_ends_the_wait_of_another_task() -> None:
    """Its stream just ends."""
    async with serving(Script(TEXT, then=Silence(at=after_characters(20)))) as (_, client):
        reader = await open_reader(driver(client))
        read: list[str] = []

        async def wait() -> None:
            read.append(await texts(reader))

        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await anyio.sleep(0.05)
            await reader.close()
        assert TEXT.startswith(read[0])
        assert reader.closed


async def test_cancelling_a_read_loses_nothing() -> None:
    """However often."""
    async with serving(TEXT) as (_, client):
        reader = await open_reader(driver(client))
        begun = ""
        for _ in range(20):
            with anyio.CancelScope() as scope, suppress(StopAsyncIteration):
                scope.cancel()
                event = await reader.next_event()
                begun += event.get("delta", {}).get("text", "")
        assert begun + await texts(reader) == TEXT
        await reader.close()


async def test_what_cannot_be_opened_leaves_nothing_open() -> None:
    """The error comes out; the harness sees to it that no connection is left."""
    async with serving(Script(TEXT, then=Status(529))) as (_, client):
        engine = driver(client)
        with pytest.raises(StreamFailed):
            await open_reader(engine)
        assert engine.done
        assert all(attempt.ended is not None for attempt in engine.report.attempts)


async def collected(gone: Callable[[], bool]) -> None:
    """Collect until it is so."""

    def condition() -> bool:
        gc.collect()
        return gone()

    await until(condition)


@pytest.mark.parametrize("reads", [0, 1])
async def test_a_reader_that_is_dropped_is_closed_by_the_collector(reads: int) -> None:
    """Its connection and its task are gone, and nothing is asked that nobody will read."""
    script = Script(TEXT, faults=[Silence(at=after_characters(20))])
    async with serving(script) as (server, client):
        before = tasks()
        reader: Reader | None = await open_reader(engine := driver(client))
        for _ in range(reads):
            assert reader is not None
            await reader.next_event()
        gone = weakref.ref(reader)
        reader = None
        await collected(lambda: gone() is None and engine.done)
        await until(lambda: tasks() == before)
        assert len(server.requests) == 1
        assert engine.report.outcome == "closed"


async def test_who_leaves_without_a_word_is_asked_for_once_more_at_most() -> None:
    """Something still refers to the reader, so that it is not collected."""
    faults = [Reset(at=after_characters(20)), Reset(at=after_characters(10))]
    async with serving(Script(TEXT, faults=faults)) as (server, client):
        reader = await open_reader(engine := driver(client))
        await reader.next_event()
        await until(lambda: engine.out._engine is not None)
        assert len(server.requests) == 2
        await texts(reader)
        assert len(server.requests) == 3
        await reader.close()


@pytest.mark.backends("virtual")
async def test_a_deadline_holds_for_who_does_not_read() -> None:
    """The connection is closed when it passes, and the first read raises, though an event had come before."""
    async with serving(Script(TEXT, faults=[Silence(at=after_characters(20))])) as (_, client):
        engine = driver(client, policy=Policy(deadline=1))
        reader = await open_reader(engine)
        await anyio.sleep(3)
        assert engine.report.outcome == "failed"
        with pytest.raises(StreamTimeout):
            await reader.next_event()
        await reader.close()


async def test_what_waits_when_the_deadline_has_passed_is_late() -> None:
    """Though the engine, whose loop was blocked, has not seen that yet."""
    async with serving(Script(TEXT, faults=[Silence(at=after_characters(20))])) as (_, client):
        engine = driver(client, policy=Policy(deadline=60))
        reader = await open_reader(engine)
        await until(lambda: len(engine.partial.text) == 20)
        engine.deadline = anyio.current_time()

        async def expire() -> None:
            engine.out.close()
            engine.error = engine.failure("it is over", StreamTimeout)

        async with anyio.create_task_group() as group:
            group.start_soon(expire)
            with pytest.raises(StreamTimeout):
                await reader.next_event()
        await reader.close()
