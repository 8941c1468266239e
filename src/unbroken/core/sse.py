"""Bytes in, server-sent events out.

The SDK's own decoder drops a frame that the end of the file cut in two; for us that frame is the news, so this one
keeps it in sight (`SSEDecoder.finish`). It is also the hot path of every stream, and does no more than it must.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["SSEDecoder", "ServerSentEvent"]

_BOM = b"\xef\xbb\xbf"


class ServerSentEvent(NamedTuple):
    """One frame: its event name (None when it has none) and its data lines, joined by newlines."""

    event: str | None
    data: str


class SSEDecoder:
    """An incremental decoder for one response body."""

    __slots__ = ("_after_cr", "_rest", "_started")

    def __init__(self) -> None:
        self._rest = b""
        self._after_cr = False
        self._started = False

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """Take the next bytes; return the frames that they complete.

        Raises:
            UnicodeDecodeError: A frame is not UTF-8 (a `ValueError`, as malformed JSON is).
        """
        data = self._rest + self._newlines(chunk)
        if not self._started:
            data = self._without_bom(data)
        *frames, self._rest = data.split(b"\n\n")
        return [event for frame in frames if (event := _parse(frame)) is not None]

    def finish(self) -> ServerSentEvent | None:
        """The frame that the end of the file cut off, as far as it came; None when the body ended between frames."""
        rest, self._rest = self._rest, b""
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

    def _without_bom(self, data: bytes) -> bytes:
        if len(data) < len(_BOM) and _BOM.startswith(data):
            return data
        self._started = True
        return data.removeprefix(_BOM)


def _parse(frame: bytes) -> ServerSentEvent | None:
    head, _, rest = frame.partition(b"\ndata: ")
    if rest and head.startswith(b"event: ") and b"\n" not in head and b"\n" not in rest:
        # All that the API writes: a name, and one line of data.
        return ServerSentEvent(head[7:].decode() or None, rest.decode())
    event: str | None = None
    data: list[str] = []
    for line in frame.decode().split("\n"):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "event":
            event = value or None
    return ServerSentEvent(event, "\n".join(data)) if data or event else None
