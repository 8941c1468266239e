"""What the scripts reply, as states and entries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..protocol import Batch, Entry, Status, StreamState

__all__ = ["batch_of", "state_of"]


def state_of(stream_id: str, reply: Sequence[Any]) -> StreamState:
    """A stream's state, of what `state` of `base.lua` returns."""
    fence, head, status, fingerprint, owner, orphaned, stopping, created, ended, size, _ = reply
    known: Status = status.decode()
    return StreamState(
        stream_id=stream_id,
        fence=fence,
        head=head,
        status=known,
        fingerprint=fingerprint,
        owner=bytes.fromhex(owner.decode()),
        orphaned=orphaned == 1,
        stopping=stopping == b"1",
        created=created / 1_000_000,
        ended=None if not ended else ended / 1000,
        size=size,
    )


def batch_of(stream_id: str, after: int, reply: Sequence[Any]) -> Batch:
    """What `read.lua` returns: the entries have the numbers behind `after`, and the fences that the state tells."""
    state, found = reply
    starts = [tuple(map(int, each.split(b":"))) for each in state[-1].split(b",")]
    fence = 0
    entries = []
    for seq, data in enumerate(found, after + 1):
        while starts and starts[0][1] <= seq:
            fence = starts.pop(0)[0]
        entries.append(Entry(fence, seq, data))
    return Batch(entries, state_of(stream_id, state))
