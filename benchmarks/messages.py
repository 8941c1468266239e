"""The events of a message of one text, as the API has them: what the benchmarks' servers encode."""

from __future__ import annotations

from typing import Any

from unbroken.testing.wire.http import head

__all__ = ["begun", "delta", "ended", "stream_head"]

Event = dict[str, Any]


def stream_head(request_id: str) -> bytes:
    """The status line and the headers of a stream whose body comes in chunks."""
    headers = {
        "content-type": "text/event-stream; charset=utf-8",
        "request-id": request_id,
        "cache-control": "no-cache",
        "transfer-encoding": "chunked",
    }
    return head(200, headers)


def begun(model: str, message_id: str) -> tuple[Event, Event]:
    """What comes before the first text."""
    message: Event = {
        "model": model,
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 25, "output_tokens": 1},
    }
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    return {"type": "message_start", "message": message}, block


def delta(text: str) -> Event:
    """A piece of the text."""
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


def ended(tokens: int) -> tuple[Event, Event, Event]:
    """What comes after the last text."""
    stopped = {"stop_reason": "end_turn", "stop_sequence": None}
    return (
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stopped, "usage": {"output_tokens": tokens}},
        {"type": "message_stop"},
    )
