"""The bytes of an answer: server-sent events as the API writes them, each in an HTTP chunk of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import cycle, islice
from typing import Any, Final

from tests.corpus.texts import TEXTS

from benchmarks.families import FAMILIES
from unbroken.testing.wire.http import LAST_CHUNK, chunk, error_body, frame, head

__all__ = ["DIED", "ended", "pieces", "pieces_of", "said", "started", "whole"]

#: Prose and code, with lines in other scripts between.
_SPOKEN: Final = ("prose", "list", "code", "chinese", "quotes", "emoji")
#: About as long as tokens are: four characters or so, with the space before them.
_PIECE: Final = re.compile(r"\s*\S{1,5}")
#: Characters of a piece where it is the text that matters.
_LONG: Final = 100

#: The last thing that a stream says which dies of an `error` event.
DIED: Final = chunk(frame(error_body("overloaded_error", "Overloaded", "req_1"))) + LAST_CHUNK


def pieces(events: int) -> list[str]:
    """The text of an answer, in so many pieces."""
    text = "\n\n".join(TEXTS[name] for name in _SPOKEN)
    return list(islice(cycle(_PIECE.findall(text + "\n\n.")), events))


@lru_cache(maxsize=2)
def pieces_of(family: str, events: int) -> list[str]:
    """The text of one of `FAMILIES`, in so many pieces of 100 characters."""
    text = FAMILIES[family](events * _LONG)
    return [text[at : at + _LONG] for at in range(0, len(text), _LONG)]


def started(request_id: str) -> bytes:
    """The head of a response, and the events before its first text."""
    headers = {
        "content-type": "text/event-stream; charset=utf-8",
        "request-id": request_id,
        "cache-control": "no-cache",
        "transfer-encoding": "chunked",
    }
    message: dict[str, Any] = {
        "model": "claude-opus-5-5",
        "id": request_id.replace("req", "msg"),
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 25, "output_tokens": 1},
    }
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    return head(200, headers) + chunk(frame({"type": "message_start", "message": message})) + chunk(frame(block))


def said(texts: Iterable[str]) -> bytes:
    """So many pieces of text."""
    return b"".join(
        chunk(
            frame({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
        )
        for text in texts
    )


def ended(events: int) -> bytes:
    """The events after the last text, and the end of the response."""
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    return (
        chunk(frame({"type": "content_block_stop", "index": 0}))
        + chunk(frame({"type": "message_delta", "delta": delta, "usage": {"output_tokens": events}}))
        + chunk(frame({"type": "message_stop"}))
        + LAST_CHUNK
    )


@lru_cache(maxsize=8)
def whole(events: int) -> bytes:
    """An answer from its first text on, encoded once."""
    return said(pieces(events)) + ended(events)
