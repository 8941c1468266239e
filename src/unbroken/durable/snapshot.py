"""What was delivered, in as few events as make it: what a late reader begins with."""

from __future__ import annotations

from ..core.message.partial import Partial
from ..core.wire.decoded import Event

__all__ = ["snapshot_of"]


def snapshot_of(partial: Partial) -> list[Event]:
    """The shortest sequence of events that brings this message: one delta for each block, as a rule.

    Half a tool call that was given up has no stop here either: nobody may take it for a whole one.
    """
    half = {
        index
        for index, block in enumerate(partial.blocks)
        if block.abandoned and block.type not in ("text", "thinking")
    }
    return [
        event for event in partial.events() if not (event["type"] == "content_block_stop" and event["index"] in half)
    ]
