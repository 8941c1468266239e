"""A text block on its way to the reader: what is kept back until something of it can be seen."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from builders import block_start, block_stop, delta, message_start, open_text, partial, text_block, text_delta

from unbroken.core.splicing.delivery import Delivery
from unbroken.core.splicing.held_tail import HeldTail
from unbroken.core.splicing.stop_sequences import StopSequences
from unbroken.core.splicing.visible_text import VisibleText
from unbroken.core.wire.decoded import Event

CITATION = delta(0, "citations_delta", {"cited_text": "fox"})


class Way:
    """The way of some text behind what was delivered."""

    def __init__(self, *delivered: Event, stops: Sequence[str] = (), is_live: bool = True) -> None:
        self.partial = partial(message_start(), *delivered)
        self.delivery = Delivery(self.partial)
        tail = HeldTail([StopSequences(stops).begun_by] if stops else [])
        self.text = VisibleText(self.partial, self.delivery, tail, is_live=is_live)

    def begin(self, *pieces: str, text: str = "") -> list[Event]:
        """What the reader gets of a block that begins with that text and goes on with these pieces."""
        index = self.text.begin({"type": "text", "text": text})
        for piece in pieces:
            self.text.push(index, piece, text_delta(piece, index))
        return self.delivery.take()


def test_a_block_is_shown_with_its_first_visible_character() -> None:
    way = Way()
    assert way.begin("", "\n", " ") == []
    assert not way.text.passes
    way.text.push(0, "Hi", text_delta("Hi"))
    assert way.delivery.take() == open_text("", "\n", " ", "Hi")
    assert way.text.passes


def test_a_block_that_is_seen_from_its_start_is_shown_at_once() -> None:
    assert Way().begin(text="Hi") == [block_start(0, "text", text="Hi")]


def test_a_delta_goes_on_itself_where_nothing_of_it_changes() -> None:
    """Else one is made for the block that the text goes into."""
    way = Way(*open_text("The"))
    same, other = text_delta(" fox"), text_delta(" dog", 3)
    way.text.push(0, " fox", same)
    way.text.push(0, " dog", other)
    first, second = way.delivery.take()
    assert first is same
    assert second == text_delta(" dog")


def test_no_delta_is_made_for_no_text() -> None:
    """One that came goes on, as it is the model's."""
    way = Way(*open_text("The"))
    way.text.push(0, "")
    way.text.go_on_with("")
    assert way.delivery.take() == []
    way.text.push(0, "", text_delta(""))
    assert way.delivery.take() == [text_delta("")]


def test_what_may_be_a_stop_sequence_waits_within_a_block() -> None:
    """With stop sequences no text passes unread, and deltas of nothing are left out."""
    way = Way(*open_text("The"), stops=["END"])
    assert not way.text.passes
    way.text.push(0, " E", text_delta(" E"))
    way.text.push(0, "", text_delta(""))
    assert way.delivery.take() == [text_delta(" ")]
    way.text.push(0, "!", text_delta("!"))
    assert way.delivery.take() == [text_delta("E!")]


def test_while_the_message_waits_no_text_passes_unseen() -> None:
    """A delta that did would overtake its beginning."""
    way = Way()
    way.delivery.wait([{"type": "of_next_year"}])
    assert not way.text.passes


def test_what_is_no_text_keeps_its_place_in_a_block() -> None:
    """It comes behind what was kept back, and is not shown before it."""
    way = Way(*open_text("The"), stops=["END"])
    way.text.push(0, " E")
    way.text.push_other(CITATION)
    assert way.delivery.take() == [text_delta(" "), text_delta("E"), CITATION]
    way = Way()
    way.begin("\n")
    way.text.push_other(CITATION)
    way.text.keep_place({"type": "of_next_year"})
    assert way.delivery.take() == []
    way.text.push(0, "Hi")
    assert way.delivery.take() == [*open_text("\n"), CITATION, {"type": "of_next_year"}, text_delta("Hi")]


def test_what_belongs_to_no_block_does_not_wait_for_one_that_is_seen() -> None:
    way = Way(*open_text("The"), stops=["END"])
    way.text.push(0, " E")
    way.text.keep_place({"type": "of_next_year"})
    assert way.delivery.take() == [text_delta(" "), {"type": "of_next_year"}]


@pytest.mark.parametrize("pieces", [(), ("",), (" ", "\n")])
def test_a_block_that_ends_blank_waits_for_what_follows(pieces: tuple[str, ...]) -> None:
    way = Way()
    assert way.begin(*pieces) == []
    way.text.end(block_stop())
    assert way.delivery.take() == []
    assert way.begin("Hi") == [*text_block(*pieces), *open_text("Hi", index=1)]


def test_what_comes_behind_a_block_that_has_ended_does_not_wait_for_another() -> None:
    way = Way()
    way.begin(" ")
    way.text.end(block_stop())
    way.text.keep_place({"type": "of_next_year"})
    assert way.delivery.take() == [*text_block(" "), {"type": "of_next_year"}]


def test_what_was_kept_back_of_a_block_that_ends_is_text_after_all() -> None:
    """Blank or not."""
    way = Way(stops=["END", " ."])
    assert way.begin(" ") == []
    way.text.end(block_stop())
    assert way.delivery.take() == []
    assert way.begin("E") == []
    way.text.end(block_stop(1))
    assert way.delivery.take() == [*text_block(" "), *text_block("E", index=1)]


def test_a_block_whose_citation_alone_can_be_seen_is_shown_at_its_end() -> None:
    way = Way()
    way.begin(" ")
    way.text.push_other(CITATION)
    way.text.end(block_stop())
    assert way.delivery.take() == [*open_text(" "), CITATION, block_stop()]


