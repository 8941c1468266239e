"""The instruction is kept out of the text, however it is cut; a text that honestly speaks of such things is not."""

from __future__ import annotations

import pytest
from benchmarks.families import FAMILIES
from counting import steps
from hypothesis import given
from hypothesis import strategies as st
from tests.corpus.texts import TEXTS

from unbroken.core.requests.prompts import FIRST, PROMPTS
from unbroken.core.seam.anchor import choose_anchor
from unbroken.core.seam.instruction import Instruction, Screen
from unbroken.core.seam.seam import Seam

HELD = "The lamp was dark. She thought of the ships that no longer came, and climbed"
MORE = " the stairs.\n\nAt the top she stood still."
QUOTE = choose_anchor(HELD).quote
ASKED = {name: prompt.text.replace("{echo}", QUOTE) for name, prompt in PROMPTS.items()}
TAGGED = ASKED["tagged"]
OPENING, CLOSING = "<last_words>", "</last_words>"


def instruction(asked: str = TAGGED, known: str = HELD) -> Instruction:
    return Instruction.of(asked, QUOTE, lambda words: words in known)


def seam(asked: str = TAGGED, known: str = HELD) -> Seam:
    return Seam(HELD, choose_anchor(HELD), form="continue", instruction=instruction(asked, known))


def fed(into: Seam, *pieces: str) -> str:
    return "".join([into.feed(piece) for piece in pieces]) + into.finish()


def screened(screen: Screen, *pieces: str) -> str:
    """Text behind a joint, in pieces."""
    text = "".join([screen.unrecited(screen.untagged(piece)) for piece in pieces])
    return text + screen.unrecited(screen.untagged("", ended=True), ended=True)


def screen_of(asked: str = TAGGED, known: str = HELD) -> Screen:
    found = instruction(asked, known).screen()
    assert found is not None
    return found


class TestTags:
    def test_they_are_found_in_what_was_asked(self) -> None:
        assert instruction().tags == (OPENING, CLOSING)
        assert instruction(ASKED["short"]).tags == ()
        assert instruction(f"Repeat <a-b>{QUOTE}</a-b> and <b>go on</b>.").tags == ("<a-b>", "</a-b>", "<b>", "</b>")

    @pytest.mark.parametrize(
        "output",
        [
            OPENING + QUOTE + CLOSING + MORE,
            OPENING + QUOTE + MORE + CLOSING,
            QUOTE + CLOSING + MORE,
            QUOTE + MORE + CLOSING,
            OPENING + QUOTE + MORE,
            OPENING + QUOTE + OPENING + MORE + CLOSING,
        ],
    )
    def test_whole_or_cut_at_any_character_they_are_taken_out(self, output: str) -> None:
        assert fed(seam(), output) == fed(seam(), *output) == MORE
        for at in range(len(output)):
            assert fed(seam(), output[:at], output[at:]) == MORE
            assert fed(seam(), output[:at], output[at : at + 5], output[at + 5 :]) == MORE

    @pytest.mark.parametrize("cut", range(1, len(CLOSING)))
    def test_the_head_of_one_at_the_end_is_text_unless_it_is_most_of_it(self, cut: int) -> None:
        """Nobody knows what a few characters would have become; `max_tokens` ends a text anywhere."""
        one = seam()
        assert fed(one, QUOTE + MORE, CLOSING[:cut]) == MORE + (CLOSING[:cut] if cut < 10 else "")
        assert one.result.discarded == len(QUOTE) + (0 if cut < 10 else cut)

    def test_what_is_taken_out_is_counted_as_discarded(self) -> None:
        one = seam()
        assert fed(one, OPENING + QUOTE + CLOSING + MORE) == MORE
        assert one.result.discarded == len(OPENING + QUOTE + CLOSING)

    @pytest.mark.parametrize("size", [1, 3, 1_000])
    def test_a_text_that_is_about_such_tags_keeps_them(self, size: int) -> None:
        """Whether they stand in what was delivered or in the conversation."""
        about = f" Quote the end in {OPENING} and {CLOSING}, and close the tag."
        output = QUOTE + about
        one = seam(known=HELD + "Explain <last_words> to me.")
        assert fed(one, *(output[at : at + size] for at in range(0, len(output), size))) == about

    @pytest.mark.parametrize("mark", ["<", "<l", "<last", "<lasting>", "</p>", "<last_words", "< last_words>", "a < b"])
    def test_other_marks_pass(self, mark: str) -> None:
        assert fed(seam(), *(QUOTE + " " + mark + " on")) == " " + mark + " on"


