"""`unbroken streams cancel` and `purge`: a stream's end, and what is deleted for good."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial

import anyio
import anyio.to_thread
import typer

from ..api.attach import cancel
from ..journal import Journal, StreamState
from .journals import Place, checked, hashed, opened
from .problems import Problem, count
from .streams import Asked

__all__ = ["Purging", "purge", "stop"]

#: How many are asked for at a time.
_PAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Purging:
    """What `unbroken streams purge` was told.

    Attributes:
        place: The journal.
        stream_ids: Which streams. Empty, with no owner either: those whose time is over.
        owner: All of this owner; None: whoever's.
        sure: Whether nobody is asked.
    """

    place: Place
    stream_ids: tuple[str, ...] = ()
    owner: str | None = None
    sure: bool = False


async def stop(asked: Asked) -> None:
    """Stop a stream, wherever it is written.

    Raises:
        Problem: There is no such journal, or the id is none.
        StreamMissing: There is no such stream, or it is another owner's.
        JournalError: The journal cannot be reached.
    """
    stream_id = checked(asked.stream_id)
    hashed(asked.owner)
    async with opened(asked.place) as journal:
        stopped = await cancel(journal, stream_id, owner=asked.owner)
    print(f"{stream_id}: {'stopped' if stopped else 'it had ended before'}")


async def purge(purging: Purging) -> None:
    """Delete streams for good. On a terminal it asks first, unless it was told that nobody need be asked.

    Raises:
        Problem: There is no such journal or stream, an id is none, or nobody wants them to be deleted.
        JournalError: The journal cannot be reached.
    """
    owner = hashed(purging.owner)
    ids = [checked(stream_id) for stream_id in dict.fromkeys(purging.stream_ids)]
    async with opened(purging.place) as journal:
        states = await _states(journal, ids, owner)
        missing = [stream_id for stream_id in ids if stream_id not in {state.stream_id for state in states}]
        if states or not (ids or purging.owner):
            await _ask(purging, states)
        if ids:
            deleted = 0
            for state in states:
                deleted += await journal.purge(stream_id=state.stream_id)
        else:
            deleted = await journal.purge(owner=owner)
    print(f"{count(deleted, 'stream')} deleted")
    if missing:
        raise Problem(f"there is no stream {', '.join(missing)} in the journal")


async def _states(journal: Journal, ids: list[str], owner: bytes | None) -> list[StreamState]:
    """Those of which it is known that they will be deleted."""
    found: list[StreamState] = []
    if ids:
        for stream_id in ids:
            state = await journal.look(stream_id)
            if state is not None and (owner is None or state.owner == owner):
                found.append(state)
    elif owner is not None:
        after = ""
        while page := await journal.streams(after=after, limit=_PAGE):
            after = page[-1].stream_id
            found += [state for state in page if state.owner == owner]
    return found


async def _ask(purging: Purging, states: list[StreamState]) -> None:
    """Raise `Problem` where somebody sits at a terminal, and does not say yes."""
    if purging.sure or not sys.stdin.isatty():
        return
    what = count(len(states), "stream") if states else "the streams whose time is over"
    live = sum(state.status == "live" for state in states)
    lives = f" ({live:,} of them not ended)" if live else ""
    confirm = partial(typer.confirm, f"Delete {what}{lives} in {purging.place} for good?", err=True)
    try:
        # In a thread: Ctrl-C would not interrupt what blocks the event loop.
        is_wanted = await anyio.to_thread.run_sync(confirm, abandon_on_cancel=True)
    except typer.Abort:
        typer.echo(err=True)  # behind the question
        is_wanted = False
    if not is_wanted:
        raise Problem("nothing was deleted")
