"""Which end of a text may be half a word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.seam.half_word import half_word
from unbroken.core.splicing.held_tail import HeldTail


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        ("The tide tur", "tur"),
        ("The tide turned ", ""),
        ("The tide turned.", ""),
        ("i3", "i3"),
        ("snake_ca", "snake_ca"),
        ("3.1", "1"),
        ("don't", "t"),
        ("naïve cafe\u0301", "cafe\u0301"),
        ("Привет, ми", "ми"),
        ("שלום עול", "עול"),
        ("안녕하세", "안녕하세"),
        ("我们今天去看", ""),
        ("カタカ", ""),
        ("ｶﾀｶ", ""),
        ("สวัสดี", ""),
        ("𠮷", ""),
        ("👩\u200d", ""),
        ("x" * 40, "x" * 40),
        ("x" * 41, ""),
        ("see " + "x" * 41, ""),
    ],
)
def test_half_a_word(text: str, kept: str) -> None:
    """Letters, digits and their marks, in scripts that put spaces between words; nothing that is too long for one."""
    assert half_word(text) == len(kept)
    assert text.endswith(kept)


@given(st.lists(st.text("ab_9 .é\u0301我", max_size=50), max_size=8))
def test_words_go_out_whole(pieces: list[str]) -> None:
    """Cut after any piece, no word of 40 characters at most has gone out in part; and all goes out in the end."""
    tail, out, whole = HeldTail([half_word]), "", "".join(pieces)
    for piece in pieces:
        out += tail.push(piece)
        assert whole.startswith(out + tail.text)
        in_word = half_word(out)
        assert not in_word or not tail.text or half_word(tail.text) < len(tail.text) or in_word + len(tail.text) > 40
    assert out + tail.end() == whole
