"""The live end of one stream's log, in one process: readers take from it what the journal was asked for once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ..concurrency.detached import Wakeup, wakeups
from ..journal import StreamState
from .entries import Stored

__all__ = ["Channel"]

#: How many of the last entries are kept for readers. Who is further behind reads the journal.
_RECENT: Final = 128


class Channel:
    """The last entries of one stream that this process knows of.

    Attributes:
        stream_id: Whose.
        head: The number of the last entry that is known of; 0: none is.
        forgotten: How often what was known here was forgotten; who knows of an earlier time has to ask the journal.
        created: When the stream was created whose entries these are, as the journal says; None: that is not known. An
            id may get another stream, once the first was deleted.
        written_here: Whether this process writes the stream, and so knows of every entry first.
        error: Why what others write cannot be followed; None while it can.
        away_since: Since when the journal has been away, in monotonic seconds; None: it is not, as far as is known.
    """

    __slots__ = (
        *("__weakref__", "_make_wakeup", "_recent", "_waiting"),
        *("away_since", "created", "error", "forgotten", "head", "stream_id", "written_here"),
    )

    def __init__(self, stream_id: str) -> None:
        self.stream_id: str = stream_id
        self.head: int = 0
        self.forgotten: int = 0
        self.created: float | None = None
        self.written_here: bool = False
        self.error: Exception | None = None
        self.away_since: float | None = None
        self._recent: list[Stored] = []
        self._waiting: list[Wakeup] = []
        self._make_wakeup: Callable[[], Wakeup] = wakeups()

    def publish(self, entries: Sequence[Stored]) -> None:
        """Entries that the journal has, in their order; those that are known already are passed over."""
        new = [entry for entry in entries if entry.seq > self.head]
        if not new:
            return
        if self._recent and new[0].seq != self._recent[-1].seq + 1:
            self._recent.clear()
        self._recent += new
        if len(self._recent) > 2 * _RECENT:
            del self._recent[:-_RECENT]
        self.head = new[-1].seq
        self.wake()

    def saw(self, state: StreamState) -> bool:
        """The journal says how the stream stands. False: it is another one; what was known here is forgotten."""
        is_same = self.created in (None, state.created)
        if not is_same:
            self.forget()
        self.created = state.created
        return is_same

    def forget(self) -> None:
        """The journal has lost entries, or has another stream of the same id: what is known here holds no more."""
        self.head = 0
        self.forgotten += 1
        self.created = None
        self._recent.clear()
        self.wake()

    def after(self, seq: int) -> Sequence[Stored] | None:
        """The entries behind this number. None: they are not here, but may be in the journal."""
        if self.head <= seq:
            return () if self.head else None
        recent = self._recent
        if not recent or recent[0].seq > seq + 1:
            return None
        return recent[seq + 1 - recent[0].seq :]

    def reached(self, head: int) -> None:
        """The journal has entries up to this number."""
        if head > self.head:
            self.head = head
            self._recent.clear()

    def follows(self) -> None:
        """What others write is followed."""
        self.error = self.away_since = None

    def fail(self, error: Exception, away_since: float | None) -> None:
        """What others write cannot be followed; let those know who wait."""
        self.error, self.away_since = error, away_since
        self.wake()

    def wake(self) -> None:
        """Let everybody look who waits."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.set()

    async def change(self) -> None:
        """Wait until there may be something to look at."""
        changed = self._make_wakeup()
        self._waiting.append(changed)
        try:
            await changed.wait()
        finally:
            if changed in self._waiting:
                self._waiting.remove(changed)
