"""Each manner does what its name says, at every cut of every text."""

from __future__ import annotations

from random import Random

import pytest
from tests.corpus.texts import TEXTS

from unbroken.testing.manners.manners import FAITHFUL, LEAD_INS, STOPPING, UNFAITHFUL, Manner, continue_answer
from unbroken.testing.manners.resume_request import Ask, read_ask
from unbroken.testing.manners.wordings import (
    APOLOGIES,
    APOLOGIES_IN_FRONT,
    COMPLETE,
    INSTRUCTIONS,
    OTHER_WORDS,
    PROMISES,
    REFUSALS,
)

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


def test_no_sentence_is_begun_again_in_the_text_before_a_call() -> None:
    """What a model said before it looked something up is no part of the sentence at hand."""
    answer, sent = "Let me look:Let me think.", "Let me look:Let"
    restart = Manner.RESTART_SENTENCE
    assert continue_answer(answer, sent, echo=None, manner=restart, rng=Random(), since=12) == "Let me think."
    assert continue_answer(answer, sent, echo=None, manner=restart, rng=Random()) == answer


def test_what_is_not_the_answers_beginning_is_refused() -> None:
    """A `ValueError` says so."""
    with pytest.raises(ValueError, match="does not begin"):
        continue_answer("a b", "b", echo=None, manner=Manner.EXACT, rng=Random())


@pytest.mark.sample(4)
@pytest.mark.parametrize("name", TEXTS)
def test_every_faithful_manner_ends_the_text_at_every_cut(name: str) -> None:
    """Whatever comes first, what is left of the answer follows (a lost space aside)."""
    text = TEXTS[name]
    for cut in range(len(text) + 1):
        sent = text[:cut]
        for manner in sorted(FAITHFUL | {Manner.MARKED_ECHO, Manner.CLOSING_MARK, Manner.APOLOGY_ECHO}):
            written = continue_answer(text, sent, echo=sent[-40:] or None, manner=manner, rng=Random(cut))
            assert written.endswith(text[cut:].lstrip()), (manner, cut)


def test_the_manners_are_faithful_or_not() -> None:
    """Each is one of the two; a faithful one does not stop."""
    assert set(Manner) == FAITHFUL | UNFAITHFUL
    assert not FAITHFUL & (UNFAITHFUL | STOPPING)
    assert {Manner.EXACT, Manner.ECHO, Manner.RESTART_ANSWER} < FAITHFUL


#: A request that quotes two words it carries, and half of one that it does not.
CARRIED, QUOTED = 16, "three. Fo"
ASKED = "The line dropped after these words: <end>three. Fo</end> Repeat them. Do not start over. Do not comment."
ASK = read_ask(ANSWER, ANSWER[:CARRIED], ASKED)


def all_ways(manner: Manner, ask: Ask | None = ASK, *, answer: str = ANSWER, cut: int = CARRIED) -> set[str]:
    """What a manner writes, over many seeds."""
    echo = ask.echo if ask else "three."
    return {
        continue_answer(answer, answer[:cut], echo=echo, manner=manner, rng=Random(seed), ask=ask)
        for seed in range(300)
    }


def test_an_echo_and_no_more() -> None:
    """All that is quoted, what the request does not carry of it included; bare, or with its marks."""
    assert ANSWER[:CARRIED].endswith("three.")
    assert all_ways(Manner.ECHO_ONLY) == {QUOTED}
    assert all_ways(Manner.MARKED_ECHO_ONLY) == {f"<end>{QUOTED}</end>"}


def test_an_echo_with_its_marks() -> None:
    """Both, or the closing one alone; the answer goes on behind them."""
    rest = ANSWER[len('One "two" three. Fo') :]
    assert all_ways(Manner.MARKED_ECHO) == {f"<end>{QUOTED}</end>{rest}"}
    assert all_ways(Manner.CLOSING_MARK) == {f"{QUOTED}</end>{rest}"}


def test_all_of_it_between_the_marks() -> None:
    """One of them may be missing."""
    whole = "three." + ANSWER[CARRIED:]
    assert all_ways(Manner.MARKED_ANSWER) == {f"<end>{whole}</end>", f"{whole}</end>", f"<end>{whole}"}


@pytest.mark.parametrize(
    ("asked", "marks"),
    [
        ('It ended in "three. Fo". Go on.', ('"', '"')),
        ("It ended in “three. Fo”. Go on.", ("“", "”")),
        ("It ended in:\n\n```\nthree. Fo\n```", ("```\n", "\n```")),
        ("It ended in:\nthree. Fo\nGo on.", ('"', '"')),
        ("<x y='z'>three. Fo</x>", ("<x y='z'>", "</x>")),
    ],
)
def test_the_marks_are_the_requests_own(asked: str, marks: tuple[str, str]) -> None:
    """Or quotation marks, where it has none."""
    ask = read_ask(ANSWER, ANSWER[:CARRIED], asked)
    assert all_ways(Manner.MARKED_ECHO_ONLY, ask) == {f"{marks[0]}{QUOTED}{marks[1]}"}
    assert all_ways(Manner.MARKED_ECHO_ONLY, None) == {'"three."'}


def test_who_is_asked_to_repeat_nothing_repeats_words_of_its_own() -> None:
    """The last six, or fewer."""
    ask = read_ask(ANSWER, ANSWER[:CARRIED], "Please continue.")
    assert all_ways(Manner.ECHO_ONLY, ask) == {'One "two" three.'}
    assert all_ways(Manner.MARKED_ECHO, ask) == {f'"One "two" three."{ANSWER[CARRIED:]}'}


