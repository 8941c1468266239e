"""The binary frames in which Amazon Bedrock streams: `application/vnd.amazon.eventstream`.

A message is a prelude (its length, its headers' length, and the CRC-32 of both), headers, a payload, and the CRC-32 of
all that came before. Bedrock puts each event of the Messages API into a `chunk` message; what goes wrong in the middle
of a stream is a message of type `exception`.
"""

from __future__ import annotations

import json
import string
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final

from ...core.wire.eventstream import encode_message

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FILLER", "chunk_message", "event_message", "exception_message"]

_JSON: Final = "application/json"
#: What Bedrock fills its messages up with, from its beginning on, so that their length tells nothing of the text.
FILLER: Final = string.ascii_letters + string.digits


def chunk_message(event: Mapping[str, Any], filler: int = 0) -> bytes:
    """One event of the Messages API as Bedrock sends it.

    Args:
        event: The event.
        filler: How many characters of `FILLER` stand beside it; 0: none, as before 2025.
    """
    return event_message(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode(), filler)


def event_message(data: bytes, filler: int = 0) -> bytes:
    """A `chunk` message around any bytes, such as malformed JSON."""
    headers = {":event-type": "chunk", ":content-type": _JSON, ":message-type": "event"}
    payload = {"bytes": b64encode(data).decode(), **({"p": FILLER[:filler]} if filler else {})}
    return encode_message(headers, json.dumps(payload, separators=(",", ":")).encode())


def exception_message(type: str, message: str) -> bytes:
    """What goes wrong in the middle of a stream.

    Args:
        type: A member of Bedrock's `ResponseStream`, such as `throttlingException`.
        message: What it says.
    """
    headers = {":exception-type": type, ":content-type": _JSON, ":message-type": "exception"}
    return encode_message(headers, json.dumps({"message": message}).encode())
