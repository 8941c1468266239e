"""Where an answer is cut."""

from __future__ import annotations

from typing import Final

__all__ = ["LEAST", "cuts", "is_inside_a_word"]

#: An answer shorter than this, in characters, is not cut.
LEAST: Final = 60
#: Where the cuts are sought, as parts of the answer, and whether inside of a word.
_PLACES: Final = ((0.15, True), (0.4, False), (0.65, True), (0.9, None))


def cuts(answer: str) -> list[int]:
    """Four places in characters, rising: inside a word, behind one, inside one, and just where the last falls.

    Fewer where there is no such place; none in an answer too short to have an end and a beginning.
    """
    if len(answer) < LEAST:
        return []
    places = {_nearest(answer, round(part * len(answer)), inside) for part, inside in _PLACES}
    return sorted(place for place in places if place)


def is_inside_a_word(answer: str, at: int) -> bool:
    """Whether a word goes on across that place."""
    return 0 < at < len(answer) and answer[at - 1].isalnum() and answer[at].isalnum()


def _nearest(answer: str, at: int, inside: bool | None) -> int:
    """The nearest such place at or behind `at`; 0: there is none."""
    if inside is None:
        return at
    fits = _two_letters_either_side if inside else _behind_a_word
    return next((place for place in range(at, len(answer) - 1) if fits(answer, place)), 0)


def _two_letters_either_side(answer: str, at: int) -> bool:
    return answer[at - 2 : at + 2].isalnum() and len(answer[at - 2 : at + 2]) == 4


def _behind_a_word(answer: str, at: int) -> bool:
    return answer[at - 1].isalnum() and not answer[at].isalnum()
