"""How fast an attempt writes: windows of waiting, one after the other, and what counts in them."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.wire.deltas import as_delta
from unbroken.engine.pace import Pace

WINDOW = 10.0
START: dict[str, Any] = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
STOP = {"type": "content_block_stop", "index": 0}


def writes(characters: int, type_: str = "text_delta", name: str = "text") -> dict[str, Any]:
    """A delta with so many characters."""
    event = {"type": "content_block_delta", "index": 0, "delta": {"type": type_, name: "x" * characters}}
    return as_delta(event)


def writing(characters: int = 0) -> Pace:
    """Ten seconds of five characters each, in the midst of a text that has begun with some."""
    pace = Pace(5, WINDOW)
    pace.came(START)
    pace.came(writes(characters))
    return pace


def test_a_window_with_enough_in_it_is_followed_by_the_next() -> None:
    """Whatever comes later: each counts what came in it, and starts from nothing."""
    pace = writing(50)
    assert not pace.waited(9.9)
    assert not pace.waited(0.1)
    pace.came(writes(49))
    assert pace.waited(WINDOW)


def test_a_window_with_too_little_in_it_is_slow_when_it_ends() -> None:
    """And not before: the rest may come in its last moment."""
    pace = writing(49)
    assert not pace.waited(9.0)
    assert not writing(49).waited(9.999)
    assert pace.waited(1.0)
    pace = writing(49)
    assert not pace.waited(9.9)
    pace.came(writes(1))
    assert not pace.waited(0.1)


def test_sums_of_waits_end_their_window_in_spite_of_rounding() -> None:
    """A hundred tenths of a second are ten seconds."""
    pace = writing(0)
    assert [pace.waited(0.1) for _ in range(100)] == [False] * 99 + [True]


def test_a_wait_beyond_the_end_of_a_window_is_part_of_the_next() -> None:
    """There is no gap between two."""
    pace = writing(50)
    assert not pace.waited(14.0)
    assert pace.patience == 6.0
    assert pace.waited(6.0)


def test_patience_is_until_a_window_has_ended_with_too_little_in_it() -> None:
    """This one, or the one after it if there is enough already."""
    assert writing(49).patience == WINDOW
    assert writing(50).patience == 2 * WINDOW
    pace = writing(10)
    pace.waited(4.0)
    assert pace.patience == 6.0
    pace.came(writes(40))
    assert pace.patience == 16.0


@pytest.mark.parametrize(
    "delta",
    [
        writes(50),
        writes(50, "thinking_delta", "thinking"),
        writes(50, "input_json_delta", "partial_json"),
    ],
    ids=["text", "thinking", "tool input"],
)
def test_text_thinking_and_tool_input_count(delta: dict[str, Any]) -> None:
    """A long document may be any of them."""
    pace = writing()
    pace.came(delta)
    assert not pace.waited(WINDOW)


@pytest.mark.parametrize(
    "event",
    [
        writes(50, "signature_delta", "signature"),
        writes(0),
        {"type": "message_delta", "delta": {"stop_reason": None}},
        {"type": "message_start", "message": {}},
    ],
    ids=["a signature", "nothing", "a message_delta", "a message_start"],
)
def test_nothing_else_does(event: dict[str, Any]) -> None:
    """It is nothing that a reader reads."""
    pace = writing(49)
    pace.came(event)
    assert pace.waited(WINDOW)


@pytest.mark.parametrize("type_", ["thinking", "tool_use", "server_tool_use", "web_search_tool_result"])
def test_a_model_that_does_not_write_is_not_slow(type_: str) -> None:
    """It thinks unseen, or waits for a tool of the server's: between blocks, and in one that is still empty."""
    for pace in (Pace(5, WINDOW), writing(49)):
        pace.came(STOP)
        assert pace.patience == math.inf
        assert not pace.waited(1_000.0)
        pace.came({"type": "content_block_start", "index": 1, "content_block": {"type": type_}})
        assert pace.patience == math.inf
        assert not pace.waited(1_000.0)
        pace.came(writes(1, "thinking_delta", "thinking"))
        assert pace.patience < math.inf


@given(st.integers(0, 60), st.sampled_from([1, 2, 4, 5, 10, 40, 100]))
def test_an_even_pace_is_slow_if_it_is_below_the_one_asked_for(characters: int, pieces: int) -> None:
    """However a window's characters are cut into pieces; and it is known at the end of the first window."""
    pace = writing()
    slow = characters * pieces < 5 * WINDOW
    for _ in range(3):
        ended = []
        for _ in range(pieces):
            pace.came(writes(characters))
            ended.append(pace.waited(WINDOW / pieces))
        assert ended == [False] * (pieces - 1) + [slow]
