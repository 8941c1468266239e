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
        rewinds: How often the journal has been found to have lost entries: who has read before has to look again.
        written_here: Whether this process writes the stream, and so knows of every entry first.
        gone: Whether there is no such stream any more.
        created: When it was created; None: that is not known. One that was deleted may have got a namesake since.
        error: Why what others write cannot be followed; None while it can.
        away_since: Since when it cannot, in monotonic seconds.
    """

    __slots__ = (
        *("__weakref__", "_make_wakeup", "_recent", "_waiting"),
        *("away_since", "created", "error", "gone", "head", "rewinds", "stream_id", "written_here"),
    )

    def __init__(self, stream_id: str) -> None:
        self.stream_id: str = stream_id
        self.head: int = 0
        self.rewinds: int = 0
        self.written_here: bool = False
        self.gone: bool = False
        self.created: float | None = None
        self.error: Exception | None = None
        self.away_since: float = 0.0
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
        self.error = None
        self.wake()

    def seen(self, head: int) -> None:
        """The journal has entries up to this number."""
        if head > self.head:
            self.head = head
            self._recent.clear()

    def rewound(self) -> None:
        """The journal has lost entries: nothing that is known here holds any more."""
        self.head = 0
        self.rewinds += 1
        self._recent.clear()
        self.wake()

    def is_of(self, state: StreamState) -> bool:
        """Whether this is the stream, and not one of the same name that was there before or came after it."""
        if self.created is None:
            self.created = state.created
        return self.created == state.created

    def leave(self) -> None:
        """There is no such stream any more."""
        self.gone = True
        self.wake()

    def is_away(self, error: Exception, since: float) -> None:
        """What others write cannot be followed, since so many monotonic seconds."""
        if self.error is None:
            self.away_since = since
        self.error = error
        self.wake()

    def is_back(self) -> None:
        """It can be asked."""
        self.error = None

    def after(self, seq: int) -> Sequence[Stored] | None:
        """The entries behind this number. None: they are not here, but may be in the journal."""
        if self.head <= seq:
            return () if self.head else None
        recent = self._recent
        if not recent or recent[0].seq > seq + 1:
            return None
        return recent[seq + 1 - recent[0].seq :]

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
