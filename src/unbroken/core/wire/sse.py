"""Bytes in, server-sent events out.

The SDK's own decoder drops a frame that the end of the file cut in two; for us that frame is the news, so this one
keeps it in sight (`SSEDecoder.finish`). It is also the hot path of every stream, and does no more than it must.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from .decoded import Malformed

__all__ = ["MAX_FRAME", "SSEDecoder", "ServerSentEvent"]

_BOM = b"\xef\xbb\xbf"

#: The largest frame, in bytes. The API takes no request of more than 32 MB (errors page, `request_too_large`), so a
#: block that is larger could never be sent back; what search and fetch tools bring has 1 to 24 MB.
MAX_FRAME: Final = 32 * 1024 * 1024


class ServerSentEvent(NamedTuple):
    """One frame: its event name (None when it has none) and its data lines, joined by newlines."""

    event: str | None
    data: str


#: What the class itself calls, without a step of Python's between: this is done for every event.
_new: Final = tuple.__new__


class SSEDecoder:
    """An incremental decoder for one response body. After a `ValueError` it is of no more use."""

    __slots__ = ("_after_cr", "_rest", "_started")

    def __init__(self) -> None:
        self._rest = bytearray()  # of a frame that is not whole yet; searched already
        self._after_cr = False
        self._started = False

    def feed(self, chunk: bytes) -> Iterator[ServerSentEvent]:
        """Take the next bytes; return the frames that they complete. Those before a broken one are still given.

        Its cost grows with the bytes, however they are cut.

        Raises:
            ValueError: While they are iterated over: a frame is not UTF-8, or larger than `MAX_FRAME`.
        """
        if self._after_cr or b"\r" in chunk:
            chunk = self._newlines(chunk)
        if not self._started:
            chunk = self._without_bom(chunk)
        rest = self._rest
        if rest:
            searched = len(rest)
            rest += chunk
            if rest.find(b"\n\n", searched - 1) < 0:
                return iter(()) if len(rest) <= MAX_FRAME else _bounded([], rest)
            chunk = bytes(rest)
            rest.clear()
        frames = chunk.split(b"\n\n")
        rest += frames.pop()
        if len(chunk) > MAX_FRAME:
            return _bounded(frames, rest)
        # One after the other: what comes before a frame that cannot be read has been given by then.
        return filter(None, map(_parse, filter(None, frames)))

    def finish(self) -> ServerSentEvent | None:
        """The frame that the end of the file cut off, as far as it came; None when the body ended between frames.

        Raises:
            ValueError: It is not UTF-8.
        """
        rest, self._rest = bytes(self._rest), bytearray()
        return _parse(rest) if rest.strip() else None

    def _newlines(self, chunk: bytes) -> bytes:
        """Every line ending as `\\n`, also a `\\r\\n` that two chunks share."""
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_cr = False
        if b"\r" not in chunk:
            self._after_cr = self._after_cr and not chunk
            return chunk
        self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _without_bom(self, chunk: bytes) -> bytes:
        begun = bytes(self._rest) + chunk
        self._rest.clear()
        if len(begun) < len(_BOM) and _BOM.startswith(begun):
            self._rest += begun
            return b""
        self._started = True
        return begun.removeprefix(_BOM)


def _bounded(frames: Iterable[bytes], rest: bytearray) -> Iterator[ServerSentEvent]:
    for frame in frames:
        _check_size(frame)
        if frame and (event := _parse(frame)) is not None:
            yield event
    _check_size(rest)


def _check_size(frame: bytes | bytearray) -> None:
    if len(frame) > MAX_FRAME:
        raise Malformed(f"it is larger than {MAX_FRAME:,} bytes")


def _parse(frame: bytes) -> ServerSentEvent | None:
    try:
        head, _, rest = frame.partition(b"\ndata: ")
        if rest and head.startswith(b"event: ") and b"\n" not in head and b"\n" not in rest:
            # All that the API writes: a name, and one line of data.
            return _new(ServerSentEvent, (head[7:].decode() or None, rest.decode()))
        return _parse_lines(frame.decode())
    except UnicodeDecodeError:
        # Not from that error, which holds all of the bytes.
        raise Malformed("it is not utf-8") from None


def _parse_lines(frame: str) -> ServerSentEvent | None:
    event: str | None = None
    data: list[str] = []
    for line in frame.split("\n"):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "event":
            event = value or None
    return ServerSentEvent(event, "\n".join(data)) if data or event else None
