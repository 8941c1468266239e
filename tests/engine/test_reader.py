"""The reader's end: what comes out of it when the engine ends, fails, is closed or is cancelled."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from harness import AT_ONCE, CONTINUE, serving
from unbroken import Health, StreamFailed
from unbroken.engine.driver import Driver
from unbroken.engine.reader import Reader, open_reader
from unbroken.routes import Route
from unbroken.testing import Reset, Script, Silence, Status, after_characters

pytestmark = [pytest.mark.anyio, pytest.mark.backends("asyncio", "trio")]

TEXT = "Whoever reads takes what there is, and waits for what is still to come."


def driver(client: Any) -> Driver:
    """A driver that has not asked yet."""
    return Driver(
        api="messages",
        routes=(Route(model=CONTINUE, client=client),),
        request={"model": CONTINUE, "max_tokens": 500, "messages": [{"role": "user", "content": "Tell me."}]},
        policy=AT_ONCE,
        health=Health(),
        on_notice=None,
        warn=lambda warning: None,
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

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.sleep(0.05)
            await reader.close()
        assert TEXT.startswith(read[0])
        assert reader.closed


async def test_cancelling_a_read_loses_nothing() -> None:
    """However often."""
    async with serving(TEXT) as (_, client):
        reader = await open_reader(driver(client))
        for _ in range(20):
            with anyio.CancelScope() as scope:
                scope.cancel()
                await reader._more()
        assert await texts(reader) == TEXT
        await reader.close()


async def test_what_cannot_be_opened_leaves_nothing_open() -> None:
    """The error comes out; the harness sees to it that no connection is left."""
    async with serving(Script(TEXT, then=Status(529))) as (_, client):
        engine = driver(client)
        with pytest.raises(StreamFailed):
            await open_reader(engine)
        assert engine.done
        assert all(attempt.ended is not None for attempt in engine.report.attempts)
