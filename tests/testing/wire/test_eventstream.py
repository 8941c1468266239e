"""The binary frames, read by botocore's own decoder, which is what the SDK reads them with."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest

from unbroken.testing.wire.eventstream import chunk_message, event_message, exception_message

eventstream = pytest.importorskip("botocore.eventstream", reason="there is no botocore")

EVENT = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Ölkanne 灯台 🕯️\n"}}


def decoded(data: bytes, step: int | None = None) -> list[Any]:
    """The messages in `data`, which comes in pieces of `step` bytes."""
    buffer = eventstream.EventStreamBuffer()
    messages: list[Any] = []
    for at in range(0, len(data), step or len(data)):
        buffer.add_data(data[at : at + (step or len(data))])
        messages += buffer
    return messages


@pytest.mark.parametrize("step", [None, 1, 7])
def test_a_chunk_holds_an_event(step: int | None) -> None:
    """In base64, beside the headers of an event, whatever the pieces are in which it comes."""
    messages = decoded(chunk_message(EVENT) * 2, step)
    assert len(messages) == 2
    for message in messages:
        assert message.headers == {
            ":event-type": "chunk",
            ":content-type": "application/json",
            ":message-type": "event",
        }
        assert json.loads(b64decode(json.loads(message.payload)["bytes"])) == EVENT


def test_an_exception() -> None:
    """Its type is a header, and its message the payload; botocore takes it for an error."""
    (message,) = decoded(exception_message("throttlingException", "Too many requests"))
    assert message.headers[":exception-type"] == "throttlingException"
    assert message.headers[":message-type"] == "exception"
    assert json.loads(message.payload) == {"message": "Too many requests"}
    assert message.to_response_dict()["status_code"] == 400


def test_any_bytes_can_be_in_a_chunk() -> None:
    """Malformed JSON, for one; the frame is well formed."""
    (message,) = decoded(event_message(b'{"type'))
    assert b64decode(json.loads(message.payload)["bytes"]) == b'{"type'


def test_no_byte_may_be_missing() -> None:
    """A frame cut anywhere is no message."""
    whole = chunk_message(EVENT)
    assert all(decoded(whole[:kept]) == [] for kept in range(1, len(whole)))


def test_both_checksums_count() -> None:
    """A byte that was changed is found, in the lengths or after them."""
    whole = chunk_message(EVENT)
    for at in (3, 9, 20, len(whole) - 10, len(whole) - 1):
        changed = bytearray(whole)
        changed[at] ^= 1
        with pytest.raises(eventstream.ParserError):
            decoded(bytes(changed))
