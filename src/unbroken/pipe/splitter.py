"""Cutting a text that arrives in pieces of any size: what all splitters share, and the two simplest, words and lines.

The law of every splitter: the pieces joined are the text, none is empty, how the text was chunked changes none of them,
and each is given out as soon as nothing that may follow could change it. For that, white space belongs to what comes
after it (it need not be waited for), except that a line has its own ending; white space that nothing comes after is a
piece by itself.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from itertools import pairwise
from typing import Final

__all__ = ["Lines", "Splitter", "Words"]


class Splitter(ABC):
    """Cuts one text, once."""

    def __init__(self) -> None:
        self._held = ""
        self._at = 0  # how much of what is held was looked at
        self._last = False  # nothing will follow what is held

    def push(self, text: str) -> list[str]:
        """Take more of the text, and return the pieces that are whole now."""
        held, self._held = self._held, ""  # with a single name for it, CPython appends in place
        held += text
        self._held = held
        return self._whole()

    def finish(self) -> list[str]:
        """The text ends here: return all that is left."""
        self._last = True
        pieces = self._whole()
        rest, self._held = self._held, ""
        return [*pieces, rest] if rest else pieces

    def _whole(self) -> list[str]:
        ends, at = self._ends(self._held, self._at)
        if not ends:
            self._at = at
            return []
        pieces = [self._held[start:end] for start, end in pairwise([0, *ends])]
        self._held, self._at = self._held[ends[-1] :], at - ends[-1]
        return pieces

    @abstractmethod
    def _ends(self, held: str, at: int) -> tuple[list[int], int]:
        """Where pieces end for certain, and where to look on when more has come.

        Args:
            held: The text from the start of the piece that is growing.
            at: Where to begin; what is before was looked at.
        """


# Han and hiragana are cut at every character and katakana is not, as Unicode's default word boundaries have it (UAX
# #29). Thai, Lao, Khmer and Burmese, whose words only a dictionary knows, are cut at spaces.
_HAN: Final = "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_OPENING: Final = "「『（《〈【〔［｛〖"
_CLOSING: Final = "、。，．！？：；」』）》〉】〕］｝〗・～…"
_SPACE: Final = r"[^\S\u00a0\u2007\u202f]"  # a no-break space is inside a word: 10 000
_WORD_BREAK: Final = re.compile(
    rf"(?<!{_SPACE})(?={_SPACE})"
    rf"|(?<=[^\s{_OPENING}])(?=[{_HAN}{_OPENING}])"
    rf"|(?<=[{_HAN}{_CLOSING}])(?=[^\W_{_HAN}])"
)


class Words(Splitter):
    """Words, each with the white space before it and the punctuation that hangs on it."""

    def _ends(self, held: str, at: int) -> tuple[list[int], int]:
        return [found.start() for found in _WORD_BREAK.finditer(held, max(at, 1))], len(held)


_LINE_END: Final = re.compile(r"\n|\r\n|\r(?=[^\n])")


class Lines(Splitter):
    r"""Lines, each with its ending: `\n`, `\r\n` or `\r`, as files have them; the last may have none."""

    def _ends(self, held: str, at: int) -> tuple[list[int], int]:
        undecided = held.endswith("\r")  # it may be half of an ending
        return [found.end() for found in _LINE_END.finditer(held, at)], len(held) - undecided
