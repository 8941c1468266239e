"""A server-side tool's call waits for its result: what goes on when, and that nothing is lost or moved."""

from __future__ import annotations

import pytest
from builders import (
    block_start,
    block_stop,
    ending,
    message_delta,
    message_start,
    message_stop,
    open_text,
    text_block,
    thinking_block,
    tool_block,
)
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.splicing.pairing import Pairing
from unbroken.core.wire.decoded import Event

LIVE = frozenset({"text", "thinking"})


def use(index: int, id: str = "srvtoolu_1", type: str = "server_tool_use") -> list[Event]:
    """A whole call of a server-side tool."""
    return [block_start(index, type, id=id, name="web_search", input={}), block_stop(index)]


def result(index: int, id: str = "srvtoolu_1", type: str = "web_search_tool_result") -> list[Event]:
    """Its whole result."""
    return [block_start(index, type, tool_use_id=id, content=[]), block_stop(index)]


def released(pairing: Pairing, events: list[Event]) -> list[int]:
    """How many events went on after each that was pushed; those that did are the first of them, in order."""
    gone: list[Event] = []
    counts: list[int] = []
    for event in events:
        gone += pairing.push(event)
        counts.append(len(gone))
    assert gone == events[: len(gone)]
    return counts


def test_without_a_server_side_tool_nothing_waits() -> None:
    """The hot path hands on what it was given, event by event."""
    events = [
        message_start(),
        *thinking_block("Hm."),
        *text_block("Hi", index=1),
        *tool_block("{}", index=2),
        *ending(),
    ]
    pairing = Pairing(LIVE)
    assert [pairing.push(event) for event in events] == [[event] for event in events]


PAIRS = [("server_tool_use", "web_search_tool_result"), ("mcp_tool_use", "mcp_tool_result")]


@pytest.mark.parametrize(("call", "answer"), PAIRS)
def test_a_call_waits_for_the_end_of_its_result(call: str, answer: str) -> None:
    """Half a result is none: it could not be sent back."""
    events = [*text_block("Hi"), *use(1, type=call), *result(2, type=answer), *open_text("So", index=3)]
    assert released(Pairing(LIVE), events) == [1, 2, 3, 3, 3, 3, 7, 8, 9]


def test_what_comes_between_waits_with_it() -> None:
    """Blocks keep their order."""
    events = [*use(0), *text_block("One moment.", index=1), *thinking_block("Hm.", index=2), *result(3)]
    counts = released(Pairing(LIVE), events)
    assert counts == [0] * (len(events) - 1) + [len(events)]


def test_calls_side_by_side_wait_for_all_of_their_results() -> None:
    """In whatever order these come."""
    events = [*use(0, "a"), *use(1, "b"), *result(2, "b"), *result(3, "a"), *text_block("So", index=4)]
    assert released(Pairing(LIVE), events) == [0, 0, 0, 0, 0, 0, 0, 8, 9, 10, 11]


def test_the_result_of_another_call_releases_nothing() -> None:
    """It is the id that pairs them, not the order."""
    assert released(Pairing(LIVE), [*use(0, "a"), *result(1, "b")]) == [0, 0, 0, 0]


def test_a_result_without_a_call_goes_on() -> None:
    """After `pause_turn` an answer may begin with one; its call stands in the conversation."""
    assert released(Pairing(LIVE), result(0)) == [1, 2]


def test_a_call_that_is_live_is_not_held() -> None:
    """The caller's choice; the other kind is held still."""
    pairing = Pairing(LIVE | {"server_tool_use"})
    assert released(pairing, [*use(0), *result(1)]) == [1, 2, 3, 4]
    assert released(pairing, use(2, type="mcp_tool_use")) == [0, 0]


def test_the_callers_own_turn_releases_it() -> None:
    """A call inside a server-side tool's run comes before its result, which comes in another message."""
    events = [*use(0), *tool_block("{}", index=1), *ending("tool_use")]
    assert released(Pairing(LIVE), events) == [0, 0, 0, 0, 5, 6, 7]


@pytest.mark.parametrize("last", [message_delta("pause_turn"), message_stop()], ids=["pause_turn", "message_stop"])
def test_the_end_of_the_message_releases_it(last: Event) -> None:
    """No result will come in this message."""
    assert released(Pairing(LIVE), [*use(0), last]) == [0, 0, 3]


def test_counts_on_the_way_release_nothing() -> None:
    """A `message_delta` without a reason ends no message."""
    assert released(Pairing(LIVE), [*use(0), message_delta(None), *result(1)]) == [0, 0, 0, 0, 5]


BLOCKS = st.sampled_from(["text", "thinking", "own call", "call", "result"])


@given(st.lists(st.tuples(BLOCKS, st.sampled_from("abc")), max_size=8), st.booleans())
def test_whatever_comes_keeps_its_order_and_is_all_there_at_the_end(blocks: list[tuple[str, str]], live: bool) -> None:
    """Nothing overtakes and nothing is dropped; what is live does not even wait."""
    events = [message_start()]
    for index, (kind, identity) in enumerate(blocks):
        match kind:
            case "text":
                events += text_block("Hi", index=index)
            case "thinking":
                events += thinking_block("Hm.", index=index)
            case "own call":
                events += tool_block("{}", index=index)
            case "call":
                events += use(index, identity)
            case _:
                events += result(index, identity)
    events += ending()
    counts = released(Pairing(LIVE | {"server_tool_use"} if live else LIVE), events)
    assert counts[-1] == len(events)
    assert not live or counts == list(range(1, len(events) + 1))
