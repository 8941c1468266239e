"""Keeps a server-side tool's call back until its result is there.

A call without its result cannot be sent back, so a resume has to leave it out and the model makes it anew. If it had
been delivered, the reader would have it twice. So the call, and whatever comes before its result, waits for the result.
"""

from __future__ import annotations

from collections.abc import Collection

from ..message.blocks import CALLS, SERVER_USES, used_by
from ..wire.decoded import Event

__all__ = ["Pairing"]


class Pairing:
    """One attempt's events, in their order: held from a call on until every call has its result.

    They are released early by what shows that no result will come: the caller's own turn (a call inside a server-side
    tool's run), or the end of the message (`pause_turn`).

    Args:
        live: The block types that are delivered as they grow; a call among them is not held.
    """

    def __init__(self, live: Collection[str]) -> None:
        self._held_types = frozenset(SERVER_USES) - frozenset(live)
        self._waiting: list[Event] = []
        self._unpaired: set[str] = set()
        self._answers: str | None = None  # the call whose result is arriving
        self._calling = False  # a call of the caller's own is arriving

    def push(self, event: Event) -> list[Event]:
        """Take one event; return those that may go on."""
        type_ = event.get("type")
        if type_ == "content_block_start":
            self._start(event["content_block"])
        if not self._unpaired and not self._waiting:
            return [event]
        self._waiting.append(event)
        if type_ == "content_block_stop":
            self._unpaired.discard(self._answers or "")
            if self._calling:
                self._unpaired.clear()
        elif type_ == "message_stop" or (type_ == "message_delta" and event["delta"].get("stop_reason")):
            self._unpaired.clear()
        if self._unpaired:
            return []
        released, self._waiting = self._waiting, []
        return released

    def _start(self, block: Event) -> None:
        type_ = block.get("type")
        self._calling = type_ in CALLS
        self._answers = None
        identity = used_by(block)
        if identity is None:
            return
        if type_ in self._held_types:
            self._unpaired.add(identity)
        elif type_ not in SERVER_USES:
            self._answers = identity
