"""`attach`, `cancel` and `purge`: what any process can do with a journal, without a client and without a key."""

from __future__ import annotations

from hmac import compare_digest
from typing import Any

from ..durable.attached import AttachedStream
from ..durable.entries import position_of
from ..durable.request import owner_hash
from ..durable.session import session_of
from ..durable.stop import stop_stream
from ..journal import Journal
from .durable import check_journal, check_stream_id

__all__ = ["attach", "cancel", "purge"]


def attach(
    journal: Journal, stream_id: str, *, after: str | None = None, owner: str | None = None, output_format: Any = None
) -> AttachedStream:
    """Read a stream of a journal: during, after, and behind a change of its writer, any number of times.

    ```python
    async with attach(journal, "c7/3") as stream:
        async for text in stream.text_stream:
            print(text, end="", flush=True)
    ```

    Args:
        journal: Where it is.
        stream_id: Its id.
        after: Where to begin. None: with what is there, in as few events as make it, and then live; `"0"`: with every
            event as it came; a `position`, such as `"1-57"`: strictly behind it.
        owner: Whose it has to be: another's looks like one that is not there. None: anybody's.
        output_format: A type to parse the text into, as in the SDK. None: none.

    Returns:
        The stream; nothing is read before it is asked for.

    Raises:
        TypeError: A value has another type.
        ValueError: `stream_id` is no id, or `after` no position.
    """
    if after is not None:
        if not isinstance(after, str):
            raise TypeError(f"after must be a position or None, not {type(after).__name__}")
        if position_of(after) is None:
            raise ValueError(f"after must be '0' or a position such as '1-57', not {after[:40]!r}")
    session = session_of(check_journal(journal))
    hashed = None if owner is None else owner_hash(owner)
    return AttachedStream(session, check_stream_id(stream_id), after=after, owner=hashed, output_format=output_format)


async def cancel(journal: Journal, stream_id: str, *, owner: str | None = None) -> bool:
    """Stop a stream, wherever it is written, and return when it has ended.

    Its writer closes its request; every reader gets what was delivered before, and then `StreamCancelled`.

    Args:
        journal: Where it is.
        stream_id: Its id.
        owner: Whose it has to be. None: anybody's.

    Returns:
        Whether this has stopped it. False: it had ended before.

    Raises:
        StreamMissing: There is none, or it is another owner's.
        JournalError: The journal cannot be reached.
        TypeError: A value has another type.
        ValueError: `stream_id` is no id.
    """
    hashed = None if owner is None else owner_hash(owner)
    return await stop_stream(session_of(check_journal(journal)), check_stream_id(stream_id), hashed)


async def purge(journal: Journal, *, owner: str | None = None, stream_id: str | None = None) -> int:
    """Delete streams for good: what was asked, what was answered, and how it went.

    One that is being written is deleted, too: its writer closes its request.

    Args:
        journal: Where they are.
        owner: All streams of this owner, whatever they are at. None, with no `stream_id` either: those whose time is
            over, as long as the journal keeps them (its `retention`, its `orphan_retention`).
        stream_id: This one alone; with an owner, if it is theirs.

    Returns:
        How many were deleted.

    Raises:
        JournalError: The journal cannot be reached. Some may be deleted already.
        TypeError: A value has another type.
        ValueError: `stream_id` is no id, or `owner` is empty.
    """
    kept, hashed = check_journal(journal), None if owner is None else owner_hash(owner)
    if stream_id is None:
        return await kept.purge(owner=hashed)
    name = check_stream_id(stream_id)
    if hashed is not None:
        state = await kept.look(name)
        if state is None or not compare_digest(state.owner, hashed):
            return 0
    return await kept.purge(stream_id=name)
