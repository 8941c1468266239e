"""Fenced code blocks: the one that is open at the end of a text is seen, whatever the text is."""

from __future__ import annotations

import re

import pytest
from benchmarks.families import FAMILIES
from counting import steps
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.seam.fence import ends_in_a_fence


@pytest.mark.parametrize(
    ("text", "fenced"),
    [
        ("", False),
        ("```python\nx", True),
        ("1. like so:\n   ```\n   x", True),
        ("- ~~~\n  x", True),
        ("```\nx\n```\n", False),
        ("```\nx\n```", True),  # whether the last line is whole a model cannot know
        ("````\n```\nx", True),
        ("```\n```python\nx", True),  # a fence with an info string closes nothing
        ("an `inline` word", False),
        ("~~~\n```\n~~~\n", False),
        ("````\n```\n````\n", False),
        ("```\nx\n  ````  \n", False),
        ("```\nx\n> ```\n\n", False),
        ("```\n```~\n", True),
        ("```\n\n\n\n", True),
        ("-```\n", False),
    ],
)
def test_an_open_fence_is_seen(text: str, fenced: bool) -> None:
    assert ends_in_a_fence(text) is fenced


FENCE_LINE = re.compile(r"[^\S\n]*(?:(?:[-*+>]|\d+[.)])[^\S\n]+)*(`{3,}|~{3,})([^\n]*)")


@given(st.lists(st.sampled_from([*"`~\n >-1.x", "```", "~~~", "````", "- ", "1) ", "```py", "```\n", "~~~\n"])))
def test_an_open_fence_is_what_it_is_line_by_line(pieces: list[str]) -> None:
    *lines, last = "".join(pieces).split("\n")
    opened = ""
    for line in lines:
        found = FENCE_LINE.match(line)
        if found and not opened:
            opened = found[1]
        elif found and found[1].startswith(opened) and not found[2].strip():
            opened = ""
    assert ends_in_a_fence("".join(pieces)) is bool(opened or FENCE_LINE.match(last))


@pytest.mark.sample
@pytest.mark.parametrize("size", [1_000, 32_000, 1_000_000])
@pytest.mark.parametrize("family", FAMILIES)
def test_fences_are_looked_for_inside_the_pattern_whatever_the_text_is(family: str, size: int) -> None:
    text = FAMILIES[family](size)
    for each in (text, "```\n" + text):
        lines, calls, _ = steps(lambda each=each: ends_in_a_fence(each))
        assert lines <= 100
        assert "rfind" not in calls
