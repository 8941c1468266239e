"""Where a sentence ends: for voices, which want a whole one, and want it early.

A full stop, `!`, `?` or an ellipsis, with the quotes, brackets and emphasis that close on it, ends a sentence when white
space follows and what comes after that does not begin with a small letter: "e.g. this", "Well... perhaps",
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

#: Never the end of a sentence, whatever follows: titles, and words that point to what follows.
_TITLES: Final = frozenset(
    "adm approx bzw ca capt cf cmdr col dr dra eng fr gen gov hon hr hrn lt messrs mgr mme mlle mr mrs ms mt mx pres "
    "prof rep resp rev sen sgt sr sra srta st ste viz vs".split()
)
#: Not the end when a number follows.
_BEFORE_NUMBERS: Final = frozenset(
    "abb app art bd bl ch chap col dec eq eqs est ex feb fig figs jan kap mar apr jun jul aug sep sept oct nov nr no "
    "nos op p par pp pt ref s sec sect tab tel v ver vol vols z".split()
)
_LAST_WORD: Final = re.compile(r"[^\W_]+(?:\.[^\W_]+)*\Z")
_LONGEST: Final = 24  # characters; no abbreviation is longer
#: All that stands before the full stop: the number of a list item, perhaps after its markup.
_ENUMERATOR: Final = re.compile(r"[\W_]*(?:\d+|[^\W\d_]|[ivx]+|[IVX]+)\Z")
_HIRAGANA: Final = re.compile("[\u3041-\u3096]")


class Sentences(Splitter):
    """Sentences, each with the white space before it."""

    def _ends(self, held: str, at: int, *, last: bool) -> tuple[list[int], int]:
        ends: list[int] = []
        start = 0
        for found in _END.finditer(held, at):
            ending = _is_end(held, start, found, last=last)
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
    return not _goes_on(held[start : found.start()], stop, held[gap.end()], broken="\n" in gap["space"])


def _goes_on(before: str, stop: str | None, after: str, *, broken: bool) -> bool:
    """Whether the sentence goes on behind a stop (None: a line break) and white space.

    Args:
        before: The sentence as far as the stop.
        stop: The marks; None where the line ends without one.
        after: The first character behind the white space, and behind what opens there.
        broken: Whether the line ends in that white space.
    """
    if after.islower():
        return True
    if stop != "." or broken:
        return False
    if _ENUMERATOR.match(before):
        return True
    word = _LAST_WORD.search(before[-_LONGEST:])
    if word is None:
        return False
    name = word[0].lower()
    if "." in name or len(name) == 1:  # e.g. U.S. z.B., and the initials of a name
        return all(len(part) == 1 and part.isalpha() for part in name.split("."))
    return name in _TITLES or (after.isnumeric() and name in _BEFORE_NUMBERS)
