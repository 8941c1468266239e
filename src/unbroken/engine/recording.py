"""What writes a stream down as it goes: every request before it is sent, every event before anybody sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..core.failure import Failure
from ..core.splicing.splicer import Splicer
from ..report import AttemptReport
from .exchange import Exchange
from .feed import EventFeed

__all__ = ["RecordedExchange", "Recording"]


class Recording(Protocol):
    """Where one stream is written down."""

    def feed(self, splicer: Splicer) -> EventFeed:
        """What takes the events that `splicer` has delivered, in place of the feed that a reader takes from."""
        ...

    async def sending(self, attempt: AttemptReport) -> None:
        """A request is about to be sent: return when that is written down. What it raises ends the stream."""
        ...

    def ended(self, attempt: AttemptReport) -> None:
        """It is over. It may be said more than once of the same."""
        ...


@dataclass(slots=True, kw_only=True)
class RecordedExchange(Exchange):
    """A request that is written down before it is sent, and after it has ended.

    Attributes:
        recording: Where.
    """

    recording: Recording

    async def open(self) -> bool:
        await self.recording.sending(self.recorder.entry)
        return await Exchange.open(self)

    def completed(self) -> None:
        Exchange.completed(self)
        self.recording.ended(self.recorder.entry)

    def failed(self, failure: Failure) -> None:
        Exchange.failed(self, failure)
        self.recording.ended(self.recorder.entry)

    def lost(self, input_tokens: int) -> None:
        Exchange.lost(self, input_tokens)
        self.recording.ended(self.recorder.entry)

    def cancelled(self) -> None:
        Exchange.cancelled(self)
        self.recording.ended(self.recorder.entry)
