"""Where a sentence ends: for voices, which want a whole one, and want it early.

A full stop, `!`, `?` or an ellipsis, with the quotes, brackets and emphasis that close on it, ends a sentence when
white space follows and what comes after that does not begin with a small letter: "e.g. this", "Well... perhaps",
"“What?” she asked" go on. The first character of what comes after has to be seen for it. The full stops of Chinese and
Japanese, and of other scripts that have their own, end it at once. So does a blank line; a single line break does
unless a small letter follows, since titles and list items have no full stop and wrapped prose has small letters.

Where it could be either, nothing is cut: two sentences in one breath do no harm, a stop in the middle of one does.
"""

from __future__ import annotations

import re
from typing import Final

from .splitting import Splitter

__all__ = ["Sentences"]

_STOP: Final = ".!?…"
_FULL: Final = "。！？｡．।॥؟۔።။។։"  # these need no space after them
_CLOSERS: Final = "\"'”’»›)\\]}*_`」』）】》〉"
_END: Final = re.compile(rf"(?P<stop>[{_STOP}{_FULL}]+)[{_CLOSERS}]*|\n")
#: What is between an end and the first character that tells whether it is one.
_GAP: Final = re.compile(r"(?P<space>\s*)[*_`\"'“‘„«‹(\[]*")


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
_LAST_WORD: Final = re.compile(r"[^\W_]+(?:\.[^\W_]+)*\Z")
_LONGEST: Final = 24  # characters; no abbreviation is longer
#: All that stands before the full stop: the number of a list item, perhaps after its markup.
_ENUMERATOR: Final = re.compile(r"[\W_]*(?:\d+|[^\W\d_]|[ivx]+|[IVX]+)\Z")
#: A unit of one letter, which is no initial.
_MEASURE: Final = re.compile(r"\d\s?[^\W\d_]\Z")
_HIRAGANA: Final = re.compile("[\u3041-\u3096]")


class Sentences(Splitter):
    """Sentences, each with the white space before it."""

    def _ends(self, held: str, at: int) -> tuple[list[int], int]:
        ends: list[int] = []
        start = 0
        for found in _END.finditer(held, at):
            ending = _is_end(held, start, found, last=self._last)
            if ending is None:
                return ends, found.start()
            if ending:
                start = found.end() if found["stop"] else found.start()
                ends.append(start)
        return ends, len(held)


def _is_end(held: str, start: int, found: re.Match[str], *, last: bool) -> bool | None:
    """Whether a sentence that begins at `start` ends here; None: that depends on what follows."""
    stop = found["stop"]
    if not held[start : found.start()].strip() and not stop:
        return False  # a line break before anything else
    end = found.end()
    if end == len(held) and not last:
        return None
    if stop and stop.strip(_STOP):
        # In 「そうですか？」と, the quotation is a part of the sentence.
        return not (held[end - 1] != stop[-1] and _HIRAGANA.match(held, end))
    gap = _GAP.match(held, found.start() if not stop else end)
    assert gap is not None  # it may be empty
    if gap["space"].count("\n") > 1:
        return True
    if stop and not gap["space"]:
        return end == len(held)  # 3.14, example.com
    if gap.end() == len(held):
        return True if last else None
    after = held[gap.end()]
    if after.islower():
        return False
    # Nothing closes on the full stop of an abbreviation, and no line ends with it.
    return found[0] != "." or "\n" in gap["space"] or not _is_abbreviation(held[start : found.start()], after)


def _is_abbreviation(before: str, after: str) -> bool:
    """Whether a full stop belongs to the word in front of it, or to the number of an item, and ends no sentence.

    Args:
        before: The sentence as far as the full stop.
        after: The first character behind the white space, and behind what opens there.
    """
    if _ENUMERATOR.match(before):
        return True
    word = _LAST_WORD.search(before[-_LONGEST:])
    if word is None or _MEASURE.search(before):
        return False
    parts = word[0].split(".")
    if all(len(part) == 1 and part.isalpha() for part in parts):  # e.g., U.S., z.B., and the initials of a name
        return True
    return word[0] in _TITLES or (after.isnumeric() and word[0].lower() in _BEFORE_NUMBERS)