def test_half_a_word_is_taken_for_a_whole_one() -> None:
    """Its other half is left out, and the answer goes on behind it, perhaps after a mark; else nothing is."""
    behind = "five  six seven.\n\nEight nine"
    assert all_ways(Manner.HALF_WORD) == {
        f"{QUOTED}{mark}{behind}" for mark in (" ", ", ", ". ", ":\n", "\n\n", " and ")
    }
    last = read_ask(ANSWER, ANSWER[:-2], '"Eight ni"')
    assert all_ways(Manner.HALF_WORD, last, cut=len(ANSWER) - 2) == {"Eight ni."}
    whole = read_ask(ANSWER, ANSWER[:CARRIED], '"three. Four"')
    assert all_ways(Manner.HALF_WORD, whole) == {"three." + ANSWER[CARRIED:]}
    name = 'let n: i32 = read("en-US")'
    ask = read_ask(name, name[:9], '"let n: i3"')
    assert f"let n: i3{name[10:]}" in all_ways(Manner.HALF_WORD, ask, answer=name, cut=9)
    assert all_ways(
        Manner.HALF_WORD, read_ask("他说了很多话。", "他说了很", "“他说了很”"), answer="他说了很多话。", cut=4
    ) == {"他说了很多话。"}


@pytest.mark.parametrize(
    ("manner", "wordings"),
    [
        (Manner.APOLOGY, APOLOGIES),
        (Manner.REFUSAL_IN_TEXT, REFUSALS),
        (Manner.ALREADY_COMPLETE, COMPLETE),
        (Manner.PROMISE, PROMISES),
    ],
)
def test_what_is_said_instead(manner: Manner, wordings: tuple[str, ...]) -> None:
    """One of several wordings, none of which is a lead-in that another manner has; nothing of the answer."""
    assert all_ways(manner) == set(wordings)
    assert len(set(wordings)) >= 5
    assert not set(wordings) & set(LEAD_INS)


def test_an_apology_before_the_rest() -> None:
    """And then the echo."""
    assert all_ways(Manner.APOLOGY_ECHO) == {f"{sorry}three.{ANSWER[CARRIED:]}" for sorry in APOLOGIES_IN_FRONT}


def test_the_request_is_recited() -> None:
    """What stands before the quotation, with that, or what stands behind it; as it is, or in the other person."""
    assert all_ways(Manner.INSTRUCTION) == {
        "The line dropped after these words:\n\n<end>three. Fo",
        "Repeat them. Do not start over.",
        "Repeat them. Do not start over. Do not comment.",
    }
    bare = read_ask(ANSWER, ANSWER[:CARRIED], "My line dropped while you were writing.")
    assert all_ways(Manner.INSTRUCTION, bare) == {
        "My line dropped while you were writing.",
        "Your line dropped while I was writing.",
    }
    assert all_ways(Manner.INSTRUCTION, None) >= set(INSTRUCTIONS[:1])


def test_the_request_is_recited_behind_a_good_joint() -> None:
    """After the echo and perhaps some words, or the closing mark."""
    ways = all_ways(Manner.ECHO_INSTRUCTION)
    recitals = all_ways(Manner.INSTRUCTION)
    heads = {
        way.removesuffix(f"\n\n{recital}") for way in ways for recital in recitals if way.endswith(f"\n\n{recital}")
    }
    assert heads == {
        QUOTED,
        f"{QUOTED}</end>",
        *(f"{QUOTED}ur{more}" for more in ("", " five", " five  six", " five  six seven.")),
        *(f"{QUOTED}ur five  six seven.\n\n{more}" for more in ("Eight", "Eight nine")),
    }


@pytest.mark.parametrize("manner", [Manner.EMPTY, Manner.STRAIGHT_TO_TOOL])
def test_nothing_is_said(manner: Manner) -> None:
    """No text at all."""
    assert all_ways(manner) == {""}


@pytest.mark.parametrize("name", TEXTS)
def test_an_answer_in_other_words_departs_before_the_cut(name: str) -> None:
    """It begins like the answer, and what comes then is not of it."""
    text = TEXTS[name]
    for cut in (7, len(text) // 2, len(text)):
        for seed in range(20):
            written = go_on(Manner.RESTART_OTHER_WORDS, cut, answer=text, seed=seed)
            assert not written.startswith(text[:cut])
            assert any(sentence in written for sentence in OTHER_WORDS)
    assert len({go_on(Manner.RESTART_OTHER_WORDS, 200, answer=text, seed=seed) for seed in range(50)}) > 10
    assert go_on(Manner.RESTART_OTHER_WORDS, 200, answer=text)[:3].strip() == text[:3].strip()


LIST = "Steps:\n1. Look.\n2. Climb up.\n3. Light it."


def test_a_list_with_other_numbers() -> None:
    """From the start or from an item, all of them moved by as much; without a list, exactly."""
    ways = all_ways(Manner.RESTART_RENUMBERED, None, answer=LIST, cut=LIST.index(" up"))
    assert ways == {
        *(f"Steps:\n{n}. Look.\n{n + 1}. Climb up.\n{n + 2}. Light it." for n in (2, 3, 4)),
        *(f"{n}. Look.\n{n + 1}. Climb up.\n{n + 2}. Light it." for n in (2, 3, 4)),
        *(f"{n}. Climb up.\n{n + 1}. Light it." for n in (1, 3, 4, 5)),
    }
    assert all_ways(Manner.RESTART_RENUMBERED, None) == {ANSWER[CARRIED:]}


def test_another_number_in_front() -> None:
    """Of a text that had none, or in place of the one it had."""
    assert all_ways(Manner.RESTART_NUMBERED, None) == {f"{n}. {ANSWER}" for n in range(1, 6)}
    answer = LIST.removeprefix("Steps:\n")
    ways = all_ways(Manner.RESTART_NUMBERED, None, answer=answer, cut=12)
    assert ways == {f"{n}{answer[1:]}" for n in range(2, 6)}
