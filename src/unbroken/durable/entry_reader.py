"""A stream's events with their positions, straight from its log: for who sends them on, and keeps nothing of them."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ..core.wire.decoded import Event
from ..journal import JournalError, StreamGone
from .cursor import Cursor, Rewound
from .entries import position_of
from .errors import StreamMissing
from .fold import Fold
from .history import look_up, read_history
from .outcome import ended_with, journal_failure
from .session import PATIENCE, Session
from .snapshot import snapshot_of

__all__ = ["read_entries"]


async def read_entries(
    session: Session, stream_id: str, *, after: str | None, owner: bytes | None
) -> AsyncIterator[tuple[str, Event]]:
    """Pairs of position and event, to the end of the stream; arguments and errors as `AttachedStream.entries` has."""
    cursor = Cursor(session, stream_id)
    try:
        await look_up(session, stream_id, owner, PATIENCE)
        start = None if after is None else position_of(after)
        if start is None:
            async for pair in _snapshot(cursor):
                yield pair
        elif start != (0, 0):
            try:
                await _go_behind(cursor, start)
            except Rewound:
                yield "0", {"type": "rewind"}
                async for pair in _snapshot(cursor):
                    yield pair
        while True:
            try:
                for entry in await cursor.next():
                    if entry.kind == "event":
                        yield entry.position, entry.body
                    # One that has failed may have been asked for once more: then something stands behind its end.
                    elif entry.kind == "end" and cursor.is_at_head and entry.seq == cursor.seq:
                        if entry.body.get("outcome") == "complete":
                            return
                        history = await read_history(session, stream_id, PATIENCE)
                        if history.fold.head == entry.seq:
                            raise ended_with(history.fold)
                        # It has been asked for once more since.
            except Rewound:
                yield "0", {"type": "rewind"}
                async for pair in _snapshot(cursor):
                    yield pair
    except StreamGone as problem:
        if cursor.seq:
            raise journal_failure(problem, Fold()) from problem
        raise StreamMissing(f"there is no stream {stream_id!r} in the journal") from None
    except JournalError as problem:
        raise journal_failure(problem, Fold()) from problem


async def _snapshot(cursor: Cursor) -> AsyncIterator[tuple[str, Event]]:
    """What is there, folded; the cursor stands behind it afterwards."""
    cursor.seq = cursor.fence = 0
    fold = Fold()
    while entries := await cursor.read():
        for entry in cursor.checked(entries):
            fold.take(entry)
    events = snapshot_of(fold.partial)
    last = "0" if fold.last_event is None else fold.last_event.position
    for number, event in enumerate(events, 1):
        yield (last if number == len(events) else "0"), event
    if fold.end is not None and cursor.is_at_head:
        # The end is read by who called: it is the last entry.
        cursor.seq -= 1


async def _go_behind(cursor: Cursor, start: tuple[int, int]) -> None:
    """Place the cursor behind a position. Raises `Rewound` where the journal does not have it any more."""
    fence, seq = start
    cursor.seq = seq - 1
    entries = await cursor.read(limit=1)
    if not entries or (entries[0].fence, entries[0].seq) != (fence, seq):
        raise Rewound
    # Who names the place of the end has nothing to come but that.
    if entries[0].kind != "end":
        cursor.seq, cursor.fence = seq, fence
