"""What counts as progress: events that bring something, and not events alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..core.wire.decoded import Event

__all__ = ["BLANK", "MARKS", "Progress"]

#: How many characters of white space count, one after another. Ours: more than any layout or indented code has in a
#: row, and a model that writes nothing else has lost its way.
BLANK: Final = 1000
#: How many starts of blocks and signatures count, one after another. Ours: a thought that is not shown, and the text
#: behind it, have three.
MARKS: Final = 4


class Progress:
    """Judges what comes of one attempt.

    A delta with something in it is progress: text, thinking, input of a tool, a citation. White space alone is, up to
    `BLANK` characters in a row. The start of a block, and a signature, are up to `MARKS` times in a row: thinking that
    is not shown has both, and nothing between them. A delta with nothing in it is none, nor is any other event.
    """

    __slots__ = ("_blank", "_marks")

    def __init__(self) -> None:
        self._marks = 0  # starts and signatures since something came
        self._blank = 0

    def has_come(self, events: Sequence[Event]) -> bool:
        """Whether these events, which have come together, bring something. They have passed `is_event`."""
        blank = marks = 0
        for event in reversed(events):  # of what comes, the last is likely to be content
            type_ = event.get("type")
            if type_ == "content_block_delta":
                brought = _in_delta(event)
            elif type_ == "content_block_start":
                brought, marks = _in_block(event), marks + 1
            else:
                continue
            if brought is None:
                marks += 1
            elif brought and not brought.isspace():
                self._marks = self._blank = 0
                return True
            else:
                blank += len(brought)
        self._marks += marks
        is_marked = bool(marks) and self._marks <= MARKS
        self._blank += blank
        return is_marked or (bool(blank) and self._blank <= BLANK)


def _in_delta(event: Event) -> str | None:
    """What a delta brings, as text; None for a signature."""
    delta = event["delta"]
    match delta.get("type"):
        case "text_delta":
            return str(delta.get("text", ""))
        case "thinking_delta":
            return str(delta.get("thinking", ""))
        case "input_json_delta":
            return str(delta.get("partial_json", ""))
        case "signature_delta":
            return None
    # A citation, or what this version does not know: it is not judged by what is in it.
    return "something" if any(value for name, value in delta.items() if name != "type") else ""


def _in_block(event: Event) -> str:
    """What the start of a block brings itself, as text: the result of a tool, thinking that is redacted."""
    block = event["content_block"]
    return "something" if any(block.get(name) for name in ("content", "data", "text", "thinking", "input")) else ""
