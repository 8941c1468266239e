"""What comes over the wire: decoded events, and what cannot be read."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["CONTENT", "MESSAGE", "Event", "Malformed"]

#: One decoded event of the Messages stream, as the wire has it.
Event = dict[str, Any]

#: The events of which a message is made.
MESSAGE: Final = frozenset(
    {
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    }
)

#: The events that are content: what shows that a stream is healthy.
CONTENT: Final = frozenset({"content_block_start", "content_block_delta"})


class Malformed(ValueError):
    """Why what a peer sent cannot be read, in a few words of ours.

    Nothing of what was sent is in it, nor in an exception behind it.
    """
