"""Which end of a text may be the head of a stop sequence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.splicing.stop_sequences import StopSequences


@pytest.mark.parametrize(
    ("sequences", "text", "length"),
    [
        (["END"], "", 0),
        (["END"], "The", 0),
        (["END"], "The E", 1),
        (["END"], "The EN", 2),
        (["END"], "The END", 0),  # whole, as the API never sends it: nothing is in doubt
        (["END"], "N", 0),
        (["\n\nHuman:"], "Hello.\n", 1),
        (["\n\nHuman:"], "Hello.\n\n\n", 2),
        (["aab"], "aaa", 2),
        (["bcd", "abce"], "xabc", 3),  # one may begin inside another: the longest counts
        (["abce", "bcd"], "xabc", 3),
        (["E"], "E", 0),  # of one character there is no head
        ([""], "E", 0),
        ([], "E", 0),
    ],
)
def test_how_much_of_the_end_one_of_them_begins_with(sequences: list[str], text: str, length: int) -> None:
    assert StopSequences(sequences).begun_by(text) == length


@given(st.lists(st.text("ab", max_size=5), max_size=3), st.text("abc", max_size=9))
def test_it_is_the_longest_end_that_is_a_head(sequences: list[str], text: str) -> None:
    """As it is defined, character by character."""
    heads = {sequence[:length] for sequence in sequences for length in range(1, len(sequence))}
    ends = [text[at:] for at in range(len(text))]
    assert StopSequences(sequences).begun_by(text) == max((len(end) for end in ends if end in heads), default=0)
