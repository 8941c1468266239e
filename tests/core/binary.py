"""Messages of `application/vnd.amazon.eventstream` with any header, and with any mistake: as raw as tests need them."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from struct import pack
from typing import Any, Final
from zlib import crc32

STRING: Final = 7


def headers(values: Mapping[str, str]) -> bytes:
    """Headers that are strings."""
    return b"".join(
        header(name, STRING, pack("!H", len(text.encode())) + text.encode()) for name, text in values.items()
    )


def header(name: str, type: int, value: bytes) -> bytes:
    """One header of any type; the value with its length, where the type has one."""
    return bytes([len(name.encode())]) + name.encode() + bytes([type]) + value


def message(head: bytes, payload: bytes, *, length: int | None = None, head_length: int | None = None) -> bytes:
    """A message with right CRCs; the lengths may be told wrong."""
    total = 16 + len(head) + len(payload) if length is None else length
    prelude = pack("!II", total, len(head) if head_length is None else head_length)
    told = prelude + pack("!I", crc32(prelude)) + head + payload
    return told + pack("!I", crc32(told))


def chunk(data: bytes) -> bytes:
    """A message of Bedrock's around these bytes."""
    return event("chunk", json.dumps({"bytes": b64encode(data).decode(), "p": "abcdefgh"}).encode())


def event(type: str, payload: bytes) -> bytes:
    """A message of type `event`."""
    head = {":event-type": type, ":content-type": "application/json", ":message-type": "event"}
    return message(headers(head), payload)


def exception(type: str, payload: Mapping[str, Any]) -> bytes:
    """A message of type `exception`."""
    head = {":exception-type": type, ":content-type": "application/json", ":message-type": "exception"}
    return message(headers(head), json.dumps(payload).encode())
