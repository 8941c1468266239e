"""A stream's log, folded: what was delivered, what was asked, and what whoever goes on has to know."""

from __future__ import annotations

from typing import Any

from ..core.message.blocks import THINKING
from ..core.message.partial import Partial
from ..core.wire.decoded import Event
from ..core.wire.deltas import Delta, as_delta
from ..engine.begun import Begun
from ..report import AttemptReport, Report, attempt_of
from .entries import Stored

__all__ = ["Fold"]


class Fold:
    """Takes entries in their order, and says how the stream stands after them.

    Attributes:
        partial: What was delivered.
        request: The body of the `request` entry; None before it.
        end: The body of the `end` entry, where nothing stands behind it; None: it has not ended.
        futile: How many writers in a row were lost without having brought a character that is kept.
        readable: Whether every entry is one that this version knows.
        head: The number of the last entry.
        fence: Of the last entry.
        last_event: The last entry that brought an event; None: there was none.
    """

    def __init__(self) -> None:
        self.partial: Partial = Partial()
        self.request: dict[str, Any] | None = None
        self.end: dict[str, Any] | None = None
        self.futile: int = 0
        self.readable: bool = True
        self.head: int = 0
        self.fence: int = 0
        self.last_event: Stored | None = None
        self._acted = False
        self._unknown = False
        self._thinker: str | None = None
        self._asked = False  # under this fence
        self._kept = 0  # when the writers in a row began
        self._attempts: dict[int, AttemptReport] = {}
        self._failed_after = 0  # the number of the last request before it was asked for once more
        self._open: set[int] = set()

    def take(self, stored: Stored) -> Event | None:
        """Take the next entry. Returns the event that it brings, if it brings one."""
        self.fence, self.head, kind, body = stored
        if kind == "event":
            self.last_event = stored
            return self._take_event(body)
        match kind:
            case "attempt":
                self._note(body, open_=True)
            case "told":
                self._note(body, open_=False)
            case "acted":
                self._acted = True
            case "unknown":
                self._unknown = True
            case "abandoned":
                self._abandon(body)
            case "takeover":
                self._take_over(stored.seq, waits=bool(body.get("waits")))
            case "request":
                self.request = body
            case "end":
                self.end = body
            case None:
                self.readable = False
        return None

    def _take_event(self, body: dict[str, Any]) -> Event:
        event = body
        if not isinstance(body, Delta) and body.get("type") == "content_block_delta":
            event = as_delta(body)
        self.partial.apply(event)
        if isinstance(event, Delta):
            return event
        if event.get("type") == "content_block_stop" and 0 <= event["index"] < len(self.partial.blocks):
            block = self.partial.blocks[event["index"]]
            if block.type in THINKING and not block.abandoned:
                self._thinker = self._feeding()
        return event

    def _feeding(self) -> str | None:
        """The model of the attempt that brings what comes: that of the one that is open."""
        return self._attempts[max(self._open)].model if self._open else self._thinker

    def _note(self, body: dict[str, Any], *, open_: bool) -> None:
        attempt = attempt_of(body)
        self._attempts[attempt.number] = attempt
        if open_:
            self._asked = True
            self._open.add(attempt.number)
        else:
            self._open.discard(attempt.number)

    def _take_over(self, seq: int, *, waits: bool) -> None:
        """Another writes from here on: the one before was lost, has left, or has never begun."""
        kept = self._length_kept()
        if self.end is not None or kept > self._kept:
            # Also one that had ended, and is asked for once more by its caller, is begun with new courage.
            self.futile, self._kept = 0, kept
        if self.end is not None:
            self._failed_after = max(self._attempts, default=0)
        attempts = [self._attempts[number] for number in self._open]
        unended = [attempt for attempt in attempts if attempt.outcome != "orphaned"]
        if self.end is None and (unended or not self._asked) and seq > 2:
            self.futile += 1
        for attempt in unended:
            attempt.outcome = "orphaned"
        self.end = None
        self._asked = waits  # who only waits is not lost

    def _length_kept(self) -> int:
        """How much there is that whoever goes on keeps: text, and what else is whole. Half a thought is not."""
        kept = [block for block in self.partial.blocks if not block.abandoned]
        return sum(len(block.text) if block.type == "text" else int(block.closed) for block in kept)

    def _abandon(self, index: object) -> None:
        # It stands before the event that closes the block, and behind the one that opened it.
        if isinstance(index, int) and 0 <= index < len(self.partial.blocks):
            block = self.partial.blocks[index]
            block.abandoned = True
            # Half a tool call never gets its stop (`Splicer`), and is done with all the same.
            block.closed = block.closed or block.type not in ("text", "thinking")

    @property
    def report(self) -> Report:
        """How it went, as far as it was written down."""
        if self.end is not None and "report" in self.end:
            return Report.from_dict(self.end["report"])
        return Report(attempts=[self._attempts[number] for number in sorted(self._attempts)])

    def begun(self) -> Begun:
        """What whoever goes on begins with."""
        cut, self._open = bool(self._open), set()
        return Begun(
            partial=self.partial.copy(),
            acted=self._acted,
            unknown=self._unknown or not self.readable,
            cut=cut,
            thinker=self._thinker,
            attempts=self.report.attempts,
            failed_after=self._failed_after,
        )
