"""What a fault is, what it may do with the response it strikes, and the two that are errors of the API's own.

A fault is one frozen dataclass below `ResponseFault`. Its class says everything of it: its fields are what a TOML file
may say, `at` and `before_headers` where it may stand, `play` what it does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, ClassVar, Protocol, TypeAlias, final

from unbroken.testing.script.faults.place import BEFORE_RESPONSE, MIDDLE, At

__all__ = ["End", "ErrorEvent", "ResponseFault", "Status", "Wire", "Write"]


class End(Enum):
    """What becomes of the connection after a response."""

    KEEP = auto()
    CLOSE = auto()
    RESET = auto()


#: Writes one event, its data given; returns how the connection ends, or None if the stream goes on.
Write: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[End | None]]


class Wire(Protocol):
    """A response while it is written, as a fault sees it.

    Attributes:
        chunked: Whether the body is sent in chunks, or ends where the connection does. The headers say which: after
            them it is too late to change it.
        pace: Seconds between two events.
    """

    chunked: bool
    pace: float

    @property
    def begun(self) -> bool:
        """Whether the headers were sent."""

    @property
    def following(self) -> Mapping[str, Any]:
        """The data of the event that comes next; a ping, if none does."""

    def frame(self, event: Mapping[str, Any]) -> bytes:
        """An event as the platform sends it."""

    def malformed(self, event: Mapping[str, Any]) -> bytes:
        """The event as a whole frame of malformed JSON."""

    def error_frame(self, error: ErrorEvent) -> bytes:
        """The error as the platform words it in the middle of a stream."""

    async def error(self, status: Status) -> End:
        """Answer with an HTTP error instead of a stream."""

    async def send(self, data: bytes) -> None:
        """Send a part of the body."""

    async def send_cut(self, data: bytes, keep: int) -> None:
        """Send the first `keep` bytes of a part whose chunk is announced as long as all of `data`."""

    async def finish(self) -> End:
        """End the body as if it were whole."""

    def write_next(self, write: Write, *, pings: bool = True) -> None:
        """Let `write` write the event that comes next, in place of the response itself.

        Args:
            write: Writes it.
            pings: Whether a ping counts as an event; otherwise pings are written as ever.
        """


class ResponseFault(ABC):
    """What goes wrong with one response.

    A class of these is `final`, so that a type checker says which one has no `play`.

    Attributes:
        before_headers: Whether it may stand before the response (`BEFORE_RESPONSE`).
        unstreamed: How the connection ends if the response is no stream but one JSON body, of which half is sent. None:
            the fault does nothing to such a response.
    """

    __slots__ = ()
    before_headers: ClassVar[bool] = True
    unstreamed: ClassVar[End | None] = None

    @property
    def at(self) -> At:
        """Where it strikes: a field of most; before anything is sent, for one that has no such field."""
        return BEFORE_RESPONSE

    def prepare(self, wire: Wire) -> None:  # noqa: B027  # most have nothing to prepare
        """Change how the response will be sent, before anything of it is."""

    @abstractmethod
    async def play(self, wire: Wire) -> End | None:
        """Go wrong, at the place `at`.

        Returns:
            How the connection ends; None: the response goes on.
        """


@final
@dataclass(frozen=True, slots=True)
class Status(ResponseFault):
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

    async def play(self, wire: Wire) -> End | None:
        """Answer with it."""
        return await wire.error(self)


@final
@dataclass(frozen=True, slots=True)
class ErrorEvent(ResponseFault):
    """An `error` event, after which the stream ends.

    Attributes:
        type: `error.type`.
        message: `error.message`; None: a fitting one.
        details: `error.details`; None is sent as null, as the API does.
        at: Where.
        blank_line: Whether the event has its final blank line; without it a reader of SSE never sees the
            event.
    """

    unstreamed: ClassVar[End | None] = End.CLOSE

    type: str = "overloaded_error"
    message: str | None = None
    details: Mapping[str, Any] | None = None
    at: At = MIDDLE
    blank_line: bool = True

    async def play(self, wire: Wire) -> End | None:
        """Send the event, and end the body. Where no stream has begun, the connection ends."""
        if not wire.begun:
            return End.CLOSE
        data = wire.error_frame(self)
        # No reader sees a frame whose last byte is missing: a line end here, a checksum there.
        await wire.send(data if self.blank_line else data[:-1])
        return await wire.finish()
