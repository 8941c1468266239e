"""What a response is given to read: what `attach` returns, or anything that reads like it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from ..core.wire.decoded import Event

__all__ = ["EntryStream"]


class EntryStream(Protocol):
    """A stream of a journal, as `attach` returns it.

    Attributes:
        stream_id: Its id.
        after: Behind which position reading begins; it may be set until then. None: a snapshot of what is there, and
            then what comes. `"0"`: every event as it came.
    """

    stream_id: str
    after: str | None

    @property
    def entries(self) -> AsyncIterator[tuple[str, Event]]:
        """Pairs of position and event, to the end of the stream."""
        ...

    async def close(self) -> None:
        """Stop reading."""
        ...
