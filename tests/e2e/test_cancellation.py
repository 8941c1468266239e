"""Leaving: early, cancelled, timed out, from another task. No task stays behind, no connection, and no warning."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import anthropic
import anyio
import anyio.lowlevel
import pytest
from anthropic import AsyncAnthropic

from harness import AT_ONCE, PREFILL, ask, assert_unbroken, read, read_on, tasks, until
from unbroken import Policy, ResilientStream, StreamFailed, StreamTimeout, resilient_stream
from unbroken.testing import BEFORE_RESPONSE, FaultServer, Reset, Script, Silence, Status, ThreadedFaultServer
from unbroken.testing import after_characters as after

pytestmark = pytest.mark.anyio

TEXT: Final = "Whoever leaves early closes the door. Nobody waits behind it, and nothing is left running."


@dataclass(frozen=True)
class Phase:
    """Where a stream is when its caller goes: the script that keeps it there, and how the server can tell."""

    script: Script
    reached: Callable[[ThreadedFaultServer], bool]


def _fired(number: int) -> Callable[[ThreadedFaultServer], bool]:
    """The fault of this request has struck."""
    return lambda server: len(server.requests) > number and bool(server.requests[number].faults)


_AN_HOUR: Final = Status(529, headers={"retry-after": "3600"})

PHASES: Final[dict[str, Phase]] = {
    "opening": Phase(Script(TEXT, then=Silence(at=BEFORE_RESPONSE)), _fired(0)),
    "waiting_for_the_first_word": Phase(Script(TEXT, then=Silence(at=after(0))), _fired(0)),
    "reading": Phase(Script(TEXT, then=Silence(at=after(30))), _fired(0)),
    "backoff": Phase(Script(TEXT, then=_AN_HOUR), _fired(0)),
    "backoff_after_a_cut": Phase(Script(TEXT, faults=[Reset(at=after(30))], then=_AN_HOUR), _fired(1)),
    "opening_the_resume": Phase(
        Script(TEXT, faults=[Reset(at=after(30))], then=Silence(at=BEFORE_RESPONSE)), _fired(1)
    ),
    "the_seam": Phase(Script(TEXT, faults=[Reset(at=after(30))], then=Silence(at=after(3))), _fired(1)),
    "after_the_seam": Phase(Script(TEXT, faults=[Reset(at=after(30))], then=Silence(at=after(50))), _fired(1)),
}

PATIENT: Final = Policy(initial_backoff=0, max_retry_after=7200)


@asynccontextmanager
async def nothing_left(script: Script, **options: Any) -> AsyncIterator[tuple[ThreadedFaultServer, AsyncAnthropic]]:
    """A server in a thread of its own and a client; afterwards all tasks of this loop and all connections are gone."""
    with FaultServer.in_thread(script) as server:
        async with AsyncAnthropic(base_url=server.url, api_key="test", **options) as client:
            before = tasks()
            yield server, client
            assert tasks() == before
            # A connection whose response was read to its end may be kept for the next request; no other.
            await until(lambda: all(r.ended_at is not None for c in server.open_connections for r in c.requests))
        await until(lambda: not server.open_connections)


async def consume(client: Any, iterator: str, **changes: Any) -> None:
    """Read a stream by one of its two iterators."""
    async with resilient_stream(client, **ask(policy=PATIENT, **changes)) as stream:
        async for _ in stream if iterator == "events" else stream.text_stream:
            pass


@pytest.mark.parametrize("iterator", ["events", "text"])
@pytest.mark.parametrize("phase", PHASES)
async def test_a_caller_who_is_cancelled_leaves_nothing_behind(phase: str, iterator: str) -> None:
    """In every phase, by either iterator."""
    async with nothing_left(PHASES[phase].script) as (server, client):
        async with anyio.create_task_group() as group:
            group.start_soon(consume, client, iterator)
            await until(lambda: PHASES[phase].reached(server))
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()


@pytest.mark.parametrize("phase", PHASES)
async def test_a_caller_who_times_out_leaves_nothing_behind(phase: str) -> None:
    """The policy's deadline closes what is open, like a cancellation does."""
    async with nothing_left(PHASES[phase].script) as (_, client):
        with pytest.raises(StreamTimeout):
            await read(client, policy=Policy(initial_backoff=0, max_retry_after=7200, deadline=0.05))


