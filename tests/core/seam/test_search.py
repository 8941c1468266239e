"""The search for the joint: a bounded number of steps over any text, and no joint without evidence."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import pytest
from benchmarks.families import FAMILIES
from counting import steps
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.seam.anchor import DeliveredText, choose_anchor
from unbroken.core.seam.seam import Seam, SeamResult
from unbroken.core.seam.search import Search

HELD = "The lamp was dark. She thought of the ships that no longer came"
ANCHOR = choose_anchor(HELD)
WHOLE = choose_anchor(HELD, whole=True)


def in_pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def joined(held: str, *pieces: str, whole: bool = False) -> tuple[str, SeamResult]:
    """What is delivered, and how it was joined."""
    anchor = choose_anchor(held, whole=whole)
    seam = Seam(held, anchor, form="continue" if anchor.sent else "restart")
    text = "".join([seam.feed(piece) for piece in pieces]) + seam.finish()
    return text, seam.result


class TestReading:
    def test_it_stops_right_behind_the_joint(self) -> None:
        search = Search(DeliveredText(HELD), ANCHOR, "continue")
        assert search.feed(ANCHOR.quote + ", and on") == len(ANCHOR.quote)
        assert search.found is not None
        assert search.read == len(ANCHOR.quote)

    def test_what_nothing_can_come_of_is_hopeless_after_a_line_or_so(self) -> None:
        search = Search(DeliveredText(HELD), ANCHOR, "continue")
        read = search.feed("Quite another text, which goes on and on and has no end. " * 20)
        assert search.hopeless
        assert search.found is None
        assert read == search.read <= 400

    def test_white_space_alone_is_blank(self) -> None:
        search = Search(DeliveredText(HELD), ANCHOR, "continue")
        assert search.feed(" \n" * 200) == 400
        assert search.is_blank
        assert not search.repeats
        assert not search.hopeless

    def test_whether_it_repeats_what_is_held(self) -> None:
        search = Search(DeliveredText(HELD), WHOLE, "restart")
        search.feed(HELD[:20])
        assert search.repeats
        search.feed(" and other words")
        assert not search.repeats


class TestBounds:
    def test_after_so_many_places_that_are_none_it_is_hopeless(self) -> None:
        held = "xy" + "a" * 30_000 + "c" + "a" * 1_500
        search = Search(DeliveredText(held), choose_anchor(held, whole=True), "continue")
        search.feed("y" + "a" * 30_000)
        assert search.hopeless
        assert search.found is None

    def test_after_so_many_comparisons_that_fail_too(self) -> None:
        held = "a" * 30_000 + "c" + "a" * 1_500
        search = Search(DeliveredText(held), choose_anchor(held, whole=True), "continue")
        search.feed("a" * 30_000)
        assert search.hopeless
        assert search.found is None

    def test_a_lead_in_before_a_text_that_repeats_itself_is_tried_as_well(self) -> None:
        held = "We laughed:\n\n" + "ha ha he ha " * 900
        for back in (3, 90, 400):
            anchor = choose_anchor(held)
            search = Search(DeliveredText(held), anchor, "continue")
            search.feed("Sure, here is the rest:\n\n" + held[-back:] + "and that was all.")
            assert search.found is None or search.found.kind == "echo"  # of whole periods it is the echo and more

    def test_a_replay_that_begins_like_an_earlier_place_is_known_before_other_words(self) -> None:
        held = "And so it went on, day by day. And so it went on, day after day, until the lamp was dark"
        search = Search(DeliveredText(held), choose_anchor(held), "continue")
        replay = choose_anchor(held).sent[31:]
        assert search.known_head(replay + " another word" * 9) == len(replay)

    def test_but_not_looked_for_at_every_place(self) -> None:
        held = "And so on. " * 300 + "The lamp was dark, and she climbed"
        search = Search(DeliveredText(held), choose_anchor(held), "continue")
        assert search.known_head("And so on. And so another word. " * 200) == 0


#: Rows, blanks and laughter: who goes on at the exact character writes what could be the echo.
ALIKE = {
    "rows": "| a | b |\n|---|---|\n" + "| - | - |\n" * 900,
    "form": "Name: ______\nDate: ______\n\n" * 350,
    "laughter": "ha " * 3_000,
    "lines": "La la la la la, and so on it went.\n" * 260,
    "digits": "0" * 9_000,
    "brackets": "[], " * 2_500,
}


class TestNoEvidence:
    @pytest.mark.sample
    @pytest.mark.parametrize("name", ALIKE)
    @pytest.mark.parametrize("size", [1, 9, 100_000])
    @pytest.mark.parametrize("more", [0, 1, 2, 5, 30])
    def test_who_goes_on_at_the_exact_character_loses_nothing_as_a_verified_joint(
        self, name: str, size: int, more: int
    ) -> None:
        """Without the echo a row that comes cannot be told from one that is there: it is unmatched, and asked again."""
        held = ALIKE[name]
        unit = {"rows": "| - | - |\n", "form": held[:28], "laughter": "ha ", "lines": held[:35]}.get(name, held[-4:])
        rest = unit * more + "And that was all of it, at long last."
        for cut in (len(held), len(held) - 3, len(held) - 7):
            for whole in (False, True):
                text, result = joined(held[:cut], *in_pieces(held[cut:] + rest, size), whole=whole)
                if result.verified:
                    assert held[:cut] + text == held + rest

    @pytest.mark.parametrize("name", [name for name in ALIKE if name != "digits"])
    @pytest.mark.parametrize("size", [1, 9, 100_000])
    def test_with_the_echo_every_row_is_kept(self, name: str, size: int) -> None:
        held = ALIKE[name]
        anchor = choose_anchor(held)
        rest = held[:200] + "The end."
        whole = held + rest
        output = whole[len(anchor.sent) - len(anchor.echo) :]
        text, result = joined(held, *in_pieces(output, size))
        assert held + text == whole
        assert result.verified


#: A numbered list that was cut in its second item, or in a line below its first.
NUMBERED = (
    "## Before you sail\n\n1. **Check the lamp.** It should be lit, or nearly so:\n"
    "   - no wick older than five days;\n   - no glass that is broken.\n"
    "2. **Check the harbour.** It should be less than"
)


class TestOtherNumbers:
    @pytest.mark.parametrize("cut", [len(NUMBERED), NUMBERED.index(" older"), NUMBERED.index(" broken")])
    @pytest.mark.parametrize("whole", [False, True])
    @pytest.mark.parametrize("size", [1, 1_000])
    def test_a_list_that_is_begun_anew_with_another_number_is_no_replay(self, cut: int, whole: bool, size: int) -> None:
        """Its first line ends in a colon, and is no lead-in: the items behind it would be counted on from there."""
        held, more = NUMBERED[:cut], " that, and that was all.\n"
        start = held.index("1. ")
        for number in ("4", "12"):
            output = number + held[start + 1 :] + more
            assert joined(held, *in_pieces(output, size), whole=whole)[1].kind == "unmatched"
        text, result = joined(held, *in_pieces(held[start:] + more, size), whole=whole)
        assert (text, result.verified) == (more, True)

    def test_a_number_in_a_lead_in_and_a_slip_in_the_echo_are_none(self) -> None:
        key = choose_anchor(NUMBERED).quote
        assert joined(NUMBERED, f"Here are the other 2 steps of 2:\n{key} half full.")[0] == " half full."
        assert joined(NUMBERED, key.replace("2.", "3.") + " half full.")[0] == " half full."


#: The same characters, composed and apart; a mark may come in another delta than its letter.
COMPOSED = "Le phare s'éteignit à la tombée de la nuit; Zoë Brontë, née à Besançon, monta les marches du phare gelé, où"


class TestForms:
    @pytest.mark.sample
    @pytest.mark.parametrize("held_form", ["NFC", "NFD"])
    @pytest.mark.parametrize("came_form", ["NFC", "NFD"])
    @pytest.mark.parametrize("size", [1, 2, 7, 1_000])
    @pytest.mark.parametrize("replay", [False, True])
    def test_an_echo_or_a_replay_in_another_form_is_the_same_text(
        self, held_form: str, came_form: str, size: int, replay: bool
    ) -> None:
        for cut in range(30, len(COMPOSED)):
            held = unicodedata.normalize(held_form, COMPOSED[:cut])  # type: ignore[arg-type]
            rest = unicodedata.normalize(came_form, COMPOSED[cut:] + " elle pleura.")  # type: ignore[arg-type]
            for whole in (False, True):
                anchor = choose_anchor(held, whole=whole)
                back = held if replay else held[len(anchor.sent) - len(anchor.echo) :]
                output = unicodedata.normalize(came_form, back) + rest  # type: ignore[arg-type]
                text, result = joined(held, *in_pieces(output, size), whole=whole)
                assert "".join(text.split()) == "".join(rest.split()), cut
                assert result.verified

    @given(st.text(st.sampled_from("ae\u0301\u0323\u0302 o\u0308."), min_size=40, max_size=90), st.integers(1, 9))
    def test_marks_in_another_order_are_the_same_text(self, held: str, size: int) -> None:
        anchor = choose_anchor(held)
        if not anchor.sent:
            return
        back = held[len(anchor.sent) - len(anchor.echo) :]
        for form in ("NFC", "NFD"):
            output = unicodedata.normalize(form, back) + "\n\nAnd then the end."  # type: ignore[arg-type]
            text, result = joined(held, *in_pieces(output, size))
            if result.verified:
                assert text.strip() == "And then the end."


SIZES = [1_000, 1_000_000]


def continuations(held: str) -> Iterator[str]:
    """What is hard to search: the text again, the text but for its end, and another of its kind."""
    yield held
    yield held[1:] + "!"
    yield held[: len(held) // 2] + "!" + held[len(held) // 2 :]
    yield "Sure, here is the rest:\n\n" + held


@pytest.mark.sample(5)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_steps_grow_with_the_number_of_deltas_alone(family: str, size: int) -> None:
    """A few dozen lines for each, whatever the text is; and a number of searches of C that grows with the logarithm."""
    held = FAMILIES[family](size)
    for whole in (False, True):
        anchor = choose_anchor(held, whole=whole)
        for output in continuations(held):
            pieces = in_pieces(output, max(1, len(output) // 100))
            seam = Seam(held, anchor, form="continue" if anchor.sent else "restart")

            def read(seam: Seam = seam, pieces: list[str] = pieces) -> None:
                for piece in pieces:
                    seam.feed(piece)
                seam.finish()

            lines, calls, _ = steps(read)
            assert lines <= 400_000, output[:20]
            assert calls["find"] <= 60_000
            assert "rfind" not in calls
