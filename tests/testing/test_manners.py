"""Each manner does what its name says, at every cut of every text."""

from __future__ import annotations

from random import Random

import pytest

from unbroken.testing.manners import LEAD_INS, Manner, continue_answer
from unbroken.testing.texts import TEXTS

ANSWER = 'One "two" three. Four five  six seven.\n\nEight nine'


def go_on(manner: Manner, cut: int, *, echo: str | None = None, answer: str = ANSWER, seed: int = 0) -> str:
    return continue_answer(answer, answer[:cut], echo=echo, manner=manner, rng=Random(seed))


@pytest.mark.parametrize(
    ("manner", "cut", "written"),
    [
        (Manner.EXACT, 9, " three. Four"),
        (Manner.ECHO, 9, '"two" three. Four'),
        (Manner.SLOPPY_ECHO, 9, "“two” three. Four"),
        (Manner.RESTART_WORD, 12, "three. Four"),
        (Manner.RESTART_WORD, 9, " three. Four"),
        (Manner.RESTART_SENTENCE, 25, "Four five  six"),
        (Manner.RESTART_SENTENCE, 16, 'One "two" three. Four'),
        (Manner.RESTART_ANSWER, 25, 'One "two" three. Four'),
        (Manner.LOST_SPACE, 26, "six seven."),
        (Manner.LOST_SPACE, 28, "six seven."),
        (Manner.LOST_SPACE, 24, "ve  six"),
        (Manner.DOUBLED_SPACE, 26, "    six seven."),
        (Manner.DOUBLED_SPACE, 27, "   six seven."),
        (Manner.DOUBLED_SPACE, 24, "ve  six"),
        (Manner.REOPENED_FENCE, 24, "ve  six"),
    ],
)
def test_what_a_manner_writes(manner: Manner, cut: int, written: str) -> None:
    """A case for each manner that leaves nothing to chance, at the cut that shows it and at one that does not."""
    assert go_on(manner, cut, echo='"two"').startswith(written)


def test_curly_quotes_become_straight() -> None:
    """And runs of white space single spaces."""
    written = continue_answer("“a”  b", "“a”  b", echo="“a”  b", manner=Manner.SLOPPY_ECHO, rng=Random())
    assert written == '"a" b'


def test_repeated_words_are_one_to_five() -> None:
    """Over many seeds every number of words comes, and no other."""
    counts = {len(go_on(Manner.REPEAT_WORDS, 26, seed=seed).split()) for seed in range(100)}
    assert counts == {len(ANSWER[26:].split()) + n for n in range(1, 6)}


def test_a_preamble_is_one_of_the_lead_ins() -> None:
    """And the answer goes on exactly after it, or with the echo."""
    for seed in range(50):
        written = go_on(Manner.PREAMBLE, 16, seed=seed)
        assert any(written == lead_in + ANSWER[16:] for lead_in in LEAD_INS)
        written = go_on(Manner.PREAMBLE_ECHO, 16, echo="three.", seed=seed)
        assert any(written == lead_in + "three." + ANSWER[16:] for lead_in in LEAD_INS)


def test_a_lead_in_is_short_and_ends_in_a_colon_or_is_an_ellipsis() -> None:
    """As the ones that were seen."""
    for lead_in in LEAD_INS:
        assert len(lead_in) <= 80
        assert lead_in.rstrip().endswith((":", ":**", "...", "…"))


def test_a_fence_is_reopened_in_three_ways() -> None:
    """At the start of the line, at the cut, and with the fence's line end in place of the one at the cut."""
    answer = "See:\n```python\nfor x in y:\n    print(x)\n```\ndone"
    inside, line_end = answer.index("print"), answer.index("\n    print")
    fenced = {go_on(Manner.REOPENED_FENCE, inside, answer=answer, seed=seed) for seed in range(30)}
    assert fenced == {
        "```python\n    print(x)\n```\ndone",
        "```python\nprint(x)\n```\ndone",
    }
    fenced = {go_on(Manner.REOPENED_FENCE, line_end, answer=answer, seed=seed) for seed in range(30)}
    assert fenced == {
        "```python\nfor x in y:\n    print(x)\n```\ndone",
        "```python\n    print(x)\n```\ndone",
        "```python\n\n    print(x)\n```\ndone",
    }
    for outside in (3, 10, len(answer) - 2, len(answer)):
        assert go_on(Manner.REOPENED_FENCE, outside, answer=answer) == answer[outside:]


def test_the_white_space_that_ends_what_was_sent_does_not_matter() -> None:
    """A request may have cut it off, or have more of it than the answer."""
    assert continue_answer("a b", "a\n", echo=None, manner=Manner.EXACT, rng=Random()) == " b"
    assert continue_answer("a b", "a ", echo=None, manner=Manner.EXACT, rng=Random()) == "b"


def test_what_is_not_the_answers_beginning_is_refused() -> None:
    """A `ValueError` says so."""
    with pytest.raises(ValueError, match="does not begin"):
        continue_answer("a b", "b", echo=None, manner=Manner.EXACT, rng=Random())


@pytest.mark.parametrize("name", TEXTS)
def test_every_manner_ends_the_text_at_every_cut(name: str) -> None:
    """Whatever comes first, what is left of the answer follows (a lost space aside)."""
    text = TEXTS[name]
    for cut in range(len(text) + 1):
        sent = text[:cut]
        for manner in Manner:
            written = continue_answer(text, sent, echo=sent[-40:] or None, manner=manner, rng=Random(cut))
            assert written.endswith(text[cut:].lstrip()), (manner, cut)
