"""What every wire is: the entries of one stream to the bytes of one body. Nothing here waits for anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from ..core.wire.decoded import Event
from .problem import Problem

__all__ = ["REWIND", "Wire"]

#: The type of the pseudo event that says that the journal has lost what the reader was shown.
REWIND: Final = "rewind"


class Wire(Protocol):
    """The entries of a stream, in their order, to bytes. One object is for one response.

    Where a method returns None, this wire has no way to say it: the body has to break off there, so that nobody takes
    half an answer for a whole one.
    """

    @property
    def media_type(self) -> str:
        """The content type of the body."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """What the response says in its headers beside that."""
        ...

    @property
    def has_frames(self) -> bool:
        """Whether the body is of server-sent events: it may have comments, and say when a reader is to come back."""
        ...

    @property
    def over(self) -> bool:
        """Whether the body has its last frame, and may end cleanly: nothing is to be pushed any more."""
        ...

    def push(self, position: str, event: Event, /) -> bytes | None:
        """Take the next event; what is sent of it, which may be nothing yet."""
        ...

    def end(self) -> bytes | None:
        """The message is whole, and there is no more of it; what is still to be sent."""
        ...

    def fail(self, problem: Problem, /) -> bytes | None:
        """The answer ends without having become whole; how the reader is told."""
        ...
