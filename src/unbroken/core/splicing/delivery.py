"""The last stage: what comes out of it is in the reader's hands, and never taken back.

The beginning of a message is made to wait here until there is content, so that an attempt that dies before it leaves
no trace.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..message.partial import Partial
from ..wire.decoded import Event

__all__ = ["Delivery"]


class Delivery:
    """Delivers the events of one attempt, which are the message's by now, and folds them into what was delivered.

    Args:
        held: Everything that was delivered; what is delivered here is added to it.
    """

    def __init__(self, held: Partial) -> None:
        self._held = held
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
        return len(self._held.blocks) + len(waiting)

    def take(self) -> list[Event]:
        """What was delivered since this was asked last."""
        out, self._out = self._out, []
        return out

    def wait(self, events: Iterable[Event]) -> None:
        """Let these events wait for content, in their order."""
        self._waiting += events

    def begin(self, event: Event) -> None:
        """Let a `message_start` wait, unless it may be all of the message: no event has to follow one with content."""
        self._waiting.append(event)
        if event["message"].get("content"):
            self._release()

    def push(self, event: Event) -> None:
        """Deliver an event, and before it what has waited."""
        if self._waiting:
            self._release()
        self._held.apply(event)
        self._out.append(event)

    def keep_place(self, event: Event) -> None:
        """Deliver an event of which nobody knows whether it is content: before the message it waits like its start."""
        if self._held.message is None:
            self._waiting.append(event)
        else:
            self.push(event)

    def _release(self) -> None:
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            self._held.apply(event)
        self._out += waiting
