"""Answers whose text says when it was sent, so that whoever reads it knows how late it came."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

from benchmarks.soak.serving import Response
from unbroken.testing.wire.http import LAST_CHUNK, chunk, frame, head

__all__ = ["lag_of", "stamped"]

_HEADERS: Final = {
    "request-id": "req_stamps",
    "content-type": "text/event-stream; charset=utf-8",
    "transfer-encoding": "chunked",
}
_BLOCK: Final[dict[str, Any]] = {
    "type": "content_block_start",
    "index": 0,
    "content_block": {"type": "text", "text": ""},
}
_USAGE: Final = {"input_tokens": 9, "output_tokens": 1}


def stamped(model: str, count: int, every: float) -> Response:
    """An answer of so many pieces of text, each the moment in which it is sent; so many seconds apart."""
    return Response(_pieces(model, count), every)


def _pieces(model: str, count: int) -> Iterator[bytes]:
    message: dict[str, Any] = {
        "id": "msg_stamps",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _USAGE,
    }
    started = frame({"type": "message_start", "message": message}) + frame(_BLOCK)
    yield head(200, _HEADERS) + chunk(started)
    for _ in range(count):
        text = f"{time.monotonic():.6f} "
        yield chunk(frame({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}))
    ended = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": count}}
    last = ({"type": "content_block_stop", "index": 0}, ended, {"type": "message_stop"})
    yield b"".join(chunk(frame(event)) for event in last) + LAST_CHUNK


def lag_of(text: str) -> float:
    """How long ago a piece was sent, in seconds. All processes of a machine have the same monotonic clock."""
    return time.monotonic() - float(text)
