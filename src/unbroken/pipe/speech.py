"""Where a sentence ends: for voices, which want a whole one, and want it early.

A full stop, `!`, `?` or an ellipsis, with the quotes, brackets and emphasis that close on it, ends a sentence when
white space follows and what comes after that does not begin with a small letter: "e.g. this", "Well... perhaps",
"“What?” she asked" go on. The first character of what comes after has to be seen for it. The full stops of Chinese and
Japanese, and of other scripts that have their own, end it at once. So does a blank line; a single line break does
unless a small letter follows, since titles and list items have no full stop and wrapped prose has small letters.

Where it could be either, nothing is cut: two sentences in one breath do no harm, a stop in the middle of one does.

What was seen of an end that is not decided is kept, and so is what was seen of the sentence: a thousand full stops,
line breaks or titles in a row, one character at a time, are read once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from .splitter import Splitter

__all__ = ["Sentences"]

_STOP: Final = ".!?…"
_FULL: Final = "。！？｡．।॥؟۔።။។։"  # these need no space after them
_CLOSERS: Final = "\"'”’»›)\\]}*_`」』）】》〉"
_END: Final = re.compile(rf"[{_STOP}{_FULL}\n]")
_STOPS: Final = re.compile(rf"[{_STOP}{_FULL}]*")
_FULL_STOP: Final = re.compile(rf"[{_FULL}]")
_CLOSING: Final = re.compile(rf"[{_CLOSERS}]*")
# What is between an end and the first character that tells whether it is one.
_SPACE: Final = re.compile(r"\s*")
_OPENING: Final = re.compile(r"[*_`\"'“‘„«‹(\[]*")
_VISIBLE: Final = re.compile(r"\S")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Never the end of a sentence, whatever follows: titles, and words that point to what follows. As they are written:
#: "Ms. Ito" goes on, "20 ms. Then" does not.
_TITLES: Final = _words(
    "Adm Capt Cmdr Col Dr Dra Eng Fr Gen Gov Hon Hr Hrn Lt Messrs Mgr Mme Mlle Mr Mrs Ms Mt Mx Pres Prof Rep Rev Sen "
    "Sgt Sr Sra Srta St Ste approx bzw ca cf resp viz vs"
)
#: Not the end when a number follows.
_BEFORE_NUMBERS: Final = _words(
    "abb app art bd bl ch chap col dec eq eqs est ex feb fig figs jan kap mar apr jun jul aug sep sept oct nov nr no "
    "nos op par pp pt ref sec sect tab tel ver vol vols"
)
_LAST_WORD: Final = re.compile(r"(?<![^\W_])(?<![^\W_]\.)[^\W_]+(?:\.[^\W_]+)*\Z")
_LONGEST: Final = 24  # characters; no abbreviation is longer
#: The number of a list item, perhaps after its markup: an enumerator, where nothing else stands before the full stop.
_ENUMERATOR: Final = re.compile(r"[\W_]*+(?P<number>\d+|[ivx]+|[IVX]+|[^\W\d_]|)")
#: A unit of one letter, which is no initial; of three characters at most.
_MEASURE: Final = re.compile(r"\d\s?[^\W\d_]\Z")
_HIRAGANA: Final = re.compile("[\u3041-\u3096]")


@dataclass(slots=True)
class _End:
    """What was seen of a place where a sentence may end: up to where each part of it goes, from its first character on.

    Attributes:
        stop: The full stops; 0 for a line break.
        closed: What closes on them; 0 for a line break.
        full: Whether one of the stops needs no space after it; None: it is not known yet.
        space: The white space behind.
        lines: How many line breaks are in that.
        opened: What opens behind that.
    """

    stop: int = 0
    closed: int = 0
    full: bool | None = None
    space: int = 0
    lines: int = 0
    opened: int = 0


class Sentences(Splitter):
    """Sentences, each with the white space before it."""

    def __init__(self) -> None:
        super().__init__()
        self._end: _End | None = None  # that which is not decided
        # Of the sentence that is growing, from its first character on:
        self._blank = 0  # so much of it is known to be white space
        self._visible = False  # what comes after that is none
        self._number: int | None = None  # where the enumerator ends that it begins with; None: that is not known

    def _ends(self, held: str, at: int) -> tuple[list[int], int]:
        ends: list[int] = []
        start = 0
        while found := _END.search(held, at):
            at = found.start()
            end = self._end or _End()
            ending = self._is_end(held, start, at, end)
            if ending is None:
                self._end = end
                return ends, at
            self._end = None
            behind = at + (end.closed or 1)
            if ending:
                start = behind if end.stop else at
                ends.append(start)
                self._blank, self._visible, self._number = 0, False, None
            at = behind
        return ends, len(held)

    def _is_end(self, held: str, start: int, at: int, end: _End) -> bool | None:
        """Whether a sentence that begins at `start` ends at `at`; None: that depends on what follows."""
        is_stop = held[at] != "\n"
        if not is_stop and not self._has_begun(held, start, at):
            return False  # a line break before anything else
        if is_stop:
            end.stop = _to(_STOPS, held, at, end.stop)
            end.closed = _to(_CLOSING, held, at, max(end.stop, end.closed))
        behind = at + (end.closed or 1)
        if behind == len(held) and not self._last:
            return None
        if is_stop and end.full is None:
            end.full = _FULL_STOP.search(held, at, at + end.stop) is not None
        if end.full:
            # In 「そうですか？」と, the quotation is a part of the sentence.
            return not (end.closed > end.stop and _HIRAGANA.match(held, behind))
        seen = max(end.closed, end.space)
        end.space = _to(_SPACE, held, at, seen)
        end.lines += held.count("\n", at + seen, at + end.space)
        if end.lines > 1:
            return True
        if is_stop and end.space == end.closed:
            return behind == len(held)  # 3.14, example.com
        end.opened = _to(_OPENING, held, at, max(end.space, end.opened))
        if at + end.opened == len(held):
            return True if self._last else None
        after = held[at + end.opened]
        if after.islower():
            return False
        # Nothing closes on the full stop of an abbreviation, and no line ends with it.
        is_plain = end.stop == end.closed == 1 and held[at] == "."
        return not is_plain or end.lines > 0 or not self._is_abbreviation(held, start, at, after)

    def _has_begun(self, held: str, start: int, at: int) -> bool:
        """Whether anything but white space stands before `at` in the sentence."""
        if not self._visible:
            visible = _VISIBLE.search(held, start + self._blank, at)
            self._visible = visible is not None
            self._blank = (visible.start() if visible else at) - start
        return self._visible

    def _is_abbreviation(self, held: str, start: int, at: int, after: str) -> bool:
        """Whether a full stop belongs to the word before it, or to the number of an item, and ends no sentence.

        Args:
            held: The text.
            start: Where the sentence begins.
            at: Where the full stop is.
            after: The first character behind the white space, and behind what opens there.
        """
        if self._number is None:
            enumerator = _ENUMERATOR.match(held, start, at)
            assert enumerator is not None  # it may be empty
            self._number = enumerator.end() - start if enumerator["number"] else -1
        if at - start == self._number:
            return True
        before = held[max(start, at - _LONGEST) : at]
        word = _LAST_WORD.search(before)
        if word is None or _MEASURE.search(before[-3:]):
            return False
        parts = word[0].split(".")
        if all(len(part) == 1 and part.isalpha() for part in parts):  # e.g., U.S., z.B., and the initials of a name
            return True
        return word[0] in _TITLES or (after.isnumeric() and word[0].lower() in _BEFORE_NUMBERS)


def _to(run: re.Pattern[str], held: str, at: int, seen: int) -> int:
    """How far from `at` a run goes of which so many characters were seen."""
    found = run.match(held, at + seen)
    assert found is not None  # it may be empty
    return found.end() - at
