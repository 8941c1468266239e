"""What is raised of streams in a journal, beside `StreamFailed`."""

from __future__ import annotations

from ..errors import StreamFailed

__all__ = ["StreamCancelled", "StreamConflict", "StreamMissing"]


class StreamConflict(ValueError):
    """There is a stream of that id, of another request or of another owner."""


class StreamMissing(LookupError):
    """There is no stream of that id in the journal: there never was, its time is over, or it is another owner's."""


class StreamCancelled(StreamFailed):
    """Somebody has stopped the stream (`cancel`). `partial` is all that was delivered before."""

    _ending = "stopped"
