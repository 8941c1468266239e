"""Streams in a real journal, written by hand: what is there, and when it comes, is the test's to say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from tests.web.messages import Recorded

from unbroken import Report
from unbroken.core.wire.decoded import Event
from unbroken.durable.entries import Record, encode
from unbroken.journal import Ended, Journal, Lease

__all__ = ["Author"]


class Author:
    """The writer of one stream. Its first entry is no event, as in every journal."""

    def __init__(self, journal: Journal, lease: Lease) -> None:
        self._journal = journal
        self._lease = lease

    @classmethod
    async def begin(cls, journal: Journal, stream_id: str, *, owner: bytes = b"") -> Self:
        """A stream of which nothing is there yet."""
        request = encode(Record("request", {"api": "messages", "arguments": {}, "routes": [], "policy": {}}))
        lease = await journal.create(stream_id, request, fingerprint=b"", owner=owner, lease=3600)
        assert isinstance(lease, Lease)
        return cls(journal, lease)

    @classmethod
    async def write(cls, journal: Journal, stream_id: str, recorded: Recorded) -> Self:
        """A stream that has ended."""
        author = await cls.begin(journal, stream_id)
        await author.add(*(event for _, event in recorded.entries))
        await author.end(recorded.end)
        return author

    async def add(self, *events: Event) -> None:
        """Some events more."""
        await self._append([Record("event", event) for event in events])

    async def end(self, ended: Ended = "complete") -> None:
        """Its end."""
        body: dict[str, Any] = {"outcome": ended, "report": Report().to_dict()}
        if ended == "failed":
            body |= {"message": "a secret of the gateway", "status_code": 529, "error_type": "overloaded_error"}
        await self._append([Record("end", body)], ended)

    async def taken_over(self) -> Self:
        """Another goes on with it, under the next fence."""
        state = await self._journal.look(self._lease.stream_id)
        assert state is not None
        lease = await self._journal.take(
            state, encode(Record("takeover", {"head": state.head})), lease=3600, force=True
        )
        assert lease is not None
        return type(self)(self._journal, lease)

    async def _append(self, records: Sequence[Record], ended: Ended | None = None) -> None:
        await self._journal.append(self._lease, [encode(record) for record in records], end=ended)
