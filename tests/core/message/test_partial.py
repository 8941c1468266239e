"""The fold: what has been received, as plain data that goes to JSON and back and never shares itself."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import anthropic.types
import pytest
from builders import (
    block_start,
    block_stop,
    delta,
    ending,
    message_delta,
    message_start,
    open_text,
    open_tool,
    partial,
    text_block,
    text_delta,
    thinking_block,
    tool_block,
)
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.message.partial import Block, Partial
from unbroken.core.wire.decoded import Event

CITATION = {"type": "char_location", "cited_text": "x", "document_index": 0, "start_char_index": 0, "end_char_index": 1}

WHOLE = [
    message_start(input_tokens=10, output_tokens=1, cache_read_input_tokens=5),
    *thinking_block("Let me ", "see.", index=0),
    block_start(1, "text"),
    text_delta("Hello, ", 1),
    delta(1, "citations_delta", CITATION),
    text_delta("world.", 1),
    block_stop(1),
    *tool_block('{"city": ', '"Oslo"}', index=2),
    *ending("tool_use", output_tokens=30),
]

THINKING = {"type": "thinking", "thinking": "Let me see.", "signature": "sig"}
TEXT = {"type": "text", "text": "Hello, world.", "citations": [CITATION]}
TOOL = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}


def started(content: list[dict[str, Any]]) -> Event:
    """The start of a message that gives its stop reason at once, as gateways send it."""
    start = message_start()
    start["message"] |= {"content": content, "stop_reason": "end_turn"}
    return start


def test_events_may_come_from_json() -> None:
    """Those of the wire know more of themselves, and mean the same."""
    plain = json.loads(json.dumps(WHOLE))
    assert partial(*plain) == partial(*WHOLE)


def test_a_message_may_be_whole_as_it_starts() -> None:
    held = partial(started([{"type": "text", "text": "Hi"}]))
    assert (held.stop_reason, held.complete) == ("end_turn", True)


@pytest.mark.parametrize("content", [[], [{"type": "text", "text": "Hi"}]])
def test_a_message_that_goes_on_has_not_ended_where_it_started(content: list[dict[str, Any]]) -> None:
    """Whatever its start says: only its end, or a stop reason of its own, makes it whole."""
    events = [started(content), block_start(len(content), "text")]
    assert (partial(*events).stop_reason, partial(*events).complete) == (None, False)
    assert not partial(started([])).complete
    ended = partial(*events, {"type": "content_block_stop", "index": len(content)}, {"type": "message_stop"})
    assert (ended.stop_reason, ended.complete) == ("end_turn", True)


def test_a_whole_message() -> None:
    """Everything that arrived is in it, each delta in its block."""
    held = partial(*WHOLE)
    assert held.content == [THINKING, TEXT, TOOL]
    assert (held.text, held.trailing_text) == ("Hello, world.", "")
    assert held.stop_reason == "tool_use"
    assert held.complete
    assert held.stopped
    assert held.open_block is None
    assert [block.start["name"] for block in held.whole_calls] == ["weather"]
    assert held.usage == {"input_tokens": 10, "output_tokens": 30, "cache_read_input_tokens": 5}
    assert held.sequence == len(WHOLE)


CUTS = [
    # after how many events, what counts as content, whether it is complete
    (0, [], False),
    (1, [], False),
    (2, [], False),
    (5, [], False),  # the signature is there, its stop is not
    (6, [THINKING], False),
    (7, [THINKING], False),  # a text block with nothing in it is none
    (8, [THINKING, {"type": "text", "text": "Hello, "}], False),
    (9, [THINKING, {"type": "text", "text": "Hello, ", "citations": [CITATION]}], False),
    (11, [THINKING, TEXT], False),
    (14, [THINKING, TEXT], False),  # the call's input is there, its stop is not
    (15, [THINKING, TEXT, TOOL], False),
    (16, [THINKING, TEXT, TOOL], True),  # `stop_reason` was seen
    (17, [THINKING, TEXT, TOOL], True),
]


@pytest.mark.parametrize(("after", "content", "complete"), CUTS)
def test_only_finished_blocks_and_the_open_text_count(after: int, content: list[Any], complete: bool) -> None:
    """An unsigned thought and half a tool call are no part of the message."""
    held = partial(*WHOLE[:after])
    assert held.content == content
    assert held.complete is complete


def test_the_text_where_a_resume_goes_on() -> None:
    """Everything after the last tool; thinking between two texts does not part them."""
    held = partial(
        message_start(),
        *text_block("Before. ", index=0),
        *tool_block("{}", index=1, type="server_tool_use"),
        *text_block("After ", index=2),
        *thinking_block("Hm.", index=3),
        *open_text("a ", "while", index=4),
    )
    assert held.text == "Before. After a while"
    assert held.trailing_text == "After a while"
    assert held.open_block is held.blocks[4]
    assert partial(message_start(), *open_text("Only ", "text")).trailing_text == "Only text"
    assert Partial().trailing_text == ""


def test_an_abandoned_block_keeps_its_index_and_is_no_part_of_the_message() -> None:
    """It was delivered, so it cannot be taken back; but nobody may take it for whole."""
    held = partial(message_start(), block_start(0, "thinking"), block_stop(0), *tool_block("{}", index=1))
    for block in held.blocks:
        block.abandoned = True
    assert held.content == []
    assert held.whole("thinking", "tool_use") == []
    assert held.whole_calls == []


TOOL_INPUTS = [
    ([], {}),
    (["", '{"a": 1}'], {"a": 1}),
    ([""], {}),
    (['{"a": [1, {"b": null}]', "}"], {"a": [1, {"b": None}]}),
    (['{"a": '], {}),  # the SDK raises for it; until then it is an empty input, not a truncated one
]


@pytest.mark.parametrize(("pieces", "input"), TOOL_INPUTS)
def test_the_input_of_a_tool_is_read_from_its_pieces(pieces: list[str], input: dict[str, Any]) -> None:
    """A call without arguments sends an empty piece, or none."""
    assert partial(message_start(), *tool_block(*pieces)).content[0]["input"] == input


def test_an_input_that_came_with_the_start_stands_until_there_is_another() -> None:
    """As in the SDK: an empty piece says nothing."""
    start = block_start(0, "tool_use", input={"city": "Oslo"})
    for pieces in ([], [delta(0, "input_json_delta", "")]):
        assert partial(message_start(), start, *pieces, block_stop()).content[0]["input"] == {"city": "Oslo"}


def test_blocks_that_come_whole_stay_as_they_are() -> None:
    """Results of server tools have no deltas; nor has redacted thinking."""
    redacted, result = block_start(0, "redacted_thinking"), block_start(1, "web_search_tool_result")
    held = partial(message_start(), redacted, block_stop(0), result, block_stop(1))
    assert held.content == [redacted["content_block"], result["content_block"]]


def test_a_text_may_come_with_its_start() -> None:
    """Deltas go on from it, and citations from those that it has."""
    start = block_start(0, "text", text="Hel", citations=[CITATION])
    held = partial(message_start(), start, text_delta("lo"), delta(0, "citations_delta", CITATION))
    assert held.content == [{"type": "text", "text": "Hello", "citations": [CITATION, CITATION]}]


def test_events_for_blocks_that_never_started_and_of_unknown_types_change_nothing() -> None:
    """They are passed on as the SDK does, and only counted."""
    held = partial(message_start(), *open_text("Hi"))
    before = held.to_dict()
    strange: list[Event] = [
        text_delta("?", 7),
        text_delta("?", -1),
        block_stop(7),
        {"type": "an_event_of_next_year", "index": 0},
        {"no": "type"},
    ]
    for event in strange:
        held.apply(event)
    assert held.to_dict() == {**before, "sequence": before["sequence"] + len(strange)}


def test_a_delta_of_an_unknown_type_is_kept_and_told_again() -> None:
    """It is no part of the text, and whoever folds the events again gets it too."""
    strange = {"type": "content_block_delta", "index": 0, "delta": {"type": "a_delta_of_next_year", "text": "?"}}
    held = partial(message_start(), *open_text("Hi"), strange)
    assert held.text == "Hi"
    assert list(held.events())[-1] == strange
    assert list(Partial.from_json(held.to_json()).events())[-1] == strange


def test_the_end_of_a_message_keeps_what_it_brings() -> None:
    """Fields of next year too; a second `message_delta` only adds to the first."""
    first, second = message_delta("pause_turn", output_tokens=3), message_delta("end_turn", output_tokens=5)
    first["context_management"] = {"applied_edits": []}
    first["delta"]["container"] = {"id": "c"}
    held = partial(message_start(output_tokens=1), first, second)
    assert (held.stop_reason, held.usage) == ("end_turn", {"output_tokens": 5})
    end = list(held.events())[-1]
    assert end["context_management"] == {"applied_edits": []}
    assert end["delta"] == {"stop_reason": "end_turn", "stop_sequence": None, "container": {"id": "c"}}


def test_later_counts_replace_earlier_ones_and_an_absent_one_does_not() -> None:
    """`message_delta.usage` is cumulative; what it leaves out or has as null still holds."""
    end = message_delta()
    end["usage"] = {"output_tokens": 30, "input_tokens": None}
    assert partial(message_start(input_tokens=10, output_tokens=1), end).usage == {
        "input_tokens": 10,
        "output_tokens": 30,
    }
    end["usage"] = None
    assert partial(message_start(input_tokens=10), end).usage == {"input_tokens": 10}


def test_a_message_without_usage_is_a_message() -> None:
    """Some gateways send none."""
    start = message_start()
    del start["message"]["usage"]
    assert partial(start).usage == {}


# -- the SDK's type


def test_the_message_as_the_sdks_type() -> None:
    """Typed down to its blocks, equal to what was received."""
    message = partial(*WHOLE).to_message()
    assert isinstance(message, anthropic.types.Message)
    assert (message.id, message.model, message.stop_reason) == ("msg_1", "claude-opus-5-5", "tool_use")
    assert message.usage.output_tokens == 30
    thinking, text, tool = message.content
    assert isinstance(thinking, anthropic.types.ThinkingBlock)
    assert isinstance(text, anthropic.types.TextBlock)
    assert isinstance(tool, anthropic.types.ToolUseBlock)
    assert (thinking.signature, text.text, tool.input) == ("sig", "Hello, world.", {"city": "Oslo"})


def test_before_the_first_event_there_is_no_message() -> None:
    """A partial without one says so, and has no events."""
    with pytest.raises(ValueError, match="nothing has been delivered yet"):
        Partial().to_message()
    assert list(Partial().events()) == []


# -- properties, over any sequence of blocks cut anywhere


JSON_TEXT = st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=5), max_size=2).map(json.dumps)
PIECES = st.lists(st.text(max_size=6), max_size=3)


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    """The events of some message, or the first of them."""
    events = [message_start(input_tokens=draw(st.integers(0, 9)), output_tokens=1)]
    for index in range(draw(st.integers(0, 4))):
        match draw(st.sampled_from(["text", "thinking", "tool_use", "redacted_thinking"])):
            case "text":
                block = text_block(*draw(PIECES), index=index)
                for _ in range(draw(st.integers(0, 2))):
                    block.insert(draw(st.integers(1, len(block) - 1)), delta(index, "citations_delta", CITATION))
                if draw(st.booleans()):
                    block.insert(1, {"type": "content_block_delta", "index": index, "delta": {"type": "new", "x": [1]}})
            case "thinking":
                block = thinking_block(*draw(PIECES), index=index)
            case "tool_use":
                block = tool_block(*draw(JSON_TEXT), index=index)
            case _:
                block = [block_start(index, "redacted_thinking"), block_stop(index)]
        events += block
    events += ending(draw(st.sampled_from(["end_turn", "max_tokens"])))
    return events[: draw(st.integers(0, len(events)))]


def without_sequence(held: Partial) -> dict[str, Any]:
    """Everything but how many events it took."""
    return {name: value for name, value in held.to_dict().items() if name != "sequence"}


@given(streams())
def test_it_survives_json(events: list[Event]) -> None:
    """To plain data and back nothing is lost, abandoned blocks and all."""
    held = partial(*events)
    if held.blocks:
        held.blocks[-1].abandoned = True
    data = json.loads(json.dumps(held.to_dict()))
    assert data["version"] == 1
    again = Partial.from_dict(data)
    assert again.to_dict() == data
    assert (again.content, again.text, again.usage) == (held.content, held.text, held.usage)
    assert Partial.from_json(held.to_json()).to_dict() == data


@given(streams())
def test_its_events_fold_back_to_it(events: list[Event]) -> None:
    """In no more events than it took."""
    held = partial(*events)
    told = list(held.events())
    assert len(told) <= len(events)
    assert without_sequence(partial(*told)) == without_sequence(held)


@given(streams(), st.data())
def test_it_goes_on_from_json_as_if_nothing_had_been(events: list[Event], data: st.DataObject) -> None:
    """What was written down at any event and read again takes the rest."""
    cut = data.draw(st.integers(0, len(events)))
    again = Partial.from_json(partial(*events[:cut]).to_json())
    for event in events[cut:]:
        again.apply(event)
    assert again.to_dict() == partial(*events).to_dict()


@given(streams())
def test_it_changes_no_event_and_no_event_changes_it_later(events: list[Event]) -> None:
    """Events belong to the reader; what is read from the partial belongs to whoever read it."""
    kept = deepcopy(events)
    held = partial(*events)
    assert events == kept

    before = held.to_dict()
    spoil(held.content)
    spoil(held.to_dict())
    copy = held.copy()
    for event in [message_start("msg_2"), *open_text("more"), *ending("refusal")]:
        copy.apply(event)
    assert held.to_dict() == before
    assert held.copy().to_dict() == before


def spoil(data: object) -> None:
    """Change everything in it that can be changed."""
    values = list(data.values()) if isinstance(data, dict) else data if isinstance(data, list) else []
    for value in values:
        spoil(value)
    if isinstance(data, dict | list):
        data.clear()


def test_another_version_is_not_read() -> None:
    """It might mean something else."""
    for version in (0, 2, "1", None):
        with pytest.raises(ValueError, match="only 1 can be read"):
            Partial.from_dict({**Partial().to_dict(), "version": version})
    for text in ("{}", "no JSON", "null", "[]", "7"):
        with pytest.raises(ValueError, match=r"version|Expecting"):
            Partial.from_json(text)


def test_an_open_call_has_no_whole_one() -> None:
    """However plausible its input looks already."""
    held = partial(message_start(), *open_tool('{"city": "Oslo"}'))
    assert held.whole_calls == []
    assert held.open_block is not None


# -- server-side tools, and what nobody knows


def use(index: int, id: str, type: str = "server_tool_use") -> list[Event]:
    """A whole call of a server-side tool."""
    return [block_start(index, type, id=id, name="web_search", input={}), block_stop(index)]


def result(index: int, id: str, type: str = "web_search_tool_result") -> list[Event]:
    """Its whole result."""
    return [block_start(index, type, tool_use_id=id, content=[]), block_stop(index)]


def ids(blocks: list[Block]) -> list[str]:
    """The ids of some calls."""
    return [block.start["id"] for block in blocks]


USES = [
    # what, events, the calls that are whole, those of them without a result
    ("none", text_block("Hi"), [], []),
    ("the caller's own tools are others", tool_block("{}"), [], []),
    ("a call", use(0, "a"), ["a"], ["a"]),
    ("half a call", use(0, "a")[:1], [], []),
    ("a pair", [*use(0, "a"), *result(1, "a")], ["a"], []),
    ("half a result", [*use(0, "a"), *result(1, "a")[:1]], ["a"], ["a"]),
    ("another's result", [*use(0, "a"), *result(1, "b")], ["a"], ["a"]),
    ("two calls, one result", [*use(0, "a"), *use(1, "b"), *result(2, "b")], ["a", "b"], ["a"]),
    ("MCP", [*use(0, "a", "mcp_tool_use"), *result(1, "a", "mcp_tool_result")], ["a"], []),
]


@pytest.mark.parametrize(("events", "uses", "orphans"), [row[1:] for row in USES], ids=[row[0] for row in USES])
def test_calls_of_server_side_tools_and_those_without_a_result(
    events: list[Event], uses: list[str], orphans: list[str]
) -> None:
    """Paired by their ids; an abandoned call is none."""
    held = partial(message_start(), *events)
    assert (ids(held.server_uses), ids(held.orphans)) == (uses, orphans)
    for block in held.orphans:
        block.abandoned = True
    assert held.orphans == []
    assert ids(held.server_uses) == [each for each in uses if each not in orphans]


UNKNOWN = {"type": "content_block_delta", "index": 0, "delta": {"type": "new", "x": [1]}}
STRANGE = [
    ("nothing", [], False),
    ("text", open_text("Hi"), False),
    ("a server-side pair", [*use(0, "a"), *result(1, "a")], False),
    ("a whole block of a new type", [block_start(0, "hologram"), block_stop(0)], True),
    ("half of one, which is dropped", [block_start(0, "hologram")], False),
    ("a new delta in the open text", [*open_text("Hi"), UNKNOWN], True),
    ("a new delta in a whole thought", [*thinking_block("Hm.")[:-1], UNKNOWN, block_stop(0)], True),
    ("a new delta in half a call, which is dropped", [*open_tool("{"), UNKNOWN], False),
]


@pytest.mark.parametrize(("events", "unknown"), [row[1:] for row in STRANGE], ids=[row[0] for row in STRANGE])
def test_whether_it_holds_what_nobody_knows(events: list[Event], unknown: bool) -> None:
    """Of what counts: the finished blocks and the open text."""
    assert partial(message_start(), *events).has_unknown is unknown


def test_a_compaction_is_what_its_deltas_make_of_it() -> None:
    """As the SDK has it, a later one over an earlier one; it goes to JSON and back, and to a request as it came."""
    grown = [delta(0, "compaction_delta", None), delta(0, "compaction_delta", "Summary.")]
    grown[1]["delta"]["encrypted_content"] = "sealed"
    start = block_start(0, "compaction", content=None, tool_changes=[])
    folded = partial(message_start(), start, *grown, block_stop(0))
    whole = {"type": "compaction", "content": "Summary.", "tool_changes": [], "encrypted_content": "sealed"}
    assert folded.content == Partial.from_json(folded.to_json()).content == [whole]
    assert not folded.has_unknown
    assert list(folded.events())[1:4] == [start, *grown]
    assert not folded.is_written


@pytest.mark.parametrize("count", [1, 63, 64, 65, 128, 5_000])
def test_small_pieces_are_joined_and_stay_in_order(count: int) -> None:
    """A long text in small pieces takes about the memory of its characters."""
    folded = Partial()
    folded.apply(message_start())
    folded.apply(block_start(0, "text", text=""))
    for n in range(count):
        folded.apply(text_delta(f"{n} "))
    assert folded.text == "".join(f"{n} " for n in range(count))
    assert len(folded.blocks[0].pieces) <= 64 + count // 64


@pytest.mark.parametrize(
    ("block", "misfits"),
    [
        ("text", ["thinking_delta", "input_json_delta", "signature_delta"]),
        ("thinking", ["text_delta", "input_json_delta", "citations_delta"]),
        ("redacted_thinking", ["text_delta", "thinking_delta", "input_json_delta", "signature_delta"]),
        ("tool_use", ["text_delta", "thinking_delta", "signature_delta", "citations_delta"]),
        ("web_search_tool_result", ["text_delta", "input_json_delta"]),
    ],
)
def test_a_delta_that_its_block_does_not_have_changes_nothing(block: str, misfits: list[str]) -> None:
    """The SDK's accumulator leaves it out."""
    plain = partial(message_start(), block_start(0, block), block_stop())
    odd = partial(message_start(), block_start(0, block), *(delta(0, type_, "XX") for type_ in misfits), block_stop())
    assert odd.content == plain.content
    assert odd.text == plain.text == ""
    assert not odd.has_unknown
    assert list(odd.events()) == list(plain.events())


