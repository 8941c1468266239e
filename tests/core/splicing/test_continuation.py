"""What an attempt has made of the text that it was to go on with."""

from __future__ import annotations

import pytest
from builders import delta, message_start, open_text, partial, text_block, text_delta, tool_block

from unbroken.core.message.partial import Partial
from unbroken.core.requests.prompts import FIRST
from unbroken.core.seam.anchor import choose_anchor
from unbroken.core.seam.ending import Ending
from unbroken.core.seam.instruction import Instruction
from unbroken.core.seam.seam import Form, Seam
from unbroken.core.splicing.continuation import Continuation
from unbroken.core.wire.decoded import Event

WHOLE = "The quick brown fox jumps over the lazy dog, and nobody has ever asked the dog."
HALF = "The quick brown fox jumps over the lazy dog, and nobody has ever asked"
WORD = "The quick brown fox jumps over the lazy dog, and nobody has ever as"
LIST = "1. Water\n2. Food\n3. Shelte"
TO_BE_ASKED = "Let me look that up:"


class Asked:
    """A text that was delivered, and an attempt that is to go on with it."""

    def __init__(self, text: str, *, form: Form = "continue", whole: bool = False) -> None:
        self.partial: Partial = partial(message_start(), *open_text(text))
        anchor = choose_anchor(text, whole=whole)
        asked = FIRST.text.replace("{echo}", anchor.quote)
        words = Instruction.of(asked, anchor.quote, lambda words: words in text)
        self.quote = anchor.quote
        self.seam = Seam(text, anchor, form=form, instruction=words)
        self.continuation = Continuation(self.partial, self.seam)

    def says(self, text: str) -> Continuation:
        """The attempt, after it has written this and no more."""
        self.brings(text_delta(self.seam.feed(text) + self.seam.finish()))
        return self.continuation

    def echoes(self, more: str = "") -> Continuation:
        """The attempt, after the last words of what was delivered, and then this."""
        return self.says(self.quote + more)

    def brings(self, *events: Event) -> Continuation:
        """The attempt, after these were delivered."""
        for event in events:
            self.partial.apply(event)
        return self.continuation


def test_what_starts_from_nothing_is_no_continuation() -> None:
    """It can end as it likes."""
    held = partial(message_start())
    continuation = Continuation(held, None)
    assert not continuation.is_silent("end_turn")
    assert not continuation.is_refused("refusal")
    assert not continuation.is_blank
    assert not continuation.leaves_a_gap
    assert not continuation.may_begin_with_a_call
    assert not continuation.may_be_text
    assert not continuation.repeats
    assert not continuation.has_left_the_answer


@pytest.mark.parametrize(
    ("text", "more", "nothing"),
    [
        (HALF, "", True),
        (HALF, " \n", True),
        (WORD, "ked", True),  # the rest of the word
        (WORD, "k" * 15, True),
        (WORD, "k" * 16, False),  # no word is so long
        (WORD, "ked.", False),
        (HALF, " it", False),
        (WHOLE, " It", False),
    ],
)
def test_whether_it_adds_a_word(text: str, more: str, nothing: bool) -> None:
    assert Asked(text).brings(text_delta(more)).adds_nothing is nothing


def test_a_word_behind_a_space_is_one_of_its_own() -> None:
    """Not the rest of another."""
    assert not Asked(HALF + " ").brings(text_delta("it")).adds_nothing


def test_a_block_of_another_kind_is_something() -> None:
    """Text is not, unless it has a word."""
    asked = Asked(HALF)
    assert asked.brings(*open_text("", index=1)).adds_nothing
    assert not asked.brings(*tool_block("{}", index=2)).adds_nothing


@pytest.mark.parametrize(
    ("more", "ending"),
    [
        ("", Ending.UNFINISHED),
        ("\n\n", Ending.UNFINISHED),
        (" the dog.", Ending.FINISHED),
        (" the,", Ending.UNFINISHED),
    ],
)
def test_the_ending_is_that_of_the_text_but_for_blanks(more: str, ending: Ending) -> None:
    assert Asked(HALF).brings(text_delta(more)).ending is ending


def test_white_space_that_it_adds_does_not_make_a_text_unfinished() -> None:
    """What was delivered before is looked at, as it was."""
    assert Asked(WHOLE).brings(text_delta("\n\n")).ending is Ending.FINISHED


@pytest.mark.parametrize("stop_reason", ["end_turn", None])
@pytest.mark.parametrize(
    ("text", "more", "silent"), [(WHOLE, "", False), (HALF, "", True), (HALF, " it", False), (LIST, "r", False)]
)
def test_who_shows_where_the_text_ends_and_adds_nothing(
    text: str, more: str, silent: bool, stop_reason: str | None
) -> None:
    """That is the end of a text that looks finished; the last letters of a word may be the end of more."""
    assert Asked(text).echoes(more).is_silent(stop_reason) is silent


