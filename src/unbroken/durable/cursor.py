"""A reader's place in one stream's log."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import anyio

from ..journal import JournalCorrupt, JournalError, JournalUnavailable, StreamGone, StreamState
from .channel import Channel
from .entries import Stored
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

    __slots__ = ("_channel", "_patience", "_rewinds", "_session", "_stream_id", "fence", "seq", "state")

    def __init__(self, session: Session, stream_id: str, *, patience: float = PATIENCE) -> None:
        self._session = session
        self._stream_id = stream_id
        self._patience = patience
        self._channel: Channel | None = None
        self._rewinds = 0  # of the channel, when the journal was asked last
        self.seq: int = 0
        self.fence: int = 0
        self.state: StreamState | None = None

    @property
    def channel(self) -> Channel:
        """The live end of the stream, as it is when it is first asked for."""
        channel = self._channel
        if channel is None:
            channel = self._channel = self._session.channel(self._stream_id)
        return channel

    @property
    def is_at_head(self) -> bool:
        """Whether there is nothing behind it that this process knows of."""
        state = self.state
        return self.seq >= self.channel.head and (state is None or self.seq >= state.head)

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
                if self.is_at_head and not channel.gone:
                    with anyio.CancelScope(deadline=self._until()):
                        await channel.change()
            entries = self._known() or ()
        return self.checked(entries)

    def _until(self) -> float:
        """How long may be waited, in monotonic seconds. Raises why nothing can be waited for."""
        error, until = self.channel.error, self.channel.away_since + self._patience
        if error is None:
            return math.inf
        if isinstance(error, JournalUnavailable) and anyio.current_time() < until:
            return until
        # Each reader raises one of its own: what is raised over and over keeps all who have raised it.
        for kind in (JournalUnavailable, JournalCorrupt, JournalError):
            if isinstance(error, kind):
                raise kind(str(error)) from error
        raise JournalError(f"the journal has raised {type(error).__name__}") from error

    def _known(self) -> Sequence[Stored] | None:
        """What the channel has; None: nothing that could follow here."""
        channel = self.channel
        return channel.after(self.seq) if self._rewinds == channel.rewinds else None

    async def read(self, limit: int = 1000) -> Sequence[Stored]:
        """The next entries that the journal has now; none where there are none. Raises what `next` raises."""
        channel = self.channel
        if self.state is not None and self.is_at_head and self._known() == () and not channel.gone:
            return ()
        session, self._rewinds = self._session, channel.rewinds
        found = None if channel.gone else await session.read(channel, self.seq, limit, self._patience)
        if found is None:
            raise StreamGone("there is no such stream in the journal, or none any more")
        self.state = found.state
        if found.state.head < self.seq:
            channel.rewound()
            raise Rewound
        if not found.entries:
            channel.seen(found.state.head)
        return found.entries

    def checked(self, entries: Sequence[Stored]) -> Sequence[Stored]:
        """Move behind these entries. Raises `Rewound`."""
        for entry in entries:
            # A new writer begins with an entry that says so; where that is missing, it stands before this place.
            if self.fence and entry.fence != self.fence and (entry.kind, entry.fence) != ("takeover", self.fence + 1):
                self.channel.rewound()
                raise Rewound
            self.seq, self.fence = entry.seq, entry.fence
        return entries
