"""The last stage: what comes out of it is in the reader's hands, and never taken back.

The beginning of a message is made to wait here until there is content, so that an attempt that dies before it leaves
no trace.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..message.partial import Partial
from ..wire.decoded import Event
from ..wire.deltas import as_delta

__all__ = ["Delivery"]


class Delivery:
    """Delivers the events of one attempt, which are the message's by now, and folds them into what was delivered.

    Args:
        partial: Everything that was delivered; what is delivered here is added to it.
    """

    def __init__(self, partial: Partial) -> None:
        self._partial = partial
        self._waiting: list[Event] = []
        self._out: list[Event] = []

    @property
    def waits(self) -> bool:
        """Whether something waits for content."""
        return bool(self._waiting)

    @property
    def next_index(self) -> int:
        """The index that the next block of the message gets."""
        waiting = [each for each in self._waiting if each.get("type") == "content_block_start"]
        return len(self._partial.blocks) + len(waiting)

    def take(self) -> list[Event]:
        """The events that were delivered since the last call."""
        out, self._out = self._out, []
        return out

    def wait(self, events: Iterable[Event]) -> None:
        """Let these events wait for content, in their order."""
        self._waiting += events

    def begin(self, event: Event) -> None:
        """Let a `message_start` wait for content. One that has content itself is delivered at once."""
        self._waiting.append(event)
        if event["message"].get("content"):
            self._release()

    def push(self, event: Event) -> None:
        """Deliver an event, and before it what has waited."""
        if self._waiting:
            self._release()
        self._deliver(event)

    def keep_place(self, event: Event) -> None:
        """Deliver an event of a type that is not known. Before `message_start` was delivered, it waits as that does."""
        if self._partial.message is None:
            self._waiting.append(event)
        else:
            self.push(event)

    def _release(self) -> None:
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            self._deliver(event)

    def _deliver(self, event: Event) -> None:
        # A stage that changes a delta makes a plain event of it; those behind this one take it for what it brings.
        delivered = as_delta(event) if event.get("type") == "content_block_delta" else event
        self._partial.apply(delivered)
        self._out.append(delivered)