def test_a_block_of_an_unknown_type_keeps_its_deltas_as_they_came() -> None:
    """Nobody knows what they mean."""
    events = [message_start(), block_start(0, "hologram"), text_delta("a"), delta(0, "input_json_delta", "{}")]
    held = partial(*events)
    assert list(held.events()) == events
    assert held.blocks[0].deltas == [event["delta"] for event in events[2:]]


def test_a_call_that_started_without_an_input_has_the_one_that_comes() -> None:
    """As by the SDK; without any it has none."""
    start = {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "t", "name": "n"}}
    grown = partial(message_start(), start, delta(0, "input_json_delta", '{"a": 1}'), block_stop())
    assert grown.content == [{"type": "tool_use", "id": "t", "name": "n", "input": {"a": 1}}]
    assert partial(message_start(), start, block_stop()).content == [start["content_block"]]
    future = partial(
        message_start(), block_start(0, "x_use", input={}), delta(0, "input_json_delta", "[1]"), block_stop()
    )
    assert future.content == [{"type": "x_use", "input": [1]}]


def test_input_that_is_nested_without_end_is_no_json() -> None:
    """Like any other that is none."""
    held = partial(message_start(), *tool_block("[" * 5_000, "]" * 5_000))
    assert held.content[0]["input"] == {}


@pytest.mark.parametrize("text", ["a\ud83d", "\ude00", "a\ud83db", "界 \U0001f600"])
def test_its_json_can_be_written_to_any_file(text: str) -> None:
    """Half of a character is named there, and read again."""
    held = partial(message_start(), *open_text(text))
    written = held.to_json().encode()
    assert Partial.from_json(written.decode()) == held
    assert held.blocks[0].text == text


def test_json_that_is_nested_without_end_is_no_partial() -> None:
    """A `ValueError`, as for anything else that is none."""
    with pytest.raises(ValueError, match="no partial"):
        Partial.from_json("[" * 100_000)


def test_a_copy_is_made_once() -> None:
    """What search has found may be long, and each error has a copy."""
    copies = 0

    class Found(dict[str, Any]):
        def __deepcopy__(self, memo: object) -> Found:
            nonlocal copies
            copies += 1
            return Found(self)

    held = Partial()
    held.apply(message_start())
    held.apply(block_start(0, "web_search_tool_result", content=[Found(title="One")]))
    copied = held.copy()
    assert copies == 1
    assert copied == held
    assert copied.blocks[0].start["content"][0] is not held.blocks[0].start["content"][0]
