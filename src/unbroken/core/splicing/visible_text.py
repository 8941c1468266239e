"""A text block is kept back until something of it can be seen: white space alone cannot be resumed from.

Of a block that can be seen, an end that may not be delivered yet is kept back too (`held_tail.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..message.partial import Partial
from ..wire.decoded import Event
from .delivery import Delivery
from .held_tail import HeldTail

__all__ = ["VisibleText"]


class VisibleText:
    """The text blocks of one attempt, one after the other, on their way to delivery. Indices are those of the message.

    Args:
        partial: Everything that was delivered, as `delivery` adds to it.
        delivery: Where they go.
        tail: What keeps back the ends of texts.
        is_live: Whether text is delivered as it grows. If not, a block that begins in this attempt is shown at its end.
    """

    def __init__(self, partial: Partial, delivery: Delivery, tail: HeldTail, *, is_live: bool) -> None:
        self._partial = partial
        self._delivery = delivery
        self._tail = tail
        self._is_live = is_live
        self._unseen: list[Event] = []
        self._may_be_dropped = False
        self._blank: list[Event] = []  # a whole block, opened for the text to go on in, until more follows

    @property
    def passes(self) -> bool:
        """Whether any text of the current block would be delivered at once, with nothing kept back."""
        return not (self._tail.may_hold or self._unseen or self._delivery.waits)

    def begin(self, block: dict[str, Any]) -> int:
        """Begin a block with the `content_block` of its start; return its index."""
        index = self._delivery.next_index
        self._unseen = [{"type": "content_block_start", "index": index, "content_block": block}]
        if str(block.get("text") or "").strip():
            self._show()
        return index

    def go_on(self) -> int:
        """The index of the block that a text goes on in: the open one, or a new one, forgotten if it stays blank."""
        if self._partial.open_block is not None:
            return len(self._partial.blocks) - 1
        if not self._unseen:
            self.begin({"type": "text", "text": ""})
            self._may_be_dropped = True
        return int(self._unseen[0]["index"])

    def go_on_with(self, text: str) -> None:
        """Go on with more text, in a new block if none is open. An empty text begins no block."""
        if text:
            self.push(self.go_on(), text)

    def push(self, index: int, text: str, event: Event | None = None) -> None:
        """Take more text of a block.

        Args:
            index: The block's.
            text: The text, in characters.
            event: The delta that has brought exactly this text, which goes on itself where nothing of it changes.
                None: there is no such; then no delta is made for no text.
        """
        settled = self._tail.push(text)
        if settled != text:
            event = None
        if not settled and (event is None or self._tail.may_hold):
            return
        delta = event if event is not None and event["index"] == index else _text_delta(index, settled)
        if self._unseen:
            self._unseen.append(delta)
            if self._is_live and settled.strip():
                self._show()
            return
        self._delivery.push(delta)

    def push_other(self, event: Event) -> None:
        """Take a delta that brings no text: it comes after what was kept back, and not before it can be seen."""
        if not self._unseen:
            self.flush(event["index"])
            self._delivery.push(event)
            return
        can_be_seen = bool(self._tail.text.strip())
        self._unseen += [*self._rest(event["index"]), event]
        if self._is_live and can_be_seen:
            self._show()

    def keep_place(self, event: Event) -> None:
        """Take an event that belongs to no block that is known: it does not overtake one that waits."""
        if self._unseen or self._blank:
            (self._unseen or self._blank).append(event)
        else:
            self._delivery.keep_place(event)

    def deliver_whole(self, block: Sequence[Event]) -> None:
        """Deliver a block of text that is whole by now; a blank one waits for what follows, as where text is live.

        Args:
            block: Its events, from its start to its stop, with the index that they have come with.
        """
        self.close()
        index = self.begin(block[0]["content_block"])
        for event in block[1:]:
            ours = {**event, "index": index}
            if event["type"] == "content_block_stop":
                self.end(ours)
            elif event["delta"].get("type") == "text_delta":
                self.push(index, event["delta"]["text"], ours)
            else:
                self.push_other(ours)

    def flush(self, index: int) -> None:
        """Deliver all that was kept back of a block: no more is known to come."""
        for event in self._rest(index):
            if self._unseen:
                self._unseen.append(event)
            else:
                self._delivery.push(event)
        self._show()

    @property
    def is_blank(self) -> bool:
        """Whether a block has begun of which nothing can be seen yet.

        What is no text can be seen, but in a block that was opened for the text to go on in: it cites the text there.
        """
        if not self._unseen or self._tail.text.strip():
            return False
        return not any(_is_visible(event, cited=not self._may_be_dropped) for event in self._unseen)

    def end(self, stop: Event) -> None:
        """End a block with its stop. One of white space alone waits for what follows it."""
        if not self.is_blank:
            self.flush(stop["index"])
            self._delivery.push(stop)
            return
        whole = [*self._unseen, *self._rest(stop["index"]), stop]
        self._unseen = []
        if not self._may_be_dropped:
            self._delivery.wait(whole)
        elif any((event.get("delta") or {}).get("text") for event in whole):
            self._blank = whole
        else:
            self._forget(whole)  # what was written there was repetition, and no block of the answer's
        self._may_be_dropped = False

    @property
    def _is_open(self) -> bool:
        return self._partial.open_block is not None and self._partial.open_block.type == "text"

    def settle(self) -> None:
        """No more text comes for the open block: deliver what was kept back of it, unless all of it is blank."""
        if self._may_be_dropped and self.is_blank:
            self._tail.end()
            self._forget(self._unseen)
            self._unseen, self._may_be_dropped = [], False
        elif self._unseen:
            self.flush(self._unseen[0]["index"])
        elif self._is_open:
            self.flush(len(self._partial.blocks) - 1)

    def close(self) -> None:
        """End the block that is open before another begins. An earlier attempt may have left it open."""
        self.settle()
        if self._is_open:
            self._delivery.push({"type": "content_block_stop", "index": len(self._partial.blocks) - 1})
            return
        blank, self._blank = self._blank, []
        self._delivery.wait(blank)

    def finish(self) -> None:
        """The message ends: close the open block, but drop one that was opened for a continuation and is blank."""
        blank, self._blank = self._blank, []
        self._forget(blank)
        self.close()

    def _forget(self, block: Iterable[Event]) -> None:
        """Drop a block, but deliver the events of unknown types that have waited among its own."""
        for event in block:
            if not str(event.get("type")).startswith("content_block_"):
                self._delivery.push(event)

    def _show(self) -> None:
        unseen, self._unseen = self._unseen, []
        self._may_be_dropped = False
        for event in unseen:
            self._delivery.push(event)

    def _rest(self, index: int) -> list[Event]:
        rest = self._tail.end()
        return [_text_delta(index, rest)] if rest else []


def _is_visible(event: Event, *, cited: bool) -> bool:
    """Whether something of a block can be seen by this event; `cited`: whether what is no text counts."""
    brought = event.get("content_block") or event.get("delta") or {}
    if brought.get("type") in ("text", "text_delta"):
        return bool(str(brought.get("text") or "").strip())
    return cited


def _text_delta(index: int, text: str) -> Event:
    return {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text}}