def sentences(name: str) -> list[str]:
    """The sentences of a wording behind its quotation."""
    behind = PROMPTS[name].text.split("{echo}")[1].removeprefix(CLOSING).strip("`\n")
    return [each.strip() for each in behind.replace("?", ".").split(". ") if len(each.split()) > 5]


class TestRecitals:
    @pytest.mark.parametrize("more", ["", " home.", MORE])
    @pytest.mark.parametrize("size", [1, 7, 1_000])
    def test_the_mark_between_a_tag_and_a_recital_is_the_requests(self, more: str, size: int) -> None:
        """Both stand so in the wording that is asked first; what stood before them is the answer's."""
        asked = FIRST.text.replace("{echo}", QUOTE)
        output = f"{QUOTE}{more}{CLOSING}. Begin with these words. Do not"
        one = seam(asked)
        assert fed(one, *(output[at : at + size] for at in range(0, len(output), size))) == more
        assert one.recited
        assert one.result.discarded == len(output) - len(more)

    def test_a_mark_behind_a_tag_is_text_where_no_recital_follows(self) -> None:
        asked = FIRST.text.replace("{echo}", QUOTE)
        assert fed(seam(asked), *f"{QUOTE}{CLOSING}. Begin again.") == ". Begin again."

    @pytest.mark.parametrize("name", PROMPTS)
    def test_from_a_sentences_start_nothing_of_it_is_text_wherever_it_is_cut(self, name: str) -> None:
        for sentence in sentences(name):
            output = f"{QUOTE}{MORE}\n\n{sentence}. And on and on."
            for size in (1, 2, 7, len(output)):
                one = seam(ASKED[name])
                assert fed(one, *(output[at : at + size] for at in range(0, len(output), size))) == MORE
                assert one.recited

    @pytest.mark.parametrize("name", PROMPTS)
    def test_from_the_middle_of_a_sentence_too(self, name: str) -> None:
        for sentence in sentences(name):
            words = sentence.split()
            middle = " ".join(words[len(words) // 3 :])
            if len("".join(middle.split())) < 40:
                continue
            output = f"{QUOTE}{MORE} {middle}."
            for size in (1, 5, len(output)):
                one = seam(ASKED[name])
                assert fed(one, *(output[at : at + size] for at in range(0, len(output), size))) == MORE
                assert one.recited

    @pytest.mark.parametrize("behind", ["\n\n", " ", "\n> ", '\n"'])
    def test_it_begins_with_a_word_in_capitals_or_not_and_in_any_white_space(self, behind: str) -> None:
        sentence = sentences("tagged")[0]
        for told in (sentence, sentence.upper(), sentence.replace(" ", "\n"), sentence.replace(" ", "  ")):
            one = seam()
            text = fed(one, *(QUOTE + MORE + behind + told))
            assert text.rstrip('\n >"') == MORE
            assert one.recited

    @pytest.mark.parametrize("name", PROMPTS)
    @pytest.mark.parametrize("size", [1, 7, 1_000])
    def test_a_model_may_recite_it_for_itself(self, name: str, size: int) -> None:
        """From its beginning: what was asked of it becomes what it says of itself."""
        before, after = PROMPTS[name].text.split("{echo}")
        told = before.replace("Your ", "My ").replace("reached me", "reached you").replace("you were", "I was")
        output = f"{QUOTE}{MORE}\n\n{told}{QUOTE}{after}"
        one = seam(ASKED[name])
        assert fed(one, *(output[at : at + size] for at in range(0, len(output), size))) == MORE
        assert one.recited

    def test_a_few_words_that_it_shares_with_the_instruction_are_text(self) -> None:
        more = " the stairs. Please repeat these, she said. Do not start over now. Go straight on."
        assert fed(seam(), *(QUOTE + more)) == more

    def test_what_the_conversation_has_is_text(self) -> None:
        """A text about prompts, which the user has shown."""
        sentence = sentences("tagged")[0]
        assert fed(seam(known=HELD + TAGGED), QUOTE + MORE + "\n\n" + TAGGED) == MORE + "\n\n" + TAGGED
        assert sentence not in "".join(instruction(known=TAGGED).sentences)

    def test_it_is_looked_for_not_for_ever(self) -> None:
        """What was recorded begins within a few hundred characters, and watching costs."""
        one = seam()
        long = " and on she went" * 400
        assert one.feed(QUOTE + long)
        assert one.settled is False  # a tag may still come
        assert fed(one, "\n\n" + TAGGED.replace(OPENING, "").replace(CLOSING, "")).strip()

    def test_where_there_are_no_tags_the_deltas_pass_as_they_are_in_the_end(self) -> None:
        one = seam(ASKED["short"])
        for _ in range(400):
            one.feed(QUOTE if one.state == "open" else " and on she went")
        assert one.settled
        assert one.feed(" and on") == " and on"

    @pytest.mark.parametrize("size", [1, 9, 10_000])
    def test_white_space_within_or_before_words_of_it_holds_nothing_back_for_long(self, size: int) -> None:
        """Cells of a table are padded; a page may be left blank."""
        text = " the" + " " * 90 + "| last" + " " * 90 + "|\n" + "\n" * 900 + "Please"
        one = seam(ASKED["short"])
        fed_before = "".join(
            one.feed(each) for each in [QUOTE, *(text[n : n + size] for n in range(0, len(text), size))]
        )
        assert len(text) - len(fed_before) <= 300
        assert fed_before + one.finish() == text

    def test_once_it_recites_nothing_is_text_any_more(self) -> None:
        screen = screen_of()
        recital = sentences("tagged")[0]
        assert screen.unrecited(recital) == ""
        assert screen.recited
        assert screen.unrecited(" And then the answer.") == ""
        assert screen.removed == len(recital) + len(" And then the answer.")

    @pytest.mark.parametrize("size", [1, 7, 1_000])
    def test_what_was_taken_out_is_counted_however_it_was_cut(self, size: int) -> None:
        """Also what may be the head of one more tag, behind a recital that began with a tag."""
        screen = screen_of(FIRST.text.replace("{echo}", QUOTE))
        text = "</last_words>. Begin with these words</"
        out = [screen.unrecited(screen.untagged(text[at : at + size])) for at in range(0, len(text), size)]
        out.append(screen.unrecited(screen.untagged("", ended=True), ended=True))
        assert "".join(out) == ""
        assert screen.removed == len(text)

    def test_nothing_of_a_short_ask_can_be_told_from_text(self) -> None:
        assert Instruction.of("Go on.", "", lambda words: False).screen() is None
        assert Instruction.of(f"Go on: {QUOTE}", QUOTE, lambda words: False).screen() is None

    def test_tags_alone_are_screened_without_sentences(self) -> None:
        screen = Instruction.of(f"<a>{QUOTE}</a>", QUOTE, lambda words: False).screen()
        assert screen is not None
        assert screened(screen, "x</", "a> y") == "x y"
        assert not screen.done


@pytest.mark.sample(5)
@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("asked", ASKED)
def test_an_honest_text_passes_whole(name: str, asked: str) -> None:
    for size in (1, 11, 10_000):
        text = TEXTS[name]
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        assert screened(screen_of(ASKED[asked]), *pieces) == text


PARTS = [*TAGGED.split(), OPENING, CLOSING, TAGGED, "\n\n", " ", "<", "</", "the", "lamp.", *sentences("tagged")]


@given(st.lists(st.sampled_from(PARTS), max_size=12).map(" ".join), st.data())
def test_it_does_not_matter_where_deltas_end(output: str, data: st.DataObject) -> None:
    output = QUOTE + MORE + " " + output
    cuts = sorted(data.draw(st.lists(st.integers(0, len(output)))))
    pieces = [output[start:end] for start, end in zip([0, *cuts], [*cuts, len(output)], strict=True)]
    seams = [seam() for _ in range(3)]
    whole, single, drawn = (
        (fed(each, *some), each.recited, each.result, each.state)
        for each, some in zip(seams, ([output], output, pieces), strict=True)
    )
    assert whole == single == drawn


@pytest.mark.sample
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size", [10_000, 1_000_000])
def test_watching_costs_no_more_than_the_first_characters(family: str, size: int) -> None:
    text = FAMILIES[family](size)
    pieces = [text] if size > 10_000 else [text[at : at + 10] for at in range(0, len(text), 10)]
    lines, _, out = steps(lambda: screened(screen_of(), *pieces))
    assert lines <= 150_000
    assert out == text