def test_without_the_last_letters_the_same_text_is_asked_for_again() -> None:
    assert Asked(LIST).echoes().is_silent("end_turn")


@pytest.mark.parametrize("stop_reason", ["max_tokens", "tool_use"])
def test_an_end_of_another_kind_says_nothing_of_the_texts(stop_reason: str) -> None:
    assert Asked(WHOLE).echoes().is_silent(stop_reason)


@pytest.mark.parametrize("stop_reason", ["stop_sequence", "pause_turn", "refusal"])
def test_an_end_that_says_why_it_adds_nothing_is_no_silence(stop_reason: str) -> None:
    assert not Asked(HALF).echoes().is_silent(stop_reason)


def test_who_shows_nothing_has_not_said_that_it_is_the_end() -> None:
    """Where the last words were to be shown first; a request that sent all of the text did not ask for them."""
    asked = Asked(WHOLE)
    asked.seam.pass_over()
    assert asked.continuation.is_silent("end_turn")
    assert not Asked(WHOLE, whole=True).says("").is_silent("end_turn")


def test_an_answer_from_the_beginning_says_itself_that_it_is_whole() -> None:
    asked = Asked(HALF, form="restart")
    assert not asked.says(HALF).is_silent("end_turn")
    assert not Asked(HALF, form="restart").continuation.leaves_a_gap


def test_a_refusal_is_one_before_anything_new() -> None:
    """Behind something new it is how the answer itself ends."""
    assert Asked(HALF).echoes().is_refused("refusal")
    assert not Asked(HALF).echoes().is_refused("end_turn")
    assert not Asked(HALF).echoes(" the").is_refused("refusal")
    assert not Asked(HALF).brings(*tool_block("{}", index=1)).is_refused("refusal")


@pytest.mark.parametrize(
    ("text", "said", "may", "gap"),
    [
        (TO_BE_ASKED, "", True, True),  # an agent says what it will do, and does it
        (WHOLE, " ", True, True),
        (HALF, "", False, True),
        (TO_BE_ASKED, "I have", False, False),  # that is for the seam to judge
    ],
)
def test_whether_it_may_begin_with_a_call(text: str, said: str, may: bool, gap: bool) -> None:
    asked = Asked(text)
    asked.seam.feed(said)
    assert asked.continuation.may_begin_with_a_call is may
    assert asked.continuation.leaves_a_gap is gap
    assert asked.continuation.is_blank is (not said.strip())


def test_what_matches_nothing_may_be_text_all_the_same() -> None:
    """Unless it says again what was said, or speaks of the request."""
    asked = Asked(WHOLE)
    asked.seam.feed("Once upon a time there lived a hedgehog in the woods. " * 9)
    assert asked.continuation.has_left_the_answer
    assert asked.continuation.may_be_text
    repeats = Asked(WHOLE)
    repeats.seam.feed(repeats.quote[:8])
    assert repeats.continuation.repeats
    assert not repeats.continuation.may_be_text
    sorry = Asked(WHOLE)
    sorry.echoes("\n\nI'm sorry for the confusion, but I cannot continue this text.")
    assert sorry.continuation.has_left_the_answer
    assert not sorry.continuation.may_be_text


@pytest.mark.parametrize(
    ("text", "more", "left"), [(HALF, " the dog.", False), (HALF, " the", True), (WHOLE, "", True)]
)
def test_a_recital_of_the_request_is_the_end_of_a_finished_text(text: str, more: str, left: bool) -> None:
    """Behind something new; else the answer was left without an end."""
    recital = FIRST.text.split("</last_words>. ")[1]
    continuation = Asked(text).echoes(f"{more}\n\n{recital}")
    assert continuation.has_left_the_answer is left
    assert not continuation.may_be_text


def test_what_goes_on_has_not_left_the_answer() -> None:
    asked = Asked(HALF)
    assert not asked.continuation.has_left_the_answer
    assert not asked.echoes(" the dog.").has_left_the_answer


def test_a_citation_is_known_in_the_block_that_is_gone_on_with() -> None:
    """In that one alone, and in none where there is none."""
    fox = {"type": "char_location", "cited_text": "fox"}
    asked = Asked(HALF)
    assert not asked.continuation.has_cited(fox)
    assert asked.brings(delta(0, "citations_delta", fox)).has_cited(fox)
    assert not asked.brings(*text_block("More.", index=1)).has_cited(fox)
    assert not Continuation(Partial(), None).has_cited(fox)
