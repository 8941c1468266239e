"""Server-sent events or Amazon's binary messages: what comes out is the same, and what the SDK's own decoder gives."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from anthropic.lib.bedrock._stream_decoder import AWSEventStreamDecoder
from binary import chunk, event, exception, headers, message

from unbroken.core.wire.frames import BedrockDecoder, Decoder, decoder_for, encode
from unbroken.core.wire.sse import ServerSentEvent, SSEDecoder

START: Final = '{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}'
DELTA: Final = '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"añ 界 👩‍🚀"}}'


def decode(*chunks: bytes) -> list[ServerSentEvent]:
    """All the events that these chunks complete."""
    decoder = BedrockDecoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)]


def by_the_sdk(body: bytes) -> list[tuple[str | None, Any]]:
    """The same by the SDK, as names and decoded data."""
    return [(sse.event, sse.json()) for sse in AWSEventStreamDecoder().iter_bytes(iter([body]))]


@pytest.mark.parametrize(
    ("content_type", "decoder"),
    [
        ("application/vnd.amazon.eventstream", BedrockDecoder),
        ("Application/VND.amazon.eventstream; charset=utf-8", BedrockDecoder),
        ("text/event-stream; charset=utf-8", SSEDecoder),
        ("", SSEDecoder),
    ],
)
def test_the_content_type_says_which(content_type: str, decoder: type) -> None:
    """A body that does not say is taken for server-sent events."""
    assert type(decoder_for(content_type)) is decoder


BODIES: Final[dict[str, tuple[bytes, list[tuple[str | None, Any]]]]] = {
    "events": (
        chunk(START.encode()) + chunk(DELTA.encode()),
        [("content_block_start", json.loads(START)), ("content_block_delta", json.loads(DELTA))],
    ),
    "a ping": (chunk(b'{"type": "ping"}'), [("ping", {"type": "ping"})]),
    "an error of the API's own": (
        chunk(b'{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}'),
        [("error", {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})],
    ),
    "an event of another type": (event("metrics", b"{}"), []),
    "a chunk of nothing": (event("chunk", b"{}"), []),
    "a chunk of another API": (chunk(b'{"outputText": "no event of the Messages API"}'), []),
}


@pytest.mark.parametrize(("body", "events"), BODIES.values(), ids=BODIES)
def test_a_body_gives_the_events_that_the_sdk_gives(body: bytes, events: list[tuple[str | None, Any]]) -> None:
    """Feed it whole, and by one."""
    assert by_the_sdk(body) == events
    for chunks in ([body], [body[i : i + 1] for i in range(len(body))]):
        assert [(event.event, json.loads(event.data)) for event in decode(*chunks)] == events


EXCEPTIONS: Final[dict[str, tuple[bytes, dict[str, Any]]]] = {
    "an exception": (
        exception("throttlingException", {"message": "Too many requests"}),
        {"type": "throttlingException", "message": "Too many requests"},
    ),
    "an error": (
        message(headers({":message-type": "error", ":error-code": "InternalError", ":error-message": "Oh"}), b""),
        {"type": "InternalError", "message": "Oh"},
    ),
    "an exception of a name that botocore does not know": (
        exception("somethingNewException", {"message": "Oh"}),
        {"type": "somethingNewException", "message": "Oh"},
    ),
    "an exception with the model's own words": (
        exception("modelStreamErrorException", {"originalStatusCode": 529, "originalMessage": "Overloaded"}),
        {"type": "modelStreamErrorException", "message": "Overloaded"},
    ),
    "an exception without words": (
        message(headers({":message-type": "exception", ":exception-type": "validationException"}), b""),
        {"type": "validationException", "message": ""},
    ),
    "an exception without a name": (
        message(headers({":message-type": "exception"}), b'["a list"]'),
        {"type": None, "message": ""},
    ),
}


@pytest.mark.parametrize(("body", "error"), EXCEPTIONS.values(), ids=EXCEPTIONS)
def test_an_exception_keeps_its_name_and_its_words(body: bytes, error: dict[str, Any]) -> None:
    """Where the SDK's decoder loses them, because botocore does, or, before 2.x, raises a `ValueError`."""
    (event,) = decode(body)
    assert (event.event, json.loads(event.data)) == ("error", {"type": "error", "error": error})


DEEP: Final = b"[" * 5_000 + b"]" * 5_000

BROKEN: Final = {
    "a type of message that nobody knows": message(headers({":message-type": "greeting"}), b"{}"),
    "no type of message": message(b"", b"{}"),
    "a payload that is no JSON": event("chunk", b"bytes"),
    "bytes that are no base64": event("chunk", b'{"bytes": "..."}'),
    "bytes that are no JSON": chunk(b'{"type": "message_st'),
    "bytes that are no UTF-8": chunk(b"\xff"),
    "an exception that is no JSON": message(headers({":message-type": "exception"}), b"Oh"),
    "a payload that is nested too deeply": event("chunk", DEEP),
    "bytes that are nested too deeply": chunk(DEEP),
    "an exception that is nested too deeply": message(headers({":message-type": "exception"}), DEEP),
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_read_is_a_value_error_after_what_can(body: bytes) -> None:
    """The events of the same chunk that came before it are given first."""
    events = BedrockDecoder().feed(chunk(DELTA.encode()) + body)
    assert next(events) == ServerSentEvent("content_block_delta", DELTA)
    with pytest.raises(ValueError):  # noqa: PT011 - of JSON, base64, UTF-8 or ours: all that is asked for is the class
        list(events)


@pytest.mark.parametrize("body", [chunk(DELTA.encode()), exception("throttlingException", {"message": "Slow down"})])
def test_a_message_that_was_cut_off_says_nothing(body: bytes) -> None:
    """Unlike a server-sent event: no CRC says that what came of it is right."""
    for cut in range(len(body)):
        decoder = BedrockDecoder()
        assert list(decoder.feed(body[:cut])) == []
        assert decoder.finish() is None


@pytest.mark.parametrize("binary", [False, True])
def test_what_is_written_is_read_again(binary: bool) -> None:
    """By us and by the SDK; half of a surrogate pair, which JSON may hold, included."""
    events = [json.loads(START), json.loads(DELTA), {"type": "some_new_event", "text": "\ud83d\n\n: data"}]
    body = b"".join(encode(event, binary=binary) for event in events)
    decoder: Decoder = BedrockDecoder() if binary else SSEDecoder()
    read = list(decoder.feed(body))
    assert [(each.event, json.loads(each.data)) for each in read] == [(event["type"], event) for event in events]
    if binary:
        assert by_the_sdk(body) == [(event["type"], event) for event in events]
