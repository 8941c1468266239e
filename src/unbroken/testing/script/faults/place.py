"""The places in a response at which something can go wrong."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = [
    "AFTER_CONTENT",
    "AFTER_LAST_TEXT",
    "AFTER_MESSAGE_DELTA",
    "AFTER_MESSAGE_START",
    "AFTER_MESSAGE_STOP",
    "BEFORE_MESSAGE_START",
    "BEFORE_RESPONSE",
    "MIDDLE",
    "At",
    "Point",
    "after_blocks",
    "after_characters",
    "after_events",
    "after_fraction",
]


class Point(StrEnum):
    """The landmarks of a streamed response, in the order in which they come."""

    RESPONSE = "response"
    """The request was read; no byte was sent."""
    BODY = "body"
    """The status line and the headers were sent; no event was."""
    MESSAGE_START = "message_start"
    """Right after `message_start`."""
    EVENTS = "events"
    """After `n` events, pings counted."""
    CHARACTERS = "characters"
    """After `n` characters of text; a delta that holds the place is cut in two there."""
    FRACTION = "fraction"
    """After that part (0 to 1) of the characters of this response's text."""
    LAST_TEXT = "last_text"
    """After the last text delta."""
    BLOCKS = "blocks"
    """After `n` events of type `content_block_stop`."""
    CONTENT = "content"
    """After the last `content_block_stop`."""
    MESSAGE_DELTA = "message_delta"
    """After `message_delta`: the `stop_reason` was seen."""
    MESSAGE_STOP = "message_stop"
    """After `message_stop`: only the end of the body is missing."""


@dataclass(frozen=True, slots=True)
class At:
    """A place in one response.

    Attributes:
        point: The landmark.
        n: How many events, characters or blocks, or which fraction; not read for the other points. It
            counts what *this* response sends: in a resumed one the echo is part of it.

    Raises:
        ValueError: If `n` is negative, or a fraction above 1.
    """

    point: Point
    n: float = 0

    def __post_init__(self) -> None:
        if self.n < 0 or (self.point is Point.FRACTION and self.n > 1):
            raise ValueError(f"no such place: {self.n} {self.point}")


BEFORE_RESPONSE: Final = At(Point.RESPONSE)
BEFORE_MESSAGE_START: Final = At(Point.BODY)
AFTER_MESSAGE_START: Final = At(Point.MESSAGE_START)
AFTER_LAST_TEXT: Final = At(Point.LAST_TEXT)
AFTER_CONTENT: Final = At(Point.CONTENT)
AFTER_MESSAGE_DELTA: Final = At(Point.MESSAGE_DELTA)
AFTER_MESSAGE_STOP: Final = At(Point.MESSAGE_STOP)
#: Where a fault stands if nothing is said: after half of the text.
MIDDLE: Final = At(Point.FRACTION, 0.5)


def after_events(n: int) -> At:
    """After `n` events, pings counted; 0 is before `message_start`."""
    return At(Point.EVENTS, n)


def after_characters(n: int) -> At:
    """After exactly `n` characters of this response's text; 0 is before the first text delta."""
    return At(Point.CHARACTERS, n)


def after_fraction(fraction: float) -> At:
    """After that part (0 to 1) of this response's text."""
    return At(Point.FRACTION, fraction)


def after_blocks(n: int) -> At:
    """After `n` whole content blocks."""
    return At(Point.BLOCKS, n)
