"""A stream's log, read to its end as it is now."""

from __future__ import annotations

from typing import NamedTuple

from ..journal import StreamGone, StreamState
from .cursor import Cursor
from .fold import Fold
from .session import Session

__all__ = ["History", "read_history"]


class History(NamedTuple):
    """What there is of a stream.

    Attributes:
        fold: Its log, folded.
        state: How it stands in the journal; its head is the fold's.
    """

    fold: Fold
    state: StreamState


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
