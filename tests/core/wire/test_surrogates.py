"""Halves of characters: joined where their other half comes, and never sent."""

from __future__ import annotations

from typing import Any

import pytest
from builders import block_stop, delta, text_delta
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.wire.decoded import Malformed
from unbroken.core.wire.surrogates import SurrogateJoiner, encodable, has_surrogates

HIGH, LOW, FACE = "\ud83d", "\ude00", "\U0001f600"


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("", ""),
        ("plain", "plain"),
        (f"界 {FACE}", f"界 {FACE}"),
        (f"a{HIGH}{LOW}b", f"a{FACE}b"),
        (f"a{HIGH}", "a"),
        (f"a{LOW}", "a"),
        (f"a{HIGH}{HIGH}", "a"),
        (f"a{HIGH}b", "a\ufffdb"),
        (f"a{LOW}{HIGH}b{HIGH}{LOW}", f"a\ufffd\ufffdb{FACE}"),
    ],
)
def test_a_text_is_made_one_that_can_be_encoded(text: str, sent: str) -> None:
    assert encodable(text) == sent
    assert encodable(text).encode().decode() == sent
    assert has_surrogates(text) == (text != sent)


@given(st.text(st.characters(categories=["L", "Cs", "So"])))
def test_any_text_can_be_encoded(text: str) -> None:
    """And once is enough."""
    sent = encodable(text)
    assert sent.encode().decode() == sent == encodable(sent)


def test_every_text_of_a_json_value_is_made_one() -> None:
    """Whatever holds it."""
    value: Any = [{"type": "text", "text": f"a{HIGH}", f"k{LOW}": [1, None, True, 2.5, f"{HIGH}{LOW}"]}]
    assert encodable(value) == [{"type": "text", "text": "a", "k": [1, None, True, 2.5, FACE]}]


def join(*events: dict[str, Any]) -> list[dict[str, Any]]:
    """What a joiner gives out of these events."""
    joiner = SurrogateJoiner()
    given = []
    for event in events:
        given += joiner.push(event)
    return given


@pytest.mark.parametrize("type_", ["text_delta", "thinking_delta", "input_json_delta"])
def test_a_character_that_is_cut_in_two_is_given_when_it_is_whole(type_: str) -> None:
    """With the text around it in its place; a delta that holds nothing else is no event."""
    assert join(delta(0, type_, f"a{HIGH}"), delta(0, type_, f"{LOW}b")) == [
        delta(0, type_, "a"),
        delta(0, type_, f"{FACE}b"),
    ]
    assert join(delta(0, type_, HIGH), delta(0, type_, LOW)) == [delta(0, type_, FACE)]
    assert join(delta(0, type_, HIGH), delta(0, type_, f"{LOW}{HIGH}"), delta(0, type_, LOW)) == [
        delta(0, type_, FACE),
        delta(0, type_, FACE),
    ]


def test_a_half_that_stays_alone_is_given_as_it_came() -> None:
    """As by the SDK: before whatever came instead of its other half."""
    for other in (text_delta("b"), text_delta(LOW, index=1), delta(0, "thinking_delta", LOW), block_stop()):
        assert join(text_delta(f"a{HIGH}"), other) == [text_delta("a"), text_delta(HIGH), other]
    assert join(text_delta(LOW), block_stop()) == [text_delta(LOW), block_stop()]


def test_a_half_waits_over_an_event_of_a_gateways_own() -> None:
    """It is no part of the message, and is given at once."""
    own = {"type": "content_block_meta", "x": 1}
    assert join(text_delta(f"a{HIGH}"), own, text_delta(f"{LOW}b")) == [text_delta("a"), own, text_delta(f"{FACE}b")]


def test_a_half_at_the_end_waits() -> None:
    """For good, if nothing comes."""
    joiner = SurrogateJoiner()
    assert joiner.push(text_delta(f"a{HIGH}")) == [text_delta("a")]
    assert joiner.waiting
    assert joiner.push(text_delta(LOW)) == [text_delta(FACE)]
    assert not joiner.waiting


@pytest.mark.parametrize("piece", [f"{HIGH}x", LOW, f"x{HIGH}"])
def test_half_a_character_in_the_input_of_a_tool_is_malformed(piece: str) -> None:
    """No JSON has it, and the SDK would raise `UnicodeEncodeError`."""
    with pytest.raises(Malformed, match="half of a character"):
        join(delta(0, "input_json_delta", piece), block_stop())
