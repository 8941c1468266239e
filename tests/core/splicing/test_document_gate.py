"""What goes on with a document is let through at its end, or not at all."""

from __future__ import annotations

import pytest
from builders import ending, message_delta, message_start, message_stop, text_block

from unbroken.core.splicing.document_gate import DocumentGate
from unbroken.core.wire.decoded import Event

DOCUMENT = "{}"
REST = [message_start(), *text_block("}")]


class Gate:
    """A gate for one document, and what it was asked."""

    def __init__(self, makes: str | None = DOCUMENT) -> None:
        self.asked: list[list[Event]] = []
        self._makes = makes
        self.gate = DocumentGate(DOCUMENT.__eq__, self._text_with)

    def _text_with(self, events: list[Event]) -> str | None:
        self.asked.append(list(events))
        return self._makes

    def push(self, *events: Event) -> list[list[Event]]:
        """What goes on after each of these."""
        return [self.gate.push(event) for event in events]


def test_where_no_document_is_asked_for_everything_goes_on_at_once() -> None:
    gate = DocumentGate(None, lambda _: None)
    events = [*REST, *ending()]
    assert [gate.push(event) for event in events] == [[event] for event in events]
    assert not gate.refused


@pytest.mark.parametrize("stop_reason", ["end_turn", "stop_sequence"])
def test_a_document_goes_on_when_it_is_whole(stop_reason: str) -> None:
    """All of it at once, counts on the way and all; what follows goes on as it comes."""
    gate = Gate()
    before = [*REST, message_delta(None)]
    end, stop = ending(stop_reason)
    assert gate.push(*before) == [[]] * len(before)
    assert gate.push(end, stop) == [[*before, end], [stop]]
    assert gate.asked == [[*before, end]], "it is judged once, by all that came"
    assert not gate.gate.refused


def test_what_is_not_the_document_does_not_go_on() -> None:
    gate = Gate(makes="{}, and so on")
    assert gate.push(*REST, message_delta()) == [[]] * (len(REST) + 1)
    assert gate.gate.refused


def test_what_cannot_be_joined_goes_on_to_who_tells_why() -> None:
    gate = Gate(makes=None)
    end = message_delta()
    assert gate.push(*REST, end)[-1] == [*REST, end]
    assert not gate.gate.refused


@pytest.mark.parametrize("stop_reason", ["max_tokens", "tool_use", "model_context_window_exceeded", "of_next_year"])
def test_another_end_is_half_a_document(stop_reason: str) -> None:
    """Nobody asks what it makes: the constraint alone would have ended it in time."""
    gate = Gate()
    assert gate.push(*REST, message_delta(stop_reason))[-1] == []
    assert gate.gate.refused
    assert gate.asked == []


def test_a_refusal_is_not_judged() -> None:
    """It is told as that of any other answer."""
    gate = Gate(makes="half")
    end = message_delta("refusal")
    assert gate.push(*REST, end)[-1] == [*REST, end]
    assert not gate.gate.refused
    assert gate.asked == []


@pytest.mark.parametrize("makes", ["half", DOCUMENT])
def test_an_end_without_a_reason_is_known_by_its_text(makes: str) -> None:
    """Some gateways send none: half a document is none for that."""
    gate = Gate(makes=makes)
    passed = gate.push(*REST, message_stop())[-1]
    assert gate.gate.refused is (makes != DOCUMENT)
    assert passed == ([*REST, message_stop()] if makes == DOCUMENT else [])
