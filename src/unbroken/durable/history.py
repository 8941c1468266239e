"""A stream's log, read to its end as it is now."""

from __future__ import annotations

from hmac import compare_digest
from typing import NamedTuple

from ..journal import StreamGone, StreamState
from .cursor import Cursor
from .errors import StreamMissing
from .fold import Fold
from .session import Session

__all__ = ["History", "look_up", "read_history"]


class History(NamedTuple):
    """What there is of a stream.

    Attributes:
        fold: Its log, folded.
        state: How it stands in the journal; its head is the fold's.
    """

    fold: Fold
    state: StreamState


async def look_up(session: Session, stream_id: str, owner: bytes | None, patience: float) -> StreamState:
    """How a stream stands, for somebody who may know of it.

    Args:
        session: Of the journal.
        stream_id: Its id.
        owner: Whose it has to be, as the journal has that. None: anybody's.
        patience: How long the journal may be away, in seconds.

    Raises:
        StreamMissing: There is none, or it is another owner's: nobody learns which.
        JournalError: The journal cannot be read.
    """
    state = await session.look(stream_id, patience)
    if state is None or (owner is not None and not compare_digest(state.owner, owner)):
        raise StreamMissing(f"there is no stream {stream_id!r} in the journal")
    return state


async def read_history(session: Session, stream_id: str, patience: float) -> History:
    """Read a stream's log.

    Args:
        session: Of the journal.
        stream_id: Its id.
        patience: How long the journal may be away, in seconds.

    Raises:
        StreamGone: There is none.
        JournalError: It cannot be read.
    """
    cursor, fold = Cursor(session, stream_id, patience=patience), Fold()
    while entries := await cursor.read():
        for entry in cursor.checked(entries):
            fold.take(entry)
    if cursor.state is None:
        raise StreamGone("there is no such stream in the journal")
    return History(fold, cursor.state)
