"""What was begun to be shown and then given up is no part of what a reader of the SDK's gets."""

from __future__ import annotations

from typing import Any

from unbroken.core.message.partial import Partial
from unbroken.core.wire.deltas import as_delta
from unbroken.durable.whole_blocks import WholeBlocks


def start(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def text(index: int, piece: str) -> dict[str, Any]:
    return as_delta({"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": piece}})


def thought(index: int, piece: str) -> dict[str, Any]:
    delta = {"type": "thinking_delta", "thinking": piece}
    return as_delta({"type": "content_block_delta", "index": index, "delta": delta})


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


BEGIN: dict[str, Any] = {"type": "message_start", "message": {"id": "msg_1", "content": []}}
END: dict[str, Any] = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
THINKING: dict[str, Any] = {"type": "thinking", "thinking": "", "signature": ""}
TEXT: dict[str, Any] = {"type": "text", "text": ""}
CALL: dict[str, Any] = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}


def pushed(events: list[dict[str, Any]], *given_up: int) -> list[list[dict[str, Any]]]:
    """What each event brings, where the blocks of these indices are given up as they stop."""
    partial = Partial()
    blocks = WholeBlocks(partial)
    brought = []
    for event in events:
        if event["type"] == "content_block_stop" and event["index"] in given_up:
            partial.blocks[event["index"]].abandoned = True
        partial.apply(event)
        brought.append(blocks.push(event))
    return brought


def test_text_goes_on_as_it_comes_and_the_rest_once_it_is_whole() -> None:
    events = [BEGIN, start(0, **THINKING), thought(0, "Hm."), stop(0), start(1, **TEXT), text(1, "Yes."), stop(1), END]
    brought = pushed(events)
    assert [len(each) for each in brought] == [1, 0, 0, 3, 1, 1, 1, 1]
    assert [event for each in brought for event in each] == events


def test_a_block_that_was_given_up_is_left_out_and_those_behind_it_move_up() -> None:
    events = [BEGIN, start(0, **THINKING), thought(0, "Hm."), stop(0), start(1, **TEXT), text(1, "Yes."), stop(1), END]
    brought = [event for each in pushed(events, 0) for event in each]
    assert brought == [BEGIN, start(0, **TEXT), text(0, "Yes."), stop(0), END]


def test_half_a_tool_call_has_no_stop() -> None:
    """It is left out where the next block starts, and where the message ends."""
    events = [BEGIN, start(0, **CALL), start(1, **TEXT), text(1, "Yes."), stop(1), start(2, **CALL), END]
    brought = [event for each in pushed(events) for event in each]
    assert brought == [BEGIN, start(0, **TEXT), text(0, "Yes."), stop(0), END]


def test_what_nobody_knows_goes_on() -> None:
    """Also between the pieces of a block that is held."""
    other = {"type": "from_the_future", "n": 1}
    assert pushed([BEGIN, start(0, **THINKING), other, stop(0)])[2] == [other]