def test_text_that_is_not_live_is_shown_at_its_end() -> None:
    way = Way(is_live=False)
    assert way.begin("Hi", " you") == []
    way.text.end(block_stop())
    assert way.delivery.take() == text_block("Hi", " you")


def test_text_goes_on_in_the_open_block() -> None:
    way = Way(*text_block("The"), *open_text(" fox", index=1))
    way.text.go_on_with(" jumps")
    assert way.delivery.take() == [text_delta(" jumps", 1)]
    assert way.text.go_on() == 1


def test_where_none_is_open_a_new_block_begins_once() -> None:
    way = Way(*text_block("The"))
    way.text.go_on_with(" ")
    assert way.text.go_on() == 1
    way.text.go_on_with("fox")
    assert way.delivery.take() == open_text(" ", "fox", index=1)
    way.text.end(block_stop(1))
    way.delivery.take()
    way.begin("\n")
    way.text.end(block_stop(2))
    way.text.finish()
    assert way.begin("Hi") == [*text_block("\n", index=2), *open_text("Hi", index=3)], "that one is the model's own"


def test_a_block_that_text_was_to_go_on_in_is_forgotten_if_it_stays_blank_and_open() -> None:
    """Nobody wrote it; what begins afterwards is the model's own, blank or not."""
    way = Way(*text_block("The"), stops=[" ."])
    way.text.go_on_with("\n ")
    assert way.text.is_blank
    way.text.close()
    assert way.begin() == []
    way.text.push(1, "fox")
    assert way.delivery.take() == open_text("fox", index=1)


@pytest.mark.parametrize("blank", ["\n\n", " "])
def test_white_space_that_was_written_as_a_block_of_its_own_is_the_answers_if_something_follows(blank: str) -> None:
    """Cited answers have blocks of white space between others; at the end of a message it adds nothing."""
    way = Way(*text_block("The lamp."), stops=[" ."])
    way.text.go_on_with(blank)
    way.text.push_other({**CITATION, "index": 1})
    way.text.end(block_stop(1))
    way.text.keep_place({"type": "of_next_year"})
    assert way.delivery.take() == []
    way.text.close()
    shown = [*open_text(blank, index=1), {**CITATION, "index": 1}, block_stop(1), {"type": "of_next_year"}]
    assert way.begin("It burnt.") == [*shown, *open_text("It burnt.", index=2)]


@pytest.mark.parametrize("blank", ["", "\n\n"])
def test_a_blank_block_that_was_opened_for_the_text_is_forgotten_if_the_message_ends(blank: str) -> None:
    """What had only kept its place in it goes on."""
    way = Way(*text_block("The lamp."))
    way.text.go_on_with(blank) if blank else way.text.go_on()
    way.text.keep_place({"type": "of_next_year"})
    way.text.end(block_stop(1))
    way.text.finish()
    assert way.delivery.take() == [{"type": "of_next_year"}]
    assert way.delivery.next_index == 1


def test_a_block_of_nothing_that_was_opened_for_the_text_is_forgotten_whatever_follows() -> None:
    """Its text was all repetition."""
    way = Way(*text_block("The lamp."))
    way.text.push_other({**CITATION, "index": way.text.go_on()})
    way.text.end(block_stop(1))
    way.text.close()
    assert way.begin("It burnt.") == open_text("It burnt.", index=1)


def test_text_that_goes_on_in_a_new_block_and_is_not_live_is_shown_at_its_end() -> None:
    way = Way(*text_block("The"), is_live=False)
    way.text.go_on_with("Hi")
    assert not way.text.is_blank
    way.text.end(block_stop(1))
    assert way.delivery.take() == text_block("Hi", index=1)


def test_a_block_that_may_be_seen_yet_is_not_forgotten() -> None:
    way = Way(*text_block("The"), stops=["END"])
    way.text.go_on_with("E")
    assert not way.text.is_blank
    way.text.flush(1)
    assert way.delivery.take() == open_text("E", index=1)
    assert not way.text.is_blank


@pytest.mark.parametrize("stops", [[], ["END"]])
def test_a_block_that_is_held_until_its_end_and_has_text_is_not_forgotten(stops: list[str]) -> None:
    """Text that is not live waits, and is not blank for that; nor does a citation show it early."""
    for last in (CITATION, None):
        way = Way(*text_block("The"), stops=stops, is_live=False)
        way.text.go_on_with(" fox E")
        if last is not None:
            way.text.push_other({**CITATION, "index": 1})
        assert way.delivery.take() == []
        way.text.close()
        assert way.partial.text == "The fox E"
        assert way.delivery.take()[-1] == block_stop(1)


def test_a_citation_comes_behind_the_text_that_was_kept_back_and_shows_it() -> None:
    way = Way(*text_block("The"), stops=["END"])
    way.text.go_on_with("E")
    cited = {**CITATION, "index": 1}
    way.text.push_other(cited)
    assert way.delivery.take() == [*text_block("E", index=1)[:-1], cited]


def test_what_was_kept_back_of_a_block_that_is_not_shown_yet_is_no_more_lost_than_of_another() -> None:
    """Something else begins, or the message ends, and no stop of its own has ended the text."""
    way = Way(*text_block("The"), stops=["END"])
    way.text.go_on_with("E")
    way.text.close()
    assert way.delivery.take() == text_block("E", index=1)


def test_the_block_that_was_left_open_is_closed_with_all_of_its_text() -> None:
    """Where another is open, or none, there is nothing to close."""
    way = Way(*open_text("The"), stops=["END"])
    way.text.push(0, " E")
    way.text.close()
    assert way.delivery.take() == [text_delta(" "), text_delta("E"), block_stop()]
    way.text.close()
    assert way.delivery.take() == []
    thinking = Way(block_start(0, "thinking"))
    thinking.text.close()
    assert thinking.delivery.take() == []
