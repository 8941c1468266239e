"""Journals as a writer leaves them that is killed: with the first so many entries of a stream."""

from __future__ import annotations

from collections.abc import Sequence

from unbroken.durable.entries import Record, decode
from unbroken.journal import Batch, Entry, Journal, Lease, MemoryJournal

__all__ = ["entries_of", "killed_after", "records_of"]


async def entries_of(journal: Journal, stream_id: str) -> Sequence[Entry]:
    """All entries of a stream."""
    batch = await journal.read(stream_id, after=0, limit=100_000)
    assert isinstance(batch, Batch)
    return batch.entries


async def records_of(journal: Journal, stream_id: str) -> list[Record]:
    """What they say."""
    return [decode(entry.data) for entry in await entries_of(journal, stream_id)]


async def killed_after(source: Journal, stream_id: str, count: int) -> MemoryJournal:
    """A journal that has the first entries of a stream, whose writer is not there any more."""
    state, entries = await source.look(stream_id), await entries_of(source, stream_id)
    assert state is not None
    journal = MemoryJournal()
    lease = await journal.create(
        stream_id, entries[0].data, fingerprint=state.fingerprint, owner=state.owner, lease=None
    )
    assert isinstance(lease, Lease)
    data = [entry.data for entry in entries[1:count]]
    ended = count == len(entries) and state.status != "live"
    await journal.append(lease, data, end=state.status if ended else None)  # type: ignore[arg-type]
    return journal
