"""The wire of the Messages API: read by this project's own decoder, and by the SDK."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import httpx2
import pytest
from anthropic import NOT_GIVEN, APIStatusError, AsyncAnthropic, AsyncMessageStream, AsyncStream
from anthropic.types import RawMessageStreamEvent
from builders import message_start, text_delta
from tests.web.messages import STREAMS, Recorded, random_stream
from tests.web.wires import FAILED, body_of, frames_of

from unbroken.core.message.partial import Partial
from unbroken.core.wire.events import EventReader
from unbroken.core.wire.sse import SSEDecoder
from unbroken.web.anthropic_wire import AnthropicWire
from unbroken.web.problem import CANCELLED
from unbroken.web.sse import COMMENT, retry_line

WHOLE = [name for name, stream in STREAMS.items() if stream.end == "complete"]


def body(stream: Recorded) -> bytes:
    """As a browser gets it: with all that the API does not send."""
    wire = AnthropicWire()
    made = body_of(wire, stream)
    assert made is not None
    assert wire.over
    return retry_line(1.0) + COMMENT + made + COMMENT


def sdk_stream(body: bytes) -> AsyncMessageStream[Any]:
    """The SDK's stream over a body."""
    client = AsyncAnthropic(api_key="test", base_url="http://127.0.0.1:1")
    response = httpx2.Response(200, content=body, request=httpx2.Request("POST", "http://127.0.0.1:1/v1/messages"))
    raw: AsyncStream[Any] = AsyncStream(cast_to=RawMessageStreamEvent, response=response, client=client)  # type: ignore[arg-type]
    return AsyncMessageStream(raw, output_format=NOT_GIVEN)


@pytest.mark.parametrize("name", STREAMS)
def test_every_event_comes_as_it_was(name: str) -> None:
    """Decoded, they are those that were sent; the names and the ids of the frames are theirs."""
    stream = STREAMS[name]
    made = body(stream)
    reader = EventReader()
    read = [event for frame in SSEDecoder().feed(made) if (event := reader.read(frame)) is not None]
    assert [event for event in read if event["type"] != "error"] == [event for _, event in stream.entries]
    frames = frames_of(made)[: len(stream.entries)]
    assert [(frame.event, frame.id) for frame in frames] == [(e["type"], position) for position, e in stream.entries]


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
@pytest.mark.parametrize("name", WHOLE)
async def test_the_sdk_reads_it_as_its_own(name: str) -> None:
    """The message that it makes has what the events have."""
    stream, partial = STREAMS[name], Partial()
    for _, event in stream.entries:
        partial.apply(event)
    async with sdk_stream(body(stream)) as read:
        message = await read.get_final_message()
    assert message.id == (partial.message or {})["id"]
    assert message.stop_reason == partial.stop_reason
    assert "".join(block.text for block in message.content if block.type == "text") == partial.text
    assert [block.type for block in message.content] == [block.type for block in partial.blocks]


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
@pytest.mark.parametrize(
    ("name", "type"), [("text, failed", "overloaded_error"), ("text, stopped", "stream_cancelled")]
)
async def test_the_sdk_raises_what_is_not_whole(name: str, type: str) -> None:
    """As it does where the API has sent the error."""
    async with sdk_stream(body(STREAMS[name])) as read:
        with pytest.raises(APIStatusError) as caught:
            await read.get_final_message()
    assert caught.value.body == {"type": "error", "error": {"type": type, "message": _text(type)}}
    assert caught.value.type == type


def _text(type: str) -> str:
    return CANCELLED.text if type == "stream_cancelled" else FAILED.text


def test_the_end_is_told_once() -> None:
    """Who was told how the stream has ended comes back with an id that says so; who was not is told it."""
    wire = AnthropicWire()
    wire.push("1-3", message_start())
    (frame,) = frames_of(wire.fail(FAILED))
    assert (frame.event, frame.id) == ("error", "1-03")
    assert AnthropicWire("1-03").fail(FAILED) == b""
    assert frames_of(AnthropicWire("1-3").fail(FAILED)) == [frame]


def test_a_stream_that_was_taken_up_again_ends_again() -> None:
    """Its first end was told; the second one is news."""
    wire = AnthropicWire("1-03")
    wire.push("2-7", text_delta("more"))
    (frame,) = frames_of(wire.fail(FAILED))
    assert frame.id == "2-07"


def test_before_anything() -> None:
    """There is no position yet."""
    (frame,) = frames_of(AnthropicWire().fail(CANCELLED))
    assert frame.id == "0-00"
    assert AnthropicWire("0-00").fail(CANCELLED) == b""


def test_a_rewind_is_told_as_it_is() -> None:
    """The message begins again behind it, and the body goes on."""
    wire = AnthropicWire("1-57")
    (frame,) = frames_of(wire.push("1-40", {"type": "rewind", "lost": "what was said"}))
    assert (frame.event, frame.data, frame.id) == ("rewind", '{"type":"rewind"}', "1-40")
    assert not wire.over


@pytest.mark.parametrize("seed", range(20))
def test_random_messages(seed: int) -> None:
    """Each is told event by event, and is over with its last one."""
    stream = random_stream(Random(seed))
    frames = frames_of(body(stream))
    assert [json.loads(frame.data) for frame in frames] == [event for _, event in stream.entries]
