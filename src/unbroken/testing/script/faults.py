"""What can go wrong with a response, and where: plain values that a `Script` puts in order.

A fault is one frozen dataclass; its place is an `At`. A place that the response never comes to (the fourth
event of a response of three) means that nothing happens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal, TypeAlias

__all__ = [
    "AFTER_CONTENT",
    "AFTER_LAST_TEXT",
    "AFTER_MESSAGE_DELTA",
    "AFTER_MESSAGE_START",
    "AFTER_MESSAGE_STOP",
    "BEFORE_MESSAGE_START",
    "BEFORE_RESPONSE",
    "At",
    "BadJson",
    "CutFrame",
    "Drop",
    "EndOfFile",
    "ErrorEvent",
    "Event",
    "Fault",
    "Pings",
    "Point",
    "Refuse",
    "Reset",
    "Silence",
    "Slow",
    "Status",
    "Step",
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
_MIDDLE: Final = At(Point.FRACTION, 0.5)


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


@dataclass(frozen=True, slots=True)
class Status:
    """An HTTP error instead of a stream.

    Attributes:
        status: The HTTP status, 400 to 599.
        type: `error.type`; None: the one that belongs to the status.
        message: `error.message`; None: a fitting one.
        headers: Headers to add, such as `retry-after` or `x-should-retry`.
        details: `error.details`, such as `{"error_code": "enforced_spend_limit_reached"}`; None: left out.
    """

    status: int = 529
    type: str | None = None
    message: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """An `error` event, after which the stream ends.

    Attributes:
        type: `error.type`.
        message: `error.message`; None: a fitting one.
        details: `error.details`; None is sent as null, as the API does.
        at: Where.
        blank_line: Whether the event has its final blank line; without it a reader of SSE never sees the
            event.
    """

    type: str = "overloaded_error"
    message: str | None = None
    details: Mapping[str, Any] | None = None
    at: At = _MIDDLE
    blank_line: bool = True


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset (TCP RST)."""

    at: At = _MIDDLE


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection is closed (TCP FIN) inside a chunk, or with no response at all (`BEFORE_RESPONSE`)."""

    at: At = _MIDDLE


@dataclass(frozen=True, slots=True)
class EndOfFile:
    """The body ends as if it were whole, without `message_stop`. `BEFORE_MESSAGE_START` makes an empty body.

    Attributes:
        at: Where.
        framing: `"chunked"`: the terminating chunk is sent; `"close"`: the body has no length, and ends
            where the connection does.
    """

    at: At = _MIDDLE
    framing: Literal["chunked", "close"] = "chunked"


@dataclass(frozen=True, slots=True)
class CutFrame:
    """The event that comes next is cut inside its SSE frame, and the body ends.

    Attributes:
        at: After what the cut event comes.
        keep: How many bytes of its frame are sent; a negative number counts from the frame's end.
        end: How the body ends: `"eof"` cleanly, `"drop"` by FIN inside a chunk, `"reset"` by RST.
    """

    at: At = _MIDDLE
    keep: int = -20
    end: Literal["eof", "drop", "reset"] = "eof"


@dataclass(frozen=True, slots=True)
class BadJson:
    """The event that comes next, but for pings, is a complete frame of malformed JSON; the stream goes on after it."""

    at: At = _MIDDLE


@dataclass(frozen=True, slots=True)
class Event:
    """One event more, such as a type that nobody knows yet; the stream goes on after it.

    Attributes:
        type: The event's name, and its data's `type`.
        data: The other fields of its data.
        at: Where.
    """

    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    at: At = _MIDDLE


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing is sent: a slow first byte at `BEFORE_RESPONSE`, slow first content at `AFTER_MESSAGE_START`.

    Attributes:
        seconds: For how long; None: until the client hangs up.
        at: Where.
    """

    seconds: float | None = None
    at: At = _MIDDLE


@dataclass(frozen=True, slots=True)
class Pings:
    """Nothing but pings is sent.

    Attributes:
        seconds: For how long; None: until the client hangs up.
        every: Seconds between two pings.
        at: Where; not before the headers.
    """

    seconds: float | None = None
    every: float = 15.0
    at: At = _MIDDLE


@dataclass(frozen=True, slots=True)
class Slow:
    """Every event comes late.

    Attributes:
        seconds: How long the server waits before each event.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class Refuse:
    """The listening socket is closed, so that connections are refused, and opened again on the same port.

    It is in force from the response before it on (from the start, if it comes first), and stands for no
    request: who is refused is not seen, so the step after it is that of the next request which arrives. Idle
    connections are closed too. The seconds count from the end of that response.

    Attributes:
        seconds: For how long.
    """

    seconds: float


Fault: TypeAlias = (
    Status | ErrorEvent | Reset | Drop | EndOfFile | CutFrame | BadJson | Event | Silence | Pings | Slow | Refuse
)
#: What goes wrong with one request: nothing, one thing, or several.
Step: TypeAlias = Fault | Sequence[Fault] | None
