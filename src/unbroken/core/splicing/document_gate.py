"""Holds the continuation of a document until the whole is known to be the document that was asked for.

It was made without the constraint that the first request was made under, so nothing of it is sure before its end; and
nothing that was delivered could be taken back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..wire.decoded import Event

__all__ = ["DocumentGate"]

#: How a turn ends whose document should be whole; one that does not say why it ends is known by its text alone.
_WHOLE: Final = ("end_turn", "stop_sequence", None)


class DocumentGate:
    """Lets one attempt's events through at its end, or not at all; all at once where no document was asked for.

    Args:
        is_document: Whether the whole text is the document that was asked for. None: anything is.
        text_with: The text that the message will have with these events, in characters; None where they cannot be
            joined, which is for a later stage to tell.

    Attributes:
        refused: Whether the attempt has not made the document: nothing of it goes on.
    """

    def __init__(
        self, is_document: Callable[[str], bool] | None, text_with: Callable[[list[Event]], str | None]
    ) -> None:
        self.refused: bool = False
        self._is_document = is_document
        self._text_with = text_with
        self._partial: list[Event] = []

    def push(self, event: Event) -> list[Event]:
        """Take one event; return those that may go on."""
        if self._is_document is None:
            return [event]
        self._partial.append(event)
        stop_reason = event["delta"].get("stop_reason") if event.get("type") == "message_delta" else None
        if stop_reason is None and event.get("type") != "message_stop":
            return []
        is_document, self._is_document = self._is_document, None
        events, self._partial = self._partial, []
        self.refused = not self._may_pass(events, stop_reason, is_document)
        return [] if self.refused else events

    def _may_pass(self, events: list[Event], stop_reason: str | None, is_document: Callable[[str], bool]) -> bool:
        if stop_reason in _WHOLE:
            text = self._text_with(events)
            return text is None or is_document(text)
        # The tokens ended because the attempt was not constrained, and half a document is none. A refusal is told
        # as that of any other answer.
        return stop_reason == "refusal"
