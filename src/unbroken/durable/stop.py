"""Stops a stream from anywhere: its writer closes its request, and its readers see its end."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import anyio

from ..journal import Fenced
from .claim import LEASE
from .history import look_up, read_history
from .outcome import cancelled
from .session import PATIENCE, Session

__all__ = ["stop_stream"]

#: How long a writer that is there may take to end its stream itself, in seconds; then the stream is taken from it.
_GRACE: Final = 2.0
#: How often it is looked whether it has.
_POLL: Final = 0.05


async def stop_stream(session: Session, stream_id: str, owner: bytes | None) -> bool:
    """End a stream as cancelled, and return when it has ended.

    Args:
        session: Of the journal.
        stream_id: Its id.
        owner: Whose it has to be, as the journal has that. None: anybody's.

    Returns:
        Whether it lived. False: it had ended before, one way or another.

    Raises:
        StreamMissing: There is none, or it is another owner's.
        JournalError: The journal cannot be reached.
    """
    journal = session.journal
    state = await look_up(session, stream_id, owner, PATIENCE)
    if state.status != "live":
        return False
    await session.patiently(lambda: journal.cancel(stream_id), PATIENCE)
    until = anyio.current_time() + _GRACE
    while True:
        state = await look_up(session, stream_id, owner, PATIENCE)
        if state.status != "live":
            # It may have come to its end by itself in the same moment.
            return state.status == "cancelled"
        if state.orphaned or anyio.current_time() >= until:
            history = await read_history(session, stream_id, PATIENCE)
            lease = await session.take(*history, lease=LEASE, patience=PATIENCE, force=True)
            with suppress(Fenced):  # somebody else was about to do the same
                if lease is not None:
                    await session.write_end(lease, "cancelled", cancelled(history.fold.report), PATIENCE)
                    return True
        await anyio.sleep(_POLL)
