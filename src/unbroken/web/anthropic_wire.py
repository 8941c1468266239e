"""The wire of the Messages API itself: each event as one frame, and `error` frames of the API's shape.

The SDK reads such a body as its own. What a browser needs is beside that, and no reader of the API's trips over it:
ids, `retry:`, comments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..core.wire.decoded import Event
from ..core.wire.frames import encode
from .position import START, has_been_told, told
from .problem import Problem
from .sse import MEDIA_TYPE, with_id
from .wire import REWIND

__all__ = ["AnthropicWire"]

_ENDS: Final = "message_stop"


class AnthropicWire:
    """A stream as the Messages API would have sent it, each frame with its position as `id:`.

    An answer that was stopped ends with an `error` frame of the type `stream_cancelled`; one that failed, with that of
    what it failed of. A `rewind` frame says that what was shown is void: the message begins again behind it.

    Args:
        after: Where the reader goes on; None: it has seen nothing.
    """

    media_type: Final = MEDIA_TYPE
    headers: Final[Mapping[str, str]] = {}
    has_frames: Final = True

    def __init__(self, after: str | None = None) -> None:
        self.over: bool = False
        self._position = after or START
        self._is_told = has_been_told(after)

    def push(self, position: str, event: Event) -> bytes:
        """The event as the API writes it."""
        self._position, self._is_told = position, False
        type_ = event.get("type")
        self.over = type_ == _ENDS
        # What else a rewind may have is no reader's concern.
        return with_id(position, encode({"type": REWIND} if type_ == REWIND else event))

    def end(self) -> bytes:
        """Nothing: the message has said so itself."""
        self.over = True
        return b""

    def fail(self, problem: Problem) -> bytes:
        """An `error` frame; nothing for a reader that has had it already."""
        self.over = True
        if self._is_told:
            return b""
        error = {"type": "error", "error": {"type": problem.type, "message": problem.text}}
        return with_id(told(self._position), encode(error))
