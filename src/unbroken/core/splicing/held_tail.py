"""Keeps back the end of a text while something may still become of it that is not to be delivered."""

from __future__ import annotations

from collections.abc import Callable, Sequence

__all__ = ["HeldTail", "Reason"]

#: Of a text that has not ended: how many characters of its end have to be kept back; 0 for none. The text begins with
#: what is kept back already; what has gone out before that is not shown.
Reason = Callable[[str], int]


class HeldTail:
    """A text that comes in pieces: all of it goes out, in order, but for an end that there is a reason to keep back.

    Args:
        reasons: Each is asked; the longest end counts. None at all: every piece goes out as it comes.

    Attributes:
        text: What is kept back.
    """

    def __init__(self, reasons: Sequence[Reason] = ()) -> None:
        self.text: str = ""
        self._reasons = tuple(reasons)

    @property
    def may_hold(self) -> bool:
        """Whether anything can ever be kept back."""
        return bool(self._reasons)

    def push(self, piece: str) -> str:
        """Take the next piece; return what may go out, "" for nothing."""
        if not self._reasons:
            return piece
        text = self.text + piece
        settled = len(text) - max([reason(text) for reason in self._reasons])
        self.text = text[settled:]
        return text[:settled]

    def end(self) -> str:
        """The text has ended, or what follows is none of it: return what was kept back."""
        rest, self.text = self.text, ""
        return rest
