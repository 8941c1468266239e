"""The network's words: what is left of them for a log, a report and a terminal."""

from __future__ import annotations

import json

import pytest

from unbroken.core.printable import escaped, for_terminal, printable

#: What a terminal obeys, and what turns a line round.
OBEYED = [
    *map(chr, [*range(9), *range(0x0B, 0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("overloaded_error", "overloaded_error"),
        ("\x1b[31mred\x1b[0m", "[31mred [0m"),
        ("\x1b]52;c;aGk=\x07then", "]52;c;aGk= then"),
        ("\x9b2Jgone", "2Jgone"),
        ("one\r\ntwo\u2028three\x85four\tfive", "one two three four five"),
        ("a\u202eb\u2066c\u2069", "a b c"),
        ("👩\u200d🚀 می\u200cخواهم", "👩\u200d🚀 می\u200cخواهم"),
        ("  spaced   out ", "spaced out"),
        ("half \ud83d", "half"),
        ("", ""),
        (None, ""),
        (5, ""),
    ],
)
def test_what_is_printable(said: object, shown: str) -> None:
    """One line of text; what is none is empty."""
    assert printable(said) == shown


def test_what_is_too_long_is_cut() -> None:
    """Wherever it comes from, it does not fill a log."""
    assert printable("a" * 1_000_000) == "a" * 200
    assert printable("ab cd", 3) == "ab"


@pytest.mark.parametrize("character", OBEYED, ids=ascii)
def test_nothing_that_a_terminal_obeys_comes_through(character: str) -> None:
    """In no place, and alone as well: an escape sequence may come in two pieces."""
    text = f"{character}one{character}\ttwo\n{character}"
    assert for_terminal(text) == "one\ttwo\n"
    assert printable(text) == "one two"
    line = json.dumps(text, ensure_ascii=False)
    assert character not in escaped(line)
    assert json.loads(escaped(line)) == text
    assert escaped(line).isprintable()


def test_a_terminal_gets_all_else() -> None:
    """Lines, tabs, every script, and what joins letters."""
    text = "# Title\n\n\t- 日本語 👩\u200d🚀 עברית\u200f\u00a0é\n"
    assert for_terminal(text) == text == escaped(text)
