"""The law of all splitters, and words and lines."""

from __future__ import annotations

import ast
import io
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.corpus.texts import TEXTS

from unbroken import pipe
from unbroken.pipe.markdown import Blocks
from unbroken.pipe.speech import Sentences
from unbroken.pipe.splitter import Lines, Splitter, Words

SPLITTERS: Final[tuple[type[Splitter], ...]] = (Words, Lines, Sentences, Blocks)

#: Fragments that mean something to one of the splitters.
FRAGMENTS: Final = (
    *"aB3 .!?…,-*_`#>|$\"'”)(。」「は你ア\n\r\t\u00a0\u0301",
    *(
        "Dr",
        "e.g.",
        "```",
        "~~~~",
        "- a\n",
        "1. b\n",
        "\n\n",
        "    ",
        "$$",
        "<div>\n",
        "|--|\n",
        "\r\n",
        "...",
        "---\n",
    ),
)
texts = st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join) | st.text(max_size=40)


def split(kind: type[Splitter], *chunks: str) -> list[str]:
    splitter = kind()
    pieces = [piece for chunk in chunks for piece in splitter.push(chunk)]
    return pieces + splitter.finish()


def chunked(text: str, cuts: list[int]) -> list[str]:
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [text[start:end] for start, end in pairwise(places)]


@pytest.mark.parametrize("kind", SPLITTERS)
@given(text=texts, cuts=st.lists(st.integers(0, 200), max_size=8))
def test_however_the_text_comes_the_pieces_are_the_same(kind: type[Splitter], text: str, cuts: list[int]) -> None:
    """Whole, character by character, or in any chunks; the pieces joined are the text, and none is empty."""
    pieces = split(kind, text)
    assert "".join(pieces) == text
    assert all(pieces)
    assert split(kind, *text) == pieces
    assert split(kind, *chunked(text, cuts), "") == pieces


@pytest.mark.parametrize("kind", SPLITTERS)
@pytest.mark.parametrize("name", TEXTS)
def test_no_text_that_is_hard_to_join_is_hard_to_cut(kind: type[Splitter], name: str) -> None:
    """The texts that the seams are measured on: nothing lost, nothing added, and more than one piece."""
    pieces = split(kind, *TEXTS[name])
    assert "".join(pieces) == TEXTS[name]
    assert pieces == split(kind, TEXTS[name])


#: What may follow: enough to tell what is certain from what is not.
NEXT: Final = (
    *("", "a", "B", "3", " ", "\n", "\n\n", "。", "は", "」", ".", '"', "\u0301"),
    *(" a", " B", " 3", "\na", "\nB", " (a"),
)


@pytest.mark.parametrize("kind", [Words, Lines, Sentences])
@given(text=texts)
@example(text="He is Dr. ")
@example(text="Yes.\n")
@example(text="「はい。")
def test_a_piece_comes_as_soon_as_it_is_certain(kind: type[Splitter], text: str) -> None:
    """What was given out is what every way of going on has in common: no less, and no more."""
    futures = [split(kind, text + after) for after in NEXT]
    alike = takewhile(lambda pieces: len(set(pieces)) == 1, zip(*futures, strict=False))
    assert kind().push(text) == [pieces[0] for pieces in alike]


@pytest.mark.parametrize("kind", SPLITTERS)
def test_what_grows_without_an_end_is_not_read_again_and_again(kind: type[Splitter]) -> None:
    """Each character is looked at a few times at most, and not once for each that follows."""
    looked = 0

    class Counting(kind):  # type: ignore[misc, valid-type]
        def _ends(self, held: str, at: int) -> tuple[list[int], int]:
            nonlocal looked
            looked += len(held) - at
            return super()._ends(held, at)

    splitter = Counting()
    for _ in range(1_000):
        splitter.push("endless" if kind is Words else "endless,\n")
    assert looked < 20_000


def test_what_cuts_knows_no_event_loop() -> None:
    """The rules of cutting and pacing can be used and tested without asyncio and without aiostream."""
    for name in ("splitter", "speech", "markdown", "markdown_lines", "pacer"):
        tree = ast.parse(Path(pipe.__file__).with_name(f"{name}.py").read_text("utf-8"))
        imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        assert not imported & {"aiostream", "asyncio", "anyio", "time"}


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("The tide, turned.", ["The", " tide,", " turned."]),
        ("  two\n spaces ", ["  two", "\n spaces", " "]),
        ("10\u00a0000 ships", ["10\u00a0000", " ships"]),
        ("你好，世界。", ["你", "好，", "世", "界。"]),
        ("他说「你好」了", ["他", "说", "「你", "好」", "了"]),
        ("コーヒーを3杯飲む", ["コーヒー", "を", "3", "杯", "飲", "む"]),
        ("iPhoneを", ["iPhone", "を"]),
        ("", []),
    ],
)
def test_words(text: str, pieces: list[str]) -> None:
    """A word has the white space before it; Han and hiragana are cut at each character, other scripts at spaces."""
    assert split(Words, text) == pieces


def test_a_word_comes_with_the_space_behind_it() -> None:
    """The space is enough; the next word need not have begun."""
    splitter = Words()
    assert splitter.push("The") == []
    assert splitter.push(" ") == ["The"]


@given(st.text(st.sampled_from("ab\r\n\u2028")))
def test_lines_are_those_of_a_file(text: str) -> None:
    """The same lines as Python reads from a file whose endings it leaves alone."""
    assert split(Lines, text) == list(io.StringIO(text, newline=""))
