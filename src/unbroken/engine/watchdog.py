"""Whether one attempt still brings something, and how long its next read may take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..core.failure import Kind
from ..core.wire.decoded import CONTENT, Event
from ..sdk.timeouts import Timeouts
from .progress import Progress

if TYPE_CHECKING:
    from .pace import Pace

__all__ = ["Overdue", "Watchdog"]


class Overdue(NamedTuple):
    """Why an attempt is given up.

    Attributes:
        kind: `STALLED` or `SLOW`.
        what: What did not come, and for how long, in a clause.
    """

    kind: Kind
    what: str


class Watchdog:
    """Counts how long one attempt has brought nothing. Only waiting counts, and looking at what has come.

    Args:
        timeouts: How long it may take.

    Attributes:
        content: Whether content has come.
        limit: How long it may go on without progress, in seconds.
    """

    __slots__ = ("_pace", "_progress", "_quiet", "_timeouts", "_waited", "content", "limit")

    def __init__(self, timeouts: Timeouts) -> None:
        self.content: bool = False
        self.limit: float = timeouts.first_content
        self._timeouts = timeouts
        self._quiet = True  # nothing but bytes has come since the last progress
        self._waited = 0.0  # since the last progress, in seconds
        self._progress = Progress()
        self._pace: Pace | None = None
        if timeouts.chars_per_second is not None:
            from .pace import Pace  # most streams may be as slow as they like

            self._pace = Pace(timeouts.chars_per_second, timeouts.pace_window)

    def patience(self) -> float | None:
        """How long the next read may take, in seconds; None where the transport's own bound comes first.

        A read that was cut short cannot be taken up again: whatever bounds it ends the attempt.
        """
        left = self.limit - self._waited
        if self._pace is not None:
            return min(left, self._pace.patience)
        if self._quiet or self.limit < self._timeouts.idle:
            return left
        self._quiet = True  # until there turns out to be progress in what is read
        return None

    def ran_out(self, patience: float) -> Overdue:
        """Why the attempt is given up after a read that has brought nothing in `patience` seconds."""
        return self._slow() if patience < self.limit - self._waited else self._no_content()

    def waited(self, seconds: float) -> Overdue | None:
        """Count a read that has waited so long. Returns why the attempt is given up; None: it may go on."""
        self._waited += seconds
        return self._slow() if self._pace is not None and self._pace.waited(seconds) else None

    def looked(self, seconds: float) -> None:
        """Count the time that it took to look at what a read has brought, where that was no progress."""
        self._waited += seconds

    def brings(self, events: Sequence[Event]) -> bool:
        """Whether these events, which have come together, are progress."""
        if not self.content and any(event["type"] in CONTENT for event in events):
            self.content, self.limit = True, self._timeouts.progress
        if self._pace is not None and self.content:
            for event in events:
                self._pace.came(event)
        if not self._progress.has_come(events):
            return False
        self._quiet, self._waited = False, 0.0
        return True

    @property
    def overdue(self) -> Overdue | None:
        """Why the attempt is given up where what has come is no progress; None: it may go on."""
        return self._no_content() if self._waited >= self.limit else None

    def _no_content(self) -> Overdue:
        return Overdue(Kind.STALLED, f"no content for {self.limit:g} s")

    def _slow(self) -> Overdue:
        limits = self._timeouts
        what = f"fewer than {limits.chars_per_second:g} characters a second for {limits.pace_window:g} s"
        return Overdue(Kind.SLOW, what)