@pytest.mark.backends("asyncio", "uvloop")
@pytest.mark.parametrize("phase", PHASES)
async def test_a_cancelled_asyncio_task_leaves_nothing_behind(phase: str) -> None:
    """As web servers do it when a browser goes away."""
    async with nothing_left(PHASES[phase].script) as (server, client):
        task = asyncio.create_task(consume(client, "text"))
        await until(lambda: PHASES[phase].reached(server))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.backends("asyncio", "uvloop")
@pytest.mark.parametrize("phase", PHASES)
async def test_a_caller_on_the_aiohttp_client_who_is_cancelled_leaves_nothing_behind(phase: str) -> None:
    """The other transport has other ways to leave something open."""
    http_client = anthropic.DefaultAioHttpClient()
    async with nothing_left(PHASES[phase].script, http_client=http_client) as (server, client):
        async with anyio.create_task_group() as group:
            group.start_soon(consume, client, "text")
            await until(lambda: PHASES[phase].reached(server))
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()


@pytest.mark.parametrize("iterator", ["events", "text"])
async def test_a_caller_who_leaves_early_leaves_nothing_behind(iterator: str) -> None:
    """Out of the loop after the first piece, and out of the block."""
    async with nothing_left(PHASES["reading"].script) as (_, client):
        async with resilient_stream(client, **ask()) as stream:
            async for _event in stream if iterator == "events" else stream.text_stream:
                break
        assert stream.report.outcome == "closed"
        assert stream.report.attempts[-1].outcome == "cancelled"


async def test_a_caller_who_never_reads_leaves_nothing_behind() -> None:
    """Entered and left."""
    async with nothing_left(PHASES["reading"].script) as (_, client):
        async with resilient_stream(client, **ask()):
            pass


async def test_a_caller_who_never_enters_leaves_nothing_behind() -> None:
    """No coroutine waits to be awaited in what `resilient_stream` returns."""
    async with nothing_left(Script(TEXT)) as (server, client):
        resilient_stream(client, **ask())
        assert not server.requests


async def test_an_exception_in_the_block_is_the_callers_own_and_leaves_nothing_behind() -> None:
    """It passes through unchanged."""
    async with nothing_left(PHASES["reading"].script) as (_, client):
        with pytest.raises(LookupError, match="my own"):
            async with resilient_stream(client, **ask()) as stream:
                await anext(stream)
                raise LookupError("my own")


async def test_a_stream_that_fails_leaves_nothing_behind() -> None:
    """With every attempt dead."""
    async with nothing_left(Script(TEXT, faults=[Reset(at=after(30))], then=Status(529))) as (_, client):
        with pytest.raises(StreamFailed):
            await read(client)


async def test_a_stream_read_to_its_end_keeps_its_connection_for_the_next() -> None:
    """The body is read to its end, so that the connection can be used again."""
    async with nothing_left(Script(TEXT)) as (server, client):
        assert_unbroken(await read(client), TEXT)
        assert_unbroken(await read(client), TEXT)
        assert len(server.connections) == 1


# -- from another task


async def test_a_stream_is_entered_read_and_left_by_three_tasks() -> None:
    """No cancel scope of ours is open between its calls, so it belongs to no task."""
    pieces: list[str] = []
    async with nothing_left(Script(TEXT, faults=[Reset(at=after(30))])) as (_, client):
        manager = resilient_stream(client, **ask(model=PREFILL))
        entered: list[ResilientStream[None]] = []

        async def enter() -> None:
            entered.append(await manager.__aenter__())

        async def consume_all() -> None:
            pieces.extend([piece async for piece in entered[0].text_stream])

        async def leave() -> None:
            await manager.__aexit__(None, None, None)

        for step in (enter, consume_all, leave):
            async with anyio.create_task_group() as group:
                group.start_soon(step)
        assert "".join(pieces) == TEXT


