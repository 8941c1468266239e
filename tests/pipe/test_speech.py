"""Where a sentence ends, and where it only looks so."""

from __future__ import annotations

import pytest

from unbroken.pipe.speech import Sentences


def split(text: str) -> list[str]:
    splitter = Sentences()
    return splitter.push(text) + splitter.finish()


@pytest.mark.parametrize(
    "text",
    [
        "The tide turned.| The lamp was dark.",
        "Really?!| Yes!| Good.",
        "It is 3.14 or 1,000.50, see example.com.| Then.",
        "Dr. Ito and Mrs. Day met Prof. Lund on St. Mark's Place.| They talked.",
        "It took 20 ms.| Then 3 s.| Then nothing.",
        "See Fig. 3 and No. 5, pp. 7.| No.| I will not.",
        "J. R. R. Tolkien lived in the U.S. Army at 5 p.m. Then, e.g. this, i.e. that.",
        "Apples, pears etc. were there.| Apples etc.| Then pears.",
        "Well... perhaps.| Well…| Perhaps.| So … on.",
        '"What?" she asked.| "Stop!"| He ran.',
        "“What?” she asked.| “Stop!”| He ran.",
        "(See below.)| Next.| He said so (see below).| Next.",
        "**Done.**| *Next* one.| `X.`| Next.| _So?_| Yes.",
        "Wait... *perhaps* not.| Wait...| *Perhaps* not.",
        "# Title|\n\nText here|\n- one|\n- two.| More",
        "1. First.| Second.|\n2. Next.|\nA. Letter.",
        "A line that\nis wrapped.| Another|\nLine.|\n\nnext paragraph",
        "Dr.|\n\nSmith and Dr.|\nSmith, “Dr.”| Smith",
        "In 1999.| Then 5 more.| 6 less.",
        "Great!| 🎉 Next.",
        "Am 3.10. kam Hr. Meyer, z.B. mit Nr. 5, bzw. Abb. 2.| Dann ging er.",
        "今天很好。|你好吗？！|“很好！”|他说。|「好。」|他走了",
        "「そうですか？」と彼は言った。|はい！|そう…。|です",
        "यह वाक्य है।| दूसरा।",
        "هل هذا صحيح؟| نعم۔",
        "...| And so.",
        "Hello.| ",
        "Hello|\n",
        " \n ",
        "",
    ],
)
def test_sentences(text: str) -> None:
    """The bars stand where sentences end; a doubt is decided for going on."""
    assert split(text.replace("|", "")) == [piece for piece in text.split("|") if piece]


@pytest.mark.parametrize(
    ("so_far", "certain"),
    [
        ("The tide turned.", []),
        ("The tide turned. ", []),
        ("The tide turned. T", ["The tide turned."]),
        ("The tide turned.\n", []),
        ("The tide turned.\n\n", ["The tide turned."]),
        ('"The tide turned." "', []),
        ("今天很好。", []),
        ("今天很好。你", ["今天很好。"]),
        ("# Title\n", []),
        ("# Title\nT", ["# Title"]),
    ],
)
def test_a_sentence_is_over_when_the_next_one_shows(so_far: str, certain: list[str]) -> None:
    """One character of it is enough; a blank line needs none."""
    assert Sentences().push(so_far) == certain


@pytest.mark.parametrize(
    "text",
    [
        "Well" + "." * 9 + " Yes." + "!" * 4 + '"' * 5 + " (No.",
        "A." + " " * 9 + "((((B",
        "\n \n\n  \nA.\n",
        "Mr. Mrs. Dr. " * 3 + "B. So.",
        "1. First. 2. Second.",
        "**12. First. Second.",
        "12a. Then.",
        "-- . 1. Foo",
        "a\n" * 9 + "B",
        "。" * 4 + "」" * 3 + "は。」A",
    ],
)
def test_what_was_seen_of_an_end_is_kept(text: str) -> None:
    """Character by character it is what it is whole."""
    splitter = Sentences()
    assert [piece for character in text for piece in splitter.push(character)] + splitter.finish() == split(text)
