"""The bytes of an answer: server-sent events as the API writes them, each in an HTTP chunk of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import cycle, islice
from typing import Final

from tests.corpus.texts import TEXTS

from benchmarks import messages
from benchmarks.families import FAMILIES
from benchmarks.messages import begun, delta, stream_head
from unbroken.testing.wire.http import LAST_CHUNK, chunk, error_body, frame

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
    events = begun("claude-opus-5-5", request_id.replace("req", "msg"))
    return stream_head(request_id) + b"".join(chunk(frame(event)) for event in events)


def said(texts: Iterable[str]) -> bytes:
    """So many pieces of text."""
    return b"".join(chunk(frame(delta(text))) for text in texts)


def ended(events: int) -> bytes:
    """The events after the last text, and the end of the response."""
    return b"".join(chunk(frame(event)) for event in messages.ended(events)) + LAST_CHUNK


@lru_cache(maxsize=8)
def whole(events: int) -> bytes:
    """An answer from its first text on, encoded once."""
    return said(pieces(events)) + ended(events)
