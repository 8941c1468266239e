"""What may follow what in one message: each line of the law, and that nothing else comes through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from builders import block_start, block_stop, ending, message_delta, message_start, message_stop, text_delta
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.message.grammar import Grammar
from unbroken.core.wire.decoded import Event

TEXT: list[Event] = [block_start(0, "text", text=""), text_delta("Hello."), block_stop(0)]


def call(index: int = 0, *pieces: str, stop: bool = True, type: str = "tool_use", **fields: Any) -> list[Event]:
    """A call, whose input comes in these pieces."""
    start = block_start(index, type, id=f"t{index}", name="look", **{"input": {}, **fields})
    deltas = [
        {"type": "content_block_delta", "index": index, "delta": {"type": "input_json_delta", "partial_json": piece}}
        for piece in pieces
    ]
    return [start, *deltas, *([block_stop(index)] if stop else [])]


def read(*events: Event) -> tuple[list[Event], str | None]:
    """What goes on of these events, and what was broken."""
    grammar = Grammar()
    passed: list[Event] = []
    for event in events:
        passed += grammar.push(event)
        if grammar.broken:
            break
    return passed, grammar.broken


def skeleton(events: Sequence[Event]) -> list[str]:
    """The types of the events, short."""
    return [f"{event['type'].removeprefix('content_block_')}{event.get('index', '')}" for event in events]


def test_a_message_that_keeps_the_grammar_goes_on_as_it_is() -> None:
    whole = [message_start(), *TEXT, *call(1, '{"a": 1}'), {"type": "of_next_year"}, *ending("tool_use")]
    assert read(*whole) == (whole, None)


def test_blocks_may_be_written_side_by_side() -> None:
    """A gateway does so; each has its start, its deltas and its stop."""
    first, second = call(0, '{"a": 1}'), call(1, '{"b": 2}')
    whole = [message_start(), first[0], second[0], first[1], second[1], first[2], second[2], *ending("tool_use")]
    assert read(*whole) == (whole, None)


@pytest.mark.parametrize(
    ("events", "left"),
    [
        ([*TEXT, block_stop(0)], 3),
        ([*call(0, '{"a": 1}'), block_stop(0)], 3),
        ([*TEXT, message_start()], 3),
        ([*TEXT, text_delta("")], 3),
        ([text_delta(""), *TEXT], 3),
        ([*TEXT, *ending(), message_stop()], 5),
        ([*TEXT, *ending(), *TEXT, message_start("msg_2"), {"type": "of_next_year"}], 5),
        ([*TEXT, message_delta(), block_stop(7), message_stop()], 5),
        ([*TEXT, message_delta(), text_delta(""), message_stop()], 5),
    ],
    ids=[
        "a second stop",
        "a second stop of a call",
        "the same message again",
        "nothing for a closed block",
        "nothing for no block",
        "a second end",
        "a second message behind the end",
        "a stop behind the end",
        "nothing behind the end",
    ],
)
def test_what_nothing_depends_on_is_dropped(events: list[Event], left: int) -> None:
    passed, broken = read(message_start(), *events)
    assert broken is None
    assert len(passed) == 1 + left


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([text_delta("?")], "content before the message"),
        ([block_start(0, "text", text="")], "a block before the message"),
        ([message_delta()], "an end before the message"),
        ([message_stop()], "an end before the message"),
        ([message_start(), text_delta("?", 5)], "an event of no block"),
        ([message_start(), block_stop(5)], "an event of no block"),
        ([message_start(), *TEXT, text_delta("?")], "a block grew after its end"),
        ([message_start(), *TEXT, TEXT[0]], "a block started twice"),
        ([message_start(), TEXT[0], TEXT[0]], "a block started twice"),
        ([message_start(), *TEXT, message_start("msg_2")], "a second message began"),
        ([message_start(), *TEXT, message_delta(), text_delta("?")], "content after the end of the message"),
        ([message_start(), *TEXT, message_delta(), block_start(1, "text")], "a block after the end of the message"),
        (
            [message_start(), *call(0, '{"a": ', stop=False), message_delta()],
            "the message ended in the middle of a call",
        ),
        (
            [message_start(), *call(0, '{"a": ', stop=False), message_stop()],
            "the message ended in the middle of a call",
        ),
    ],
)
def test_what_is_no_message_breaks_the_attempt(events: list[Event], why: str) -> None:
    passed, broken = read(*events)
    assert broken == why
    assert passed == events[:-1]


def test_a_stop_before_the_message_is_dropped() -> None:
    assert read(block_stop(0), message_start()) == ([message_start()], None)


@pytest.mark.parametrize(
    ("open_block", "reason"),
    [
        (TEXT[:2], "end_turn"),
        (call(0, '{"a": 1}', stop=False), "tool_use"),
        (call(0, stop=False), "tool_use"),
        (call(0, input={"a": 1}, stop=False), "tool_use"),
        ([block_start(0, "thinking", thinking="", signature="")], "max_tokens"),
    ],
    ids=["text", "a call", "a call without input", "a call that came whole", "thinking"],
)
@pytest.mark.parametrize("says_why", [True, False])
def test_a_block_that_never_got_its_end_is_closed_where_the_message_ends(
    open_block: list[Event], reason: str, says_why: bool
) -> None:
    """What was written of it is whole by itself; the SDK hands it over too."""
    end = ending(reason) if says_why else [message_stop()]
    passed, broken = read(message_start(), *open_block, *end)
    assert broken is None
    assert passed == [message_start(), *open_block, block_stop(0), *end]


def test_half_a_call_that_the_tokens_cut_is_left_open() -> None:
    """It is none, and the message says why."""
    half = call(0, '{"a": ', stop=False)
    assert read(message_start(), *half, *ending("max_tokens")) == (
        [message_start(), *half, *ending("max_tokens")],
        None,
    )


@pytest.mark.parametrize("given", [{}, {"a": [1, 2]}], ids=["input is written", "and stood there before"])
@pytest.mark.parametrize("type_", ["tool_use", "server_tool_use"])
def test_a_call_that_was_closed_in_half_is_held_until_the_message_ends(type_: str, given: dict[str, Any]) -> None:
    """Where the stream dies before, nobody has it; else it comes as the SDK has it, with what follows it."""
    events = [message_start(), *call(0, '{"a": [1', type=type_, input=given), *[{**each, "index": 1} for each in TEXT]]
    assert read(*events) == (events[:3], None)
    assert read(*events, *ending("max_tokens")) == ([*events, *ending("max_tokens")], None)
    assert read(*events, message_stop()) == ([*events, message_stop()], None)
    counts: Event = {**message_delta(), "delta": {}}
    assert read(*events, counts) == (events[:3], None)


def test_input_that_comes_behind_the_stop_is_the_calls() -> None:
    """As in the SDK; the stop is behind it then, and a second one is none."""
    start, piece, stop = call(0, '{"a": 1}')
    assert read(message_start(), start, stop) == ([message_start(), start], None)
    for behind in (ending("tool_use"), [{"type": "of_next_year"}], call(1, '{"b": 2}')):
        ordered = [message_start(), start, piece, stop, *behind]
        assert read(message_start(), start, stop, piece, *behind) == (ordered, None)
        assert read(message_start(), start, stop, stop, piece, *behind) == (ordered, None)
        assert read(message_start(), start, stop, *behind) == ([message_start(), start, stop, *behind], None)


def test_a_call_without_input_is_whole_where_nothing_more_comes() -> None:
    grammar = Grammar()
    start, stop = call()
    for event in (message_start(), start, stop):
        grammar.push(event)
    assert grammar.end() == [stop]
    assert grammar.end() == []


@pytest.mark.parametrize("behind", [[], [{"type": "of_next_year"}]], ids=["the attempt dies", "more comes"])
def test_the_stop_of_a_call_without_input_does_not_overtake_half_a_call(behind: list[Event]) -> None:
    """Its start is held behind that; a stop that came first would be of no block."""
    grammar = Grammar()
    calls = [*call(0, '{"a": [1'), *call(1)]
    events = [message_start(), *calls, *behind]
    assert [passed for event in events for passed in grammar.push(event)] == events[:3]
    assert grammar.end() == []
    end = message_delta("max_tokens")
    assert grammar.push(end) == [*events[3:], end]


def test_a_message_that_is_whole_as_it_starts_has_its_blocks() -> None:
    """They cannot start again."""
    start = message_start()
    start["message"]["content"] = [{"type": "text", "text": "Hi"}]
    assert read(start, TEXT[0])[1] == "a block started twice"
    assert read(start, *[{**each, "index": 1} for each in TEXT], *ending())[1] is None


def mutations(draw: st.DrawFn) -> Iterator[Event]:
    """A message whose events were dropped, doubled, swapped, or came late."""
    events = [message_start(), *TEXT, *call(1, '{"a": 1}', ""), *[{**each, "index": 2} for each in TEXT], *ending()]
    events.insert(draw(st.integers(0, len(events))), {"type": "of_next_year"})
    for _ in range(draw(st.integers(0, 4))):
        at, to = draw(st.integers(0, len(events) - 1)), draw(st.integers(0, len(events) - 1))
        match draw(st.sampled_from(["drop", "double", "swap", "move", "retype"])):
            case "drop" if len(events) > 1:
                del events[at]
            case "double":
                events.insert(to, events[at])
            case "swap":
                events[at], events[to] = events[to], events[at]
            case "move":
                events.insert(to, events.pop(at))
            case _ if "index" in events[at]:
                events[at] = {**events[at], "index": draw(st.integers(0, 3))}
    yield from events


@given(st.composite(lambda draw: list(mutations(draw)))())
def test_whatever_comes_what_goes_on_is_one_message(events: list[Event]) -> None:
    """One start and one stop of the message, blocks that start, grow and stop once each, and nothing behind the end."""
    passed, _ = read(*events)
    types = [event["type"] for event in passed]
    assert types.count("message_start") <= 1
    assert types.count("message_stop") <= 1
    known = [event for event in passed if event["type"] != "of_next_year"]
    assert not known or known[0]["type"] == "message_start"
    if "message_stop" in types:
        assert types[-1] == "message_stop"
    opened: list[int] = []
    closed: list[int] = []
    for event in passed:
        match event:
            case {"type": "content_block_start", "index": int(index)}:
                assert index not in [*opened, *closed]
                opened.append(index)
            case {"type": "content_block_delta", "index": int(index)}:
                assert index in opened
            case {"type": "content_block_stop", "index": int(index)}:
                opened.remove(index)
                closed.append(index)
    if "message_stop" in types:
        assert not opened