@pytest.mark.parametrize("phase", ["reading", "backoff_after_a_cut", "opening_the_resume", "the_seam"])
async def test_a_stream_is_left_in_mid_flight_by_another_task_than_the_one_that_entered(phase: str) -> None:
    """The reader of the first task is cancelled, and a second task closes up behind it."""
    async with nothing_left(PHASES[phase].script) as (server, client):
        manager = resilient_stream(client, **ask(policy=PATIENT))

        async def enter_and_read() -> None:
            stream = await manager.__aenter__()
            async for _ in stream:
                pass

        async with anyio.create_task_group() as first:
            first.start_soon(enter_and_read)
            await until(lambda: PHASES[phase].reached(server))
            first.cancel_scope.cancel()
        async with anyio.create_task_group() as second:
            second.start_soon(manager.__aexit__, None, None, None)


@pytest.mark.parametrize("phase", ["reading", "backoff_after_a_cut", "opening_the_resume", "the_seam"])
async def test_close_from_another_task_ends_a_reader_who_waits(phase: str) -> None:
    """The reader's loop ends, and who then asks for the whole message is told that there is none."""
    async with nothing_left(PHASES[phase].script) as (server, client):
        streams: list[ResilientStream[None]] = []

        async def consume_all() -> None:
            async with resilient_stream(client, **ask(policy=PATIENT)) as stream:
                streams.append(stream)
                text = "".join([piece async for piece in stream.text_stream])
                assert TEXT.startswith(text)
                assert text != TEXT
                with pytest.raises(StreamFailed):
                    await stream.get_final_message()

        async with anyio.create_task_group() as group:
            group.start_soon(consume_all)
            await until(lambda: bool(streams) and PHASES[phase].reached(server))
            await anyio.wait_all_tasks_blocked()
            await streams[0].close()


async def test_a_generator_around_the_stream_can_be_closed() -> None:
    """The way in which web frameworks wrap a stream into a response."""

    async def words(client: AsyncAnthropic) -> AsyncIterator[str]:
        async with resilient_stream(client, **ask()) as stream:
            async for piece in stream.text_stream:
                yield piece

    async with nothing_left(PHASES["reading"].script) as (_, client):
        generator: Any = words(client)
        assert TEXT.startswith(await anext(generator))
        await generator.aclose()


# -- after the end


async def test_half_a_message_is_never_returned_as_whole_after_leaving_early() -> None:
    """`get_final_message` and `get_final_text` raise, with what had arrived."""
    async with nothing_left(PHASES["reading"].script) as (_, client):
        async with resilient_stream(client, **ask()) as stream:
            first = await anext(stream.text_stream)
        for get in (stream.get_final_message, stream.get_final_text):
            with pytest.raises(StreamFailed) as caught:
                await get()
            assert caught.value.partial.text.startswith(first)


async def test_closing_twice_and_reading_after_the_close_are_harmless() -> None:
    """A closed stream has no more events."""
    async with nothing_left(PHASES["reading"].script) as (_, client):
        async with resilient_stream(client, **ask()) as stream:
            await anext(stream)
            await stream.close()
            await stream.close()
            remaining = [event async for event in stream]
            assert len(remaining) < len(TEXT)
            with pytest.raises(StopAsyncIteration):
                await anext(stream.text_stream)
        await stream.close()


async def test_the_whole_message_can_still_be_had_after_the_block() -> None:
    """It was read to its end, so nothing is asked of the network."""
    async with nothing_left(Script(TEXT)) as (_, client):
        async with resilient_stream(client, **ask()) as stream:
            message = await stream.get_final_message()
        assert await stream.get_final_message() == message
        assert await stream.get_final_text() == TEXT


async def test_a_stream_can_be_entered_once_only() -> None:
    """Like the SDK's own."""
    async with nothing_left(Script(TEXT)) as (_, client):
        manager = resilient_stream(client, **ask())
        async with manager as stream:
            assert_unbroken(await read_on(stream), TEXT)
        with pytest.raises(RuntimeError, match="once"):
            await manager.__aenter__()


