"""Which frames a response is made of: server-sent events, or the binary messages of Amazon Bedrock.

Bedrock puts each event of the Messages API, as base64 within JSON, into a message; what goes wrong in the middle of a
stream is a message of another type. Both come out as server-sent events would, under the names that the SDK's own
decoder gives them (`lib/bedrock/_stream_decoder.py`), so that nothing after this knows the difference.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol

from .decoded import Event, Malformed
from .eventstream import EventStreamDecoder, EventStreamMessage, encode_message
from .json_text import loads
from .sse import ServerSentEvent, SSEDecoder

__all__ = ["BedrockDecoder", "Decoder", "decoder_for", "encode", "encode_chunk"]

_EVENT_STREAM: Final = "application/vnd.amazon.eventstream"


class Decoder(Protocol):
    """An incremental decoder for one response body."""

    def feed(self, chunk: bytes) -> Iterable[ServerSentEvent]:
        """Take the next bytes; return the frames that they complete.

        Raises:
            ValueError: A frame cannot be read; at once, or when the iteration has come to it.
        """

    def finish(self) -> ServerSentEvent | None:
        """What can still be read of a frame that the end of the file cut off; None: nothing."""


def encode(event: Event, *, binary: bool = False) -> bytes:
    """One event of the Messages API as a server-sent event, or, if `binary`, as Bedrock's message."""
    # ASCII: half of a surrogate pair, which JSON may hold, is no text that could be encoded otherwise.
    data = json.dumps(event, separators=(",", ":")).encode()
    if binary:
        return encode_chunk(data)
    return b"event: %b\ndata: %b\n\n" % (str(event.get("type")).encode(), data)


def encode_chunk(data: bytes) -> bytes:
    """Bedrock's `chunk` message around the JSON of an event."""
    headers = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}
    return encode_message(headers, json.dumps({"bytes": b64encode(data).decode()}).encode())


def decoder_for(content_type: str) -> Decoder:
    """The decoder for a body of that content type: that of server-sent events, unless it says otherwise."""
    media_type = content_type.partition(";")[0].strip().lower()
    return BedrockDecoder() if media_type == _EVENT_STREAM else SSEDecoder()


class BedrockDecoder:
    """Reads what Bedrock's `InvokeModelWithResponseStream` answers."""

    __slots__ = ("_messages",)

    def __init__(self) -> None:
        self._messages = EventStreamDecoder()

    def feed(self, chunk: bytes) -> Iterator[ServerSentEvent]:
        """Take the next bytes; return the events that they complete. Those before a broken one are still given.

        Raises:
            ValueError: While they are iterated over: a message is broken, is none of Bedrock's, or holds no JSON.
        """
        messages = self._messages.feed(chunk)
        return (event for message in messages if (event := _event(message)) is not None)

    def finish(self) -> None:
        """Nothing: a message that was cut off lacks the CRC by which it could be trusted."""


def _event(message: EventStreamMessage) -> ServerSentEvent | None:
    headers = message.headers
    match headers.get(":message-type"):
        case "event":
            # Botocore knows `chunk` alone, and drops the others too.
            return _chunk(message.payload) if headers.get(":event-type") == "chunk" else None
        case "exception":
            told = _object(loads(message.payload or b"{}"))
            said = told.get("message") or told.get("originalMessage")
            return _error(headers.get(":exception-type"), said)
        case "error":
            return _error(headers.get(":error-code"), headers.get(":error-message"))
        case _:
            raise Malformed("a message is of no type that is known")


def _chunk(payload: bytes) -> ServerSentEvent | None:
    """The event of the Messages API in a chunk; None when it holds none, as the SDK has it."""
    encoded = _object(loads(payload)).get("bytes")
    if not isinstance(encoded, str) or not encoded:
        return None
    data = b64decode(encoded, validate=True)
    type_ = _object(loads(data)).get("type")
    return ServerSentEvent(type_, data.decode()) if isinstance(type_, str) else None


def _error(type_: str | None, message: Any) -> ServerSentEvent:
    error = {"type": type_, "message": message or ""}
    return ServerSentEvent("error", json.dumps({"type": "error", "error": error}, ensure_ascii=False))


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
