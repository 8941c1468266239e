"""Blocks for a reader that cannot be told that one was given up: all but text is held until it is whole."""

from __future__ import annotations

from ..core.message.partial import Partial
from ..core.wire.decoded import Event

__all__ = ["WholeBlocks"]

#: What says that the message has no more blocks.
_ENDING = ("message_delta", "message_stop")


class WholeBlocks:
    """Takes the events of one stream in their order, and gives those of what is part of its message.

    Who has written the stream may have delivered thinking as it grew, and somebody else has given it up then. A block
    that is left out has no index either: those behind it move up.

    Args:
        partial: The message of the stream; it is as far as its events, or further.
    """

    __slots__ = ("_given_up", "_held", "_partial")

    def __init__(self, partial: Partial) -> None:
        self._partial = partial
        self._held: list[Event] = []
        self._given_up = 0

    def push(self, event: Event) -> list[Event]:
        """What can be handed over now."""
        match event["type"]:
            case "content_block_start":
                # Half a tool call that was given up has no stop.
                self._drop()
                if event["content_block"].get("type") != "text":
                    self._held = [event]
                    return []
            case "content_block_delta" if self._held:
                self._held.append(event)
                return []
            case "content_block_stop" if self._held:
                held, self._held = [*self._held, event], []
                if self._partial.blocks[event["index"]].abandoned:
                    self._given_up += 1
                    return []
                return [self._moved(each) for each in held]
            case type_ if type_ in _ENDING:
                self._drop()
        return [self._moved(event)]

    def _drop(self) -> None:
        if self._held:
            self._held = []
            self._given_up += 1

    def _moved(self, event: Event) -> Event:
        if not self._given_up or "index" not in event:
            return event
        return {**event, "index": event["index"] - self._given_up}
