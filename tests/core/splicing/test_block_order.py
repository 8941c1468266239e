"""Blocks that are written side by side come one after another."""

from __future__ import annotations

from typing import Any

import pytest
from builders import block_start, block_stop, ending, message_start
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.splicing.block_order import BlockOrder
from unbroken.core.splicing.splicer import Splicer
from unbroken.core.wire.decoded import Event


def text(index: int, value: str) -> Event:
    return {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": value}}


def argument(index: int, value: str) -> Event:
    return {"type": "content_block_delta", "index": index, "delta": {"type": "input_json_delta", "partial_json": value}}


def ordered(*events: Event) -> list[list[Event]]:
    order = BlockOrder()
    return [order.push(event) for event in events]


def test_one_after_another_they_go_on_as_they_come() -> None:
    events = [
        message_start(),
        block_start(0, "text"),
        text(0, "a"),
        block_stop(0),
        block_start(1, "text"),
        block_stop(1),
        *ending(),
    ]
    assert ordered(*events) == [[event] for event in events]


def test_what_began_later_waits() -> None:
    first = [block_start(0, "text"), text(0, "a"), text(0, "b"), block_stop(0)]
    second = [block_start(1, "text"), text(1, "c"), block_stop(1)]
    third = [block_start(2, "text"), text(2, "d")]
    mixed = [first[0], second[0], first[1], third[0], *second[1:], first[2], third[1], first[3], text(2, "e")]
    assert ordered(*mixed) == [
        [first[0]], [], [first[1]], [], [], [], [first[2]], [], [first[3], *second, *third], [text(2, "e")]
    ]  # fmt: skip


@pytest.mark.parametrize("delta", [{}, {"stop_reason": None}])
def test_what_is_no_block_passes(delta: dict[str, Any]) -> None:
    """Counts on the way, whether or not they say that there is no reason, and types that nobody knows."""
    counts = {"type": "message_delta", "delta": delta, "usage": {}}
    assert ordered(block_start(0, "text"), block_start(1, "text"), counts, {"type": "hologram"})[2:] == [
        [counts],
        [{"type": "hologram"}],
    ]


def test_behind_counts_a_block_goes_on() -> None:
    """They are no end, and a gateway's may have an empty delta."""
    counts = {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 1}}
    events = [block_start(0, "text"), text(0, "a"), counts, text(0, "b"), block_stop(0)]
    assert ordered(*events) == [[event] for event in events]


@pytest.mark.parametrize("at", [0, 1])
def test_at_the_end_of_the_message_all_is_there(at: int) -> None:
    """Half a call that the tokens cut has no stop."""
    end = ending("max_tokens")[at]
    assert ordered(block_start(0, "text"), block_start(1, "text"), text(1, "a"), end)[3] == [
        block_start(1, "text"),
        text(1, "a"),
        end,
    ]


CALL: Event = block_start(2, "tool_use", id="toolu_1", name="weather", input={})
BLOCKS: list[list[Event]] = [
    [block_start(0, "text"), text(0, "The tide "), text(0, "turned."), block_stop(0)],
    [block_start(1, "text"), text(1, " "), text(1, "She climbed."), block_stop(1)],
    [CALL, argument(2, '{"a": '), argument(2, "1}"), block_stop(2)],
]


@given(st.permutations([0] * 4 + [1] * 4 + [2] * 4), st.sampled_from([{"text"}, {"text", "tool_use"}, set[str]()]))
def test_however_they_are_mixed_the_message_is_the_same(turns: list[int], live: set[str]) -> None:
    """The blocks stand in the order in which they began; each is delivered once, with its own deltas."""
    left = [iter(block) for block in BLOCKS]
    begun = list(dict.fromkeys(turns))
    mixed = [{**next(left[turn]), "index": begun.index(turn)} for turn in turns]
    splicer = Splicer(live=live)
    delivered = [ready for event in [message_start(), *mixed, *ending("tool_use")] for ready in splicer.feed(event)]
    assert splicer.trouble is None
    contents: list[dict[str, Any]] = [
        {"type": "text", "text": "The tide turned."},
        {"type": "text", "text": " She climbed."},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"a": 1}},
    ]
    assert splicer.partial.content == [contents[turn] for turn in begun]
    indices = [event["index"] for event in delivered if "index" in event]
    assert indices == sorted(indices)


@pytest.mark.parametrize("live", [{"text"}, {"text", "tool_use"}])
def test_half_a_call_is_not_whole_before_the_message_ends_however_it_is_delivered(live: set[str]) -> None:
    """Its input is looked at where it is delivered as it grows, too."""
    splicer = Splicer(live=live)
    for event in [message_start(), CALL, argument(2, ""), argument(2, '{"a": '), argument(2, "1"), block_stop(2)]:
        splicer.feed(event)
    splicer.feed(block_start(3, "text"))
    splicer.feed(text(3, "On."))
    assert not splicer.partial.whole_calls
