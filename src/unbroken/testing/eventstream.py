"""The binary frames in which Amazon Bedrock streams: `application/vnd.amazon.eventstream`.

A message is a prelude (its length, its headers' length, and the CRC-32 of both), headers, a payload, and the CRC-32 of
all that came before. Bedrock puts each event of the Messages API into a `chunk` message; what goes wrong in the middle
of a stream is a message of type `exception`.
"""

from __future__ import annotations

import json
from base64 import b64encode
from struct import pack
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["chunk_message", "event_message", "exception_message"]

#: The type of a header whose value is a string, in the format's own numbering.
_STRING: Final = 7
_JSON: Final = "application/json"
#: The bytes of the prelude with its CRC, and of the CRC at the end.
_PRELUDE, _END = 12, 4


def chunk_message(event: Mapping[str, Any]) -> bytes:
    """One event of the Messages API as Bedrock sends it."""
    return event_message(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode())


def event_message(data: bytes) -> bytes:
    """A `chunk` message around any bytes, such as malformed JSON."""
    payload = json.dumps({"bytes": b64encode(data).decode()}).encode()
    return _message({":event-type": "chunk", ":content-type": _JSON, ":message-type": "event"}, payload)


def exception_message(type: str, message: str) -> bytes:
    """What goes wrong in the middle of a stream.

    Args:
        type: A member of Bedrock's `ResponseStream`, such as `throttlingException`.
        message: What it says.
    """
    headers = {":exception-type": type, ":content-type": _JSON, ":message-type": "exception"}
    return _message(headers, json.dumps({"message": message}).encode())


def _message(headers: Mapping[str, str], payload: bytes) -> bytes:
    head = b"".join(_header(name, value) for name, value in headers.items())
    lengths = pack("!II", _PRELUDE + len(head) + len(payload) + _END, len(head))
    told = lengths + pack("!I", crc32(lengths)) + head + payload
    return told + pack("!I", crc32(told))


def _header(name: str, value: str) -> bytes:
    return pack("!B", len(name)) + name.encode() + pack("!BH", _STRING, len(value.encode())) + value.encode()
