"""Blocks one after another, as the API writes them.

A gateway may write several at a time, and the SDK takes that. Here the one that began first is passed on as it grows,
and what comes of the others waits until it is closed: a reader gets one block at a time, in the order in which they
began. A block that is never closed keeps the others back until the message ends.
"""

from __future__ import annotations

from ..wire.decoded import Event

__all__ = ["BlockOrder"]


class BlockOrder:
    """Takes the events of one attempt, which keep the grammar, and returns them block by block."""

    def __init__(self) -> None:
        self._waiting: dict[int, list[Event]] = {}  # by index, the blocks that are open or wait; the first is passed on

    def push(self, event: Event) -> list[Event]:
        """Take one event; return those that go on."""
        match event:
            case {"type": "content_block_start" | "content_block_delta" | "content_block_stop", "index": index}:
                return self._of_a_block(event, index)
            case {"type": "message_delta", "delta": {"stop_reason": str()}} | {"type": "message_stop"}:
                return [*self._rest(), event]
            case _:
                return [event]

    def _of_a_block(self, event: Event, index: int) -> list[Event]:
        if event["type"] == "content_block_start":
            self._waiting[index] = []
        if index != next(iter(self._waiting)):
            self._waiting[index].append(event)
            return []
        if event["type"] != "content_block_stop":
            return [event]
        del self._waiting[index]
        return [event, *self._next()]

    def _next(self) -> list[Event]:
        """What has waited, up to a block that is not closed: that one is passed on from now on."""
        events: list[Event] = []
        for index in [*self._waiting]:
            events += self._waiting[index]
            if not (events and events[-1]["type"] == "content_block_stop"):
                self._waiting[index] = []
                break
            del self._waiting[index]
        return events

    def _rest(self) -> list[Event]:
        waiting, self._waiting = self._waiting, {}
        return [event for events in waiting.values() for event in events]
