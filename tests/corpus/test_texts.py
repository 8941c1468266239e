"""The corpus is what it claims to be."""

from __future__ import annotations

from tests.corpus.texts import TEXTS


def test_there_are_enough_texts_of_the_right_size() -> None:
    """At least fourteen, of 200 to 900 characters, none twice."""
    assert len(TEXTS) >= 14
    assert len(set(TEXTS.values())) == len(TEXTS)
    for name, text in TEXTS.items():
        assert 200 <= len(text) <= 900, name


def test_the_white_space_that_the_texts_are_about_is_there() -> None:
    """An editor that trims lines would take it away."""
    blanks = TEXTS["blanks"]
    for part in ("  \n", "\n\n\n\n", "\t\t", "\u00a0", "\u2009", "   \n \n"):
        assert part in blanks


def test_the_emoji_are_joined_ones() -> None:
    """Joiners, skin tones, flags, variation selectors and combining marks are in."""
    for part in ("\u200d", "\U0001f3fd", "\U0001f1ef\U0001f1f5", "\ufe0f", "\u0301", "\u20e3"):
        assert part in TEXTS["emoji"]
