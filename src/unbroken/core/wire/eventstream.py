"""Bytes in, binary messages out, and back: `application/vnd.amazon.eventstream`, the framing of Bedrock's streams.

A message is a prelude (its whole length, the length of its headers, the CRC-32 of these two), the headers, a payload,
and the CRC-32 of all before it; every number is big-endian. Format, and the types of headers:
https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html#streaming-event-stream
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple
from zlib import crc32

from .decoded import Malformed

__all__ = ["EventStreamDecoder", "EventStreamMessage", "encode_message"]

_LENGTHS: Final = struct.Struct("!II")
_CRC: Final = struct.Struct("!I")
_SIZE: Final = struct.Struct("!H")
_PRELUDE: Final = _LENGTHS.size + _CRC.size

#: Botocore's limits (`eventstream.py`), in bytes: what is longer is no message, and is not waited for.
_MAX_HEADERS: Final = 128 * 1024
_MAX_PAYLOAD: Final = 24 * 1024 * 1024

#: The types of headers. Bedrock sends strings only; the others are passed over: two of them say how long they are,
#: the rest have a fixed size, in bytes (true, false, byte, short, integer, long, timestamp, UUID).
_BYTES, _STRING = 6, 7
_FIXED: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


class EventStreamMessage(NamedTuple):
    """One message: its headers, of those only the strings, and its payload."""

    headers: Mapping[str, str]
    payload: bytes


class EventStreamDecoder:
    """An incremental decoder for one response body. After a `ValueError` it is of no more use."""

    __slots__ = ("_enough", "_rest")

    def __init__(self) -> None:
        self._rest = bytearray()
        self._enough = _PRELUDE  # how many bytes tell something new: of a prelude, or of the message that it announces

    def feed(self, chunk: bytes) -> Iterator[EventStreamMessage]:
        """Take the next bytes; return the messages that they complete. Those before a broken one are still given.

        Its cost grows with the bytes, however they are cut.

        Raises:
            ValueError: While they are iterated over: a CRC is wrong, or lengths or headers are none that can be.
        """
        self._rest += chunk
        return self._complete() if len(self._rest) >= self._enough else iter(())

    def _complete(self) -> Iterator[EventStreamMessage]:
        data = bytes(self._rest)
        self._rest.clear()
        start = 0
        while (length := _length(data, start)) is not None and start + length <= len(data):
            yield _message(data[start : start + length])
            start += length
        self._enough = length or _PRELUDE
        self._rest += data[start:]


def _length(data: bytes, start: int) -> int | None:
    """The length of the message that begins there, in bytes; None when its prelude is not whole yet."""
    if len(data) - start < _PRELUDE:
        return None
    length, headers = _LENGTHS.unpack_from(data, start)
    _check(data[start : start + _LENGTHS.size], data[start + _LENGTHS.size : start + _PRELUDE])
    payload = length - _PRELUDE - headers - _CRC.size
    if headers > _MAX_HEADERS or not 0 <= payload <= _MAX_PAYLOAD:
        raise Malformed(f"no message is {length:,} bytes long with {headers:,} bytes of headers")
    return int(length)


def _message(data: bytes) -> EventStreamMessage:
    _check(data[: -_CRC.size], data[-_CRC.size :])
    end = _PRELUDE + _LENGTHS.unpack_from(data)[1]
    return EventStreamMessage(_headers(data[_PRELUDE:end]), data[end : -_CRC.size])


def _check(data: bytes, crc: bytes) -> None:
    if crc32(data) != _CRC.unpack(crc)[0]:
        raise Malformed("a CRC is wrong")


# Those of a stream's messages are all alike, and reading them takes as long as all the rest.
@lru_cache(maxsize=8)
def _headers(data: bytes) -> Mapping[str, str]:
    return MappingProxyType(dict(_strings(data)))


def _strings(data: bytes) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(data):
        name, at = _take(data, at + 1, data[at])
        type_, at = _take(data, at, 1)
        if (size := _FIXED.get(type_[0])) is None:
            if type_[0] not in (_BYTES, _STRING):
                raise Malformed(f"no header is of type {type_[0]}")
            told, at = _take(data, at, _SIZE.size)
            (size,) = _SIZE.unpack(told)
        value, at = _take(data, at, size)
        if type_[0] == _STRING:
            yield name.decode(), value.decode()


def _take(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    """The `size` bytes from `at` on, and where they end."""
    if at + size > len(data):
        raise Malformed("a header is longer than all headers")
    return data[at : at + size], at + size


def encode_message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message, with string headers."""
    head = b"".join(_encode_header(name, value) for name, value in headers.items())
    lengths = _LENGTHS.pack(_PRELUDE + len(head) + len(payload) + _CRC.size, len(head))
    told = lengths + _CRC.pack(crc32(lengths)) + head + payload
    return told + _CRC.pack(crc32(told))


def _encode_header(name: str, value: str) -> bytes:
    encoded = value.encode()
    return bytes([len(name)]) + name.encode() + bytes([_STRING]) + _SIZE.pack(len(encoded)) + encoded
