"""Which end of a text may be half a word.

A model that is asked to go on behind half a word may take it for a whole one, and nothing in what it writes shows that:
the place is right, the text is not. Two small models did so at 15 of 27 and 0 of 11 such cuts. What has not been
delivered is written again, so a reader who gets words whole is never cut inside one.
"""

from __future__ import annotations

import unicodedata
from typing import Final

__all__ = ["half_word"]

#: In characters. What is longer is no word: a checksum, Base64, a run of one letter. It is not kept back.
_LONGEST: Final = 40
#: Scripts that put no spaces between words, and characters that are words by themselves: first and last of each range.
_WITHOUT_SPACES: Final = (
    ("\u0e00", "\u0eff"),  # Thai, Lao
    ("\u1000", "\u109f"),  # Myanmar
    ("\u1780", "\u17ff"),  # Khmer
    ("\u2e80", "\ua4cf"),  # Han, kana, bopomofo, Yi
    ("\uf900", "\ufaff"),  # Han
    ("\uff66", "\uff9f"),  # kana of half width
    ("\U0001b000", "\U0001b16f"),  # kana
    ("\U00020000", "\U0003ffff"),  # Han
)


def half_word(text: str) -> int:
    """How many characters of the text's end belong to a word that may go on; 0 where none does.

    It looks at 41 characters at most.
    """
    for length, character in enumerate(reversed(text[-_LONGEST - 1 :])):
        if not _is_of_a_word(character):
            return length
    return len(text) if len(text) <= _LONGEST else 0


def _is_of_a_word(character: str) -> bool:
    if character.isascii():
        return character.isalnum() or character == "_"
    if any(first <= character <= last for first, last in _WITHOUT_SPACES):
        return False
    return character.isalnum() or unicodedata.category(character).startswith("M")
