"""Answers whose text says when it was sent, so that whoever reads it knows how late it came."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.messages import begun, delta, ended, stream_head
from benchmarks.server import Response
from unbroken.testing.wire.http import LAST_CHUNK, chunk, frame

__all__ = ["lags_of", "stamped"]


def stamped(model: str, count: int, every: float) -> Response:
    """An answer of so many pieces of text, each the moment in which it is sent; so many seconds apart."""
    return Response(_pieces(model, count), every)


def _pieces(model: str, count: int) -> Iterator[bytes]:
    yield stream_head("req_stamps") + b"".join(chunk(frame(event)) for event in begun(model, "msg_stamps"))
    for _ in range(count):
        yield chunk(frame(delta(f"{time.monotonic():.6f} ")))
    yield b"".join(chunk(frame(event)) for event in ended(count)) + LAST_CHUNK


def lags_of(text: str) -> list[float]:
    """How long ago the pieces in a text were sent, in seconds. All processes of a machine have one monotonic clock."""
    now = time.monotonic()
    return [now - float(stamp) for stamp in text.split()]