# -- readers with short timeouts


SLOW_WAYS: Final[dict[str, Script]] = {
    "a_slow_stream": Script(TEXT, then=Silence(0.02, at=after(30))),
    "a_slow_first_byte": Script(TEXT, then=Silence(0.02, at=BEFORE_RESPONSE)),
    "backoff": Script(TEXT, faults=[Reset(at=after(30)), Status(529, headers={"retry-after-ms": "20"})]),
    "opening_the_resume": Script(TEXT, faults=[Reset(at=after(30)), Silence(0.02, at=BEFORE_RESPONSE)]),
    "the_seam": Script(TEXT, faults=[Reset(at=after(30)), Silence(0.02, at=after(3))]),
}


@pytest.mark.backends("asyncio", "uvloop")
@pytest.mark.parametrize("iterator", ["events", "text"])
@pytest.mark.parametrize("way", SLOW_WAYS)
async def test_a_reader_who_wraps_anext_in_wait_for_gets_the_whole_text(way: str, iterator: str) -> None:
    """A short timeout, over and over: no read that was cancelled loses anything."""
    async with nothing_left(SLOW_WAYS[way]) as (_, client):
        text = ""
        async with resilient_stream(client, **ask(policy=AT_ONCE)) as stream:
            reader: Any = stream if iterator == "events" else stream.text_stream
            while True:
                try:
                    piece = await asyncio.wait_for(anext(reader), 0.002)
                except TimeoutError:
                    continue  # a heartbeat would be sent here
                except StopAsyncIteration:
                    break
                else:
                    text += piece if iterator == "text" else getattr(piece, "text", "") * (piece.type == "text")
            assert (await stream.get_final_message()).stop_reason == "end_turn"
        assert text == TEXT


@pytest.mark.backends("asyncio", "uvloop")
@pytest.mark.parametrize("way", SLOW_WAYS)
async def test_waiting_for_the_final_message_can_be_given_up_and_taken_up_again(way: str) -> None:
    """What was read meanwhile is kept."""
    async with nothing_left(SLOW_WAYS[way]) as (_, client):
        async with resilient_stream(client, **ask(policy=AT_ONCE)) as stream:
            while True:
                try:
                    message = await asyncio.wait_for(stream.get_final_message(), 0.002)
                except TimeoutError:
                    continue
                break
            assert [block.text for block in message.content if block.type == "text"] == [TEXT]


HEARTBEATS: Final[dict[str, tuple[Script, int]]] = {
    "a_slow_stream": (Script(TEXT, then=Silence(60, at=after(30))), 59),
    "backoff": (Script(TEXT, faults=[Reset(at=after(30)), Status(529, headers={"retry-after": "50"})]), 49),
    "opening_the_resume": (Script(TEXT, faults=[Reset(at=after(30)), Silence(40, at=BEFORE_RESPONSE)]), 39),
    "the_seam": (Script(TEXT, faults=[Reset(at=after(30)), Silence(30, at=after(3))]), 29),
}


@pytest.mark.backends("virtual")
@pytest.mark.parametrize("iterator", ["events", "text"])
@pytest.mark.parametrize("way", HEARTBEATS)
async def test_a_reader_who_moves_on_every_second_gets_the_whole_text(way: str, iterator: str) -> None:
    """As chat backends send heartbeats: one a second, all through a pause, and nothing is lost."""
    script, pause = HEARTBEATS[way]
    text, beats, ended = "", 0, False
    async with FaultServer(script) as server, AsyncAnthropic(base_url=server.url, api_key="test") as client:
        async with resilient_stream(client, **ask(policy=AT_ONCE)) as stream:
            reader: Any = stream if iterator == "events" else stream.text_stream
            while not ended:
                with anyio.move_on_after(1) as scope:
                    try:
                        piece = await anext(reader)
                    except StopAsyncIteration:
                        ended = True
                    else:
                        text += piece if iterator == "text" else getattr(piece, "text", "") * (piece.type == "text")
                beats += scope.cancelled_caught
        assert text == TEXT
        assert pause <= beats <= pause + 1
