"""A reader's place in one stream's log."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import anyio

from ..journal import JournalCorrupt, JournalError, JournalUnavailable, StreamGone, StreamState
from .channel import Channel
from .entries import Stored, decoded
from .session import PATIENCE, Session

__all__ = ["Cursor", "Rewound"]


class Rewound(Exception):
    """The journal has lost entries that were read here: a server has come back without its last second."""


class Cursor:
    """Reads a log, entry by entry, without a gap.

    Args:
        session: Of the journal.
        stream_id: Whose log.
        patience: How long the journal may be away, in seconds.

    Attributes:
        seq: The number of the last entry that was read.
        fence: Its fence; 0: of nobody.
        state: The stream, as it was seen last in the journal; None: not yet.
    """

    __slots__ = ("_forgotten", "_patience", "_session", "channel", "fence", "seq", "state")

    def __init__(self, session: Session, stream_id: str, *, patience: float = PATIENCE) -> None:
        self._session = session
        self._patience = patience
        self.channel: Channel = session.channel(stream_id)
        self.seq: int = 0
        self.fence: int = 0
        self.state: StreamState | None = None
        self._forgotten = -1  # what the channel had forgotten when the journal was asked

    @property
    def is_at_head(self) -> bool:
        """Whether there is nothing behind it that this process knows of."""
        return self.seq >= self.channel.head and (self.state is None or self.seq >= self.state.head)

    async def next(self) -> Sequence[Stored]:
        """The next entries, as soon as there are any. It may return none, where somebody woke it.

        Raises:
            StreamGone: There is no such stream, or none any more.
            Rewound: What was read is not in the journal any more.
            JournalUnavailable: It is away for longer than `patience`.
            JournalError: It cannot be read.
        """
        entries: Sequence[Stored] = self._known() or await self.read()
        if not entries:
            channel = self.channel
            # What this process writes itself needs no tail.
            watching: AbstractContextManager[None] = (
                nullcontext() if channel.written_here else self._session.watching(channel)
            )
            with watching:
                if self.is_at_head:
                    await channel.change()
                    self._look_at(channel.error)
            entries = self._known() or ()
        return self.checked(entries)

    def _known(self) -> Sequence[Stored] | None:
        """What the channel has; None: nothing that could follow here."""
        # Before a look into the journal nobody knows whether this is the stream that is there, but its writer.
        is_it = self.channel.written_here if self.state is None else self._is_up_to_date
        return self.channel.after(self.seq) if is_it else None

    @property
    def _is_up_to_date(self) -> bool:
        """Whether the channel goes on with what was read here."""
        return self._forgotten == self.channel.forgotten

    def _look_at(self, error: Exception | None) -> None:
        """Raise why the log cannot be followed, in words of its own: many read it, and each raises one."""
        match error:
            case None:
                return
            case JournalUnavailable():
                if anyio.current_time() - (self.channel.away_since or 0.0) >= self._patience:
                    raise JournalUnavailable(str(error)) from error
            case JournalCorrupt():
                raise JournalCorrupt(str(error)) from error
            case JournalError():
                raise JournalError(str(error)) from error
            case _:
                raise JournalError(f"the journal has raised {type(error).__name__}") from error

    async def read(self, limit: int = 1000) -> Sequence[Stored]:
        """The next entries that the journal has now; none where there are none. Raises what `next` raises."""
        channel, before = self.channel, self.state
        if before is not None and self.is_at_head and self._is_up_to_date:
            return ()
        session, forgotten = self._session, channel.forgotten
        batch = await session.patiently(
            lambda: session.journal.read(channel.stream_id, after=self.seq, limit=limit), self._patience
        )
        if batch is None:
            channel.forget()
            raise StreamGone("there is no such stream in the journal, or none any more")
        channel.saw(batch.state)
        if before is not None and batch.state.created != before.created:
            raise StreamGone("the stream is not in the journal any more: another has its id")
        self.state, self._forgotten = batch.state, forgotten
        if batch.state.head < self.seq:
            channel.forget()
            raise Rewound
        if (batch.entries[-1].seq if batch.entries else self.seq) == batch.state.head:
            channel.reached(batch.state.head)
        return decoded(batch, session.journal.codec)

    def checked(self, entries: Sequence[Stored]) -> Sequence[Stored]:
        """Move behind these entries. Raises `Rewound`."""
        for entry in entries:
            # A new writer begins with an entry that says so; where that is missing, it stands before this place.
            if self.fence and entry.fence != self.fence and (entry.kind, entry.fence) != ("takeover", self.fence + 1):
                self.channel.forget()
                raise Rewound
            self.seq, self.fence = entry.seq, entry.fence
        return entries
