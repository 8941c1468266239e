"""Texts as they are compared: without white space, with straight quotes, and with each character taken apart.

White space and quotes are what models change in copying. All of it is done inside `str`, in time that is linear.
"""

from __future__ import annotations

import unicodedata
from typing import Final

__all__ = ["STRAIGHT", "in_order", "periods", "raw_length", "squeeze", "unique_tail"]

#: Typographic quotes and what they are compared as.
STRAIGHT: Final = {**dict.fromkeys("“”„‟", '"'), **dict.fromkeys("‘’‚‛", "'")}

_FIRST_LENGTH: Final = 4  # in characters: where the search for a tail that stands once begins


def squeeze(text: str) -> str:
    """Take all white space out (no-break spaces too), make quotes straight, and take characters apart.

    Canonically equal text is the same text (Unicode, UAX #15), so all of it is compared in the form NFD, in which each
    character's form does not depend on its neighbours but for the order of its marks.
    """
    # Most white space goes before the text is split, and quotes one by one: on long texts several times as fast.
    squeezed = "".join(text.replace(" ", "").replace("\n", "").split())
    if squeezed.isascii():
        return squeezed
    for quote, straight in STRAIGHT.items():
        squeezed = squeezed.replace(quote, straight)
    return unicodedata.normalize("NFD", squeezed)


def unique_tail(text: str, longest: int) -> int:
    """Return the length of the shortest tail that stands once in `text`, or `longest` + 1 if that is longer.

    If a tail stands there twice, so do its own tails. Hence lengths are doubled until one stands once, then the
    interval is halved; no search begins before the first place of the tail that was found last. The number of searches
    grows with the logarithm of `longest`, and each is one pass at most: `str.find` is linear in CPython, not `rfind`.
    """
    low, high = 0, min(longest + 1, len(text))
    first = 0  # where the tail of `low` characters stands
    while high - low > 1:
        middle = min(2 * low + _FIRST_LENGTH, (low + high) // 2)
        found = text.find(text[-middle:], max(first + low - middle, 0))
        if found < len(text) - middle:
            low, first = middle, found
        else:
            high = middle
    return high


def raw_length(text: str, squeezed: int) -> int:
    """The least number of characters of `text` that are at least so many when they are squeezed; all of it at most."""
    low, high = 0, len(text)
    if squeezed <= 0 or len(squeeze(text)) <= squeezed:
        # All of it, less the white space behind the last that counts.
        return high if squeezed <= 0 or len(squeeze(text)) < squeezed else len(text.rstrip())
    while high - low > 1:
        middle = (low + high) // 2
        if len(squeeze(text[:middle])) < squeezed:
            low = middle
        else:
            high = middle
    return high


def in_order(text: str) -> str:
    """Its combining marks in the order that Unicode has them, where they came in several pieces."""
    return text if text.isascii() else unicodedata.normalize("NFD", text)


def periods(end: str) -> list[int]:
    """Return each length of which the last characters stand there twice in a row, but for multiples of another."""
    periods: list[int] = []
    for size in range(1, len(end) // 2 + 1):
        if end[-size:] == end[-2 * size : -size] and not any(
            size % root == 0 and end[-2 * size :] == end[-root:] * (2 * size // root) for root in periods
        ):
            periods.append(size)
    return periods
