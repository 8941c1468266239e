"""The writer of a stream, by hand: what is there, and when it comes, is the test's to say."""

from __future__ import annotations

from typing import Any, Self

from builders import block_start, block_stop, ending, message_start, text_delta

from unbroken import Report
from unbroken.core.wire.decoded import Event
from unbroken.durable.entries import Record, encode
from unbroken.journal import Codec, Ended, Journal, Lease

__all__ = ["Author", "events_of"]

REQUEST: dict[str, Any] = {"api": "messages", "arguments": {}, "fallbacks": [], "policy": {}}


def events_of(*pieces: str) -> list[Event]:
    """A whole message, with a delta for each piece of its text."""
    deltas = [text_delta(piece) for piece in pieces]
    return [message_start(), block_start(0, "text"), *deltas, block_stop(), *ending()]


class Author:
    """Writes one stream."""

    def __init__(self, journal: Journal, lease: Lease) -> None:
        self.lease = lease
        self._journal = journal

    @classmethod
    async def begin(
        cls, journal: Journal, stream_id: str = "s", *, owner: bytes = b"", lease: float | None = 3600
    ) -> Self:
        """A stream of which nothing is there yet but its request."""
        record = Record("request", REQUEST)
        data = _encoded(journal.codec, record, stream_id, 1)
        found = await journal.create(stream_id, data, fingerprint=b"f", owner=owner, lease=lease)
        assert isinstance(found, Lease)
        return cls(journal, found)

    async def add(self, *events: Event) -> None:
        """Some events more."""
        await self.write(*(Record("event", event) for event in events))

    async def write(self, *records: Record, end: Ended | None = None) -> None:
        """Some entries more."""
        lease, codec = self.lease, self._journal.codec
        data = [_encoded(codec, record, lease.stream_id, seq) for seq, record in enumerate(records, lease.head + 1)]
        await self._journal.append(lease, data, end=end)

    async def end(self, ended: Ended = "complete", **body: Any) -> None:
        """Its end."""
        await self.write(Record("end", {"outcome": ended, "report": Report().to_dict(), **body}), end=ended)

    async def taken(self) -> Author:
        """Another goes on with it, under the next fence."""
        state = await self._journal.look(self.lease.stream_id)
        assert state is not None
        record = Record("takeover", {"head": state.head})
        data = _encoded(self._journal.codec, record, state.stream_id, state.head + 1)
        lease = await self._journal.take(state, data, lease=3600, force=True)
        assert lease is not None
        return Author(self._journal, lease)


def _encoded(codec: Codec | None, record: Record, stream_id: str, seq: int) -> bytes:
    data = encode(record)
    return data if codec is None else codec.encode(data, stream_id, seq)
