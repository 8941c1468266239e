"""The end of a text that is kept back: what goes out, when, and that nothing is lost or moved."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.splicing.held_tail import HeldTail
from unbroken.core.splicing.stop_sequences import StopSequences


def vowels(text: str) -> int:
    """Keeps back the vowels at the end."""
    return len(text) - len(text.rstrip("aeiou"))


def blanks(text: str) -> int:
    """Keeps back the white space at the end."""
    return len(text) - len(text.rstrip())


def test_without_a_reason_every_piece_goes_out_as_it_comes() -> None:
    tail = HeldTail()
    assert not tail.may_hold
    assert [tail.push(piece) for piece in ("", "a", " ")] == ["", "a", " "]
    assert (tail.text, tail.end()) == ("", "")


def test_the_end_waits_until_what_follows_decides() -> None:
    tail = HeldTail([vowels])
    assert tail.may_hold
    assert tail.push("tea") == "t"
    assert tail.text == "ea"
    assert tail.push("u") == ""
    assert tail.push("x, i") == "eaux, "
    assert tail.end() == "i"
    assert (tail.text, tail.end()) == ("", "")


def test_after_an_end_it_begins_anew() -> None:
    """A block is over, or something else than text stands in between."""
    tail = HeldTail([StopSequences(["END"]).begun_by])
    assert tail.push("The E") == "The "
    assert tail.end() == "E"
    assert tail.push("ND") == "ND"


@pytest.mark.parametrize("reasons", [[vowels, blanks], [blanks, vowels]])
def test_of_several_reasons_the_longest_end_counts(reasons: list[object]) -> None:
    tail = HeldTail(reasons)  # type: ignore[arg-type]
    assert tail.push("to be ") == "to be"
    assert tail.push("ai") == " "
    assert tail.text == "ai"


@given(st.text("abE ND", max_size=30), st.data())
def test_nothing_is_lost_whatever_the_pieces(text: str, data: st.DataObject) -> None:
    """What goes out is the text's beginning, all but what may not; how it came does not matter."""
    stops = StopSequences(["END", "D a"])
    tail = HeldTail([stops.begun_by, blanks])
    out, at = "", 0
    while at < len(text):
        size = data.draw(st.integers(1, len(text) - at))
        out += tail.push(text[at : at + size])
        at += size
        assert out + tail.text == text[:at]
        assert len(tail.text) == max(stops.begun_by(text[:at]), blanks(text[:at]))
    assert out + tail.end() == text
