"""The binary frames in which Amazon Bedrock streams: `application/vnd.amazon.eventstream`.

A message is a prelude (its length, its headers' length, and the CRC-32 of both), headers, a payload, and the CRC-32 of
all that came before. Bedrock puts each event of the Messages API into a `chunk` message; what goes wrong in the middle
of a stream is a message of type `exception`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ..core.eventstream import encode_message
from ..core.frames import encode_chunk

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["chunk_message", "event_message", "exception_message"]

_JSON: Final = "application/json"


def chunk_message(event: Mapping[str, Any]) -> bytes:
    """One event of the Messages API as Bedrock sends it."""
    return event_message(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode())


def event_message(data: bytes) -> bytes:
    """A `chunk` message around any bytes, such as malformed JSON."""
    return encode_chunk(data)


def exception_message(type: str, message: str) -> bytes:
    """What goes wrong in the middle of a stream.

    Args:
        type: A member of Bedrock's `ResponseStream`, such as `throttlingException`.
        message: What it says.
    """
    headers = {":exception-type": type, ":content-type": _JSON, ":message-type": "exception"}
    return encode_message(headers, json.dumps({"message": message}).encode())
