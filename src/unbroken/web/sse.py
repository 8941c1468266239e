"""Frames of server-sent events, as we write them.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

from typing import Final

__all__ = ["COMMENT", "MEDIA_TYPE", "retry_line", "with_id"]

MEDIA_TYPE: Final = "text/event-stream"

#: A line that every reader passes over: what is sent into a silence.
COMMENT: Final = b":\n\n"


def retry_line(retry: float) -> bytes:
    """How long a browser waits before it connects again, in seconds."""
    return b"retry: %d\n\n" % round(retry * 1000)


def with_id(id: str, frame: bytes) -> bytes:
    """A frame, with the id that a browser comes back with once it has it whole."""
    return b"id: %b\n%b" % (id.encode(), frame)
