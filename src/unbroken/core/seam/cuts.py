"""Where a text may be cut: between words where there are any, never inside what a reader takes for one character."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ANYWHERE", "REACH", "boundary", "cuts"]

# In characters.
REACH: Final = 40  # how far to look for the start of a word; minified JSON and base64 have none
_BLANKS: Final = 4_000  # how far to look for what stands before white space
_FLAG_HALVES: Final = "".join(map(chr, range(0x1F1E6, 0x1F200)))
_FLAGS: Final = 600  # longer than a row of all the flags there are, in halves

# Scripts that are written without spaces, and pictographs: Thai and Lao, Burmese, Khmer, symbols and dingbats, Chinese
# and Japanese and Yi, full-width forms, rare ideographs.
_SPACELESS: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2600-\u27bf\u2e80-\ua4cf\uf900-\ufaff\uff00-\uffef\U0001f000-\U0010ffff"
)
#: Where a word ends: before white space, or on either side of a character that needs none.
_BETWEEN_WORDS: Final = re.compile(rf"(?=[\s{_SPACELESS}])|(?<=[{_SPACELESS}])(?!\Z)")
_BESIDE_A_MARK: Final = re.compile(r"(?<=[^\W_])(?=[\W_])|(?<=[\W_])(?=[^\W_])")
ANYWHERE: Final = re.compile(r"(?!\Z)")


def boundary(held: str, start: int) -> int:
    """Return the nearest sensible place for a cut at or before `start`; 0 when there is none."""
    if held[start - 1 : start].isspace():  # white space belongs to the key's head, all of it
        blanks = held[max(start - _BLANKS, 0) : start]
        start -= len(blanks) - len(blanks.rstrip())
    kinds = (_BETWEEN_WORDS,) if start <= REACH else (_BETWEEN_WORDS, _BESIDE_A_MARK, ANYWHERE)
    return next((at for kind in kinds for at in cuts(kind, held, start, start - REACH)), 0)


def cuts(kind: re.Pattern[str], text: str, start: int, beyond: int) -> Iterator[int]:
    """Yield the places of that kind from `start` back to the one after `beyond` that leave each character whole."""
    places = [found.start() for found in kind.finditer(text, max(beyond, 0) + 1, start + 1)]
    return (at for at in reversed(places) if _between_graphemes(text, at))


def _between_graphemes(text: str, at: int) -> bool:
    """Whether a cut at `at` leaves what the reader takes for one character in one piece."""
    before, after = text[at - 1], text[at]
    if before.isspace() or after.isspace():
        return not before.isspace()
    if before in "\u200d\u200c" or after in "\u200d\u200c" or unicodedata.combining(before) == 9:
        return False  # joiners, and the virama of Indic conjuncts
    if unicodedata.category(after).startswith("M") or "\U0001f3fb" <= after <= "\U0001f3ff":
        return False  # combining marks, variation selectors, skin tones
    if after == "\u0e33" or after == "\u0eb3" or "\U000e0020" <= after <= "\U000e007f":
        return False  # Thai and Lao AM, the tags of regional flags
    if "\u1160" <= after <= "\u11ff":
        return False  # Hangul vowels and finals
    if after not in _FLAG_HALVES:
        return True
    # In pairs from where their row begins; a row without an end is taken to begin at an even place.
    halves = text[max(at - at % 2 - _FLAGS, 0) : at]
    return (len(halves) - len(halves.rstrip(_FLAG_HALVES))) % 2 == 0
