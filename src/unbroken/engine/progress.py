"""Which events count as progress: those that bring something to the message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..core.wire.decoded import Event
from ..core.wire.deltas import Delta

__all__ = ["BLANK", "MARKS", "Progress"]

#: How many characters of white space count, one after another. Ours: more than any layout or indented code has in a
#: row, and a model that writes nothing else has lost its way.
BLANK: Final = 1000
#: How many starts of blocks and signatures count, one after another. Ours: a thought that is not shown, and the text
#: behind it, have three.
MARKS: Final = 4


class Progress:
    """Judges the events of one attempt.

    A delta with something in it is progress: text, thinking, input of a tool, a citation. White space alone is, up to
    `BLANK` characters in a row. The start of a block, and a signature, are up to `MARKS` times in a row: thinking that
    is not shown has both, and nothing between them. A delta with nothing in it is none, nor is any other event.
    """

    __slots__ = ("_blank", "_marks")

    def __init__(self) -> None:
        self._marks = 0  # starts and signatures since something came
        self._blank = 0

    def has_come(self, events: Sequence[Event]) -> bool:
        """Whether there is progress in the events of one read, which are as `EventReader` gives them."""
        blank = marks = 0
        for event in reversed(events):  # of what comes, the last is likely to be content
            if isinstance(event, Delta) and event.field is not None:
                brings = event.length > 0 and not event.piece.isspace()
                blank += event.length
            elif isinstance(event, Delta):
                brings = _is_more_than_a_mark(event)
                marks += event.kind == "signature_delta"
            elif event["type"] == "content_block_start":
                brings = _has_content(event)
                marks += 1
            else:
                continue
            if brings:
                self._marks = self._blank = 0
                return True
        self._marks += marks
        is_marked = bool(marks) and self._marks <= MARKS
        self._blank += blank
        return is_marked or (bool(blank) and self._blank <= BLANK)


def _is_more_than_a_mark(event: Delta) -> bool:
    """Whether a delta that brings nothing written brings something: a citation, or what this version does not know.

    It is not judged by what is in that. A signature is a mark.
    """
    return event.kind != "signature_delta" and any(event["delta"][name] for name in event["delta"] if name != "type")


def _has_content(event: Event) -> bool:
    """Whether the start of a block brings something itself: the result of a tool, thinking that is redacted."""
    block = event["content_block"]
    return any(block.get(name) for name in ("content", "data", "text", "thinking", "input"))
