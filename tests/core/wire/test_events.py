"""Events out of frames: what the SDK reads is read, and what it would trip over or lose is malformed."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from builders import block_start, block_stop, message_delta, message_start, message_stop, text_delta
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.wire.decoded import Malformed
from unbroken.core.wire.events import EventReader, as_event, read_error
from unbroken.core.wire.sse import ServerSentEvent


def read(name: str | None, data: Any) -> Any:
    """What a frame with that data says."""
    text = data if isinstance(data, str) else json.dumps(data)
    return EventReader().read(ServerSentEvent(name, text))


def some_delta(**values: object) -> dict[str, object]:
    """A `content_block_delta` of any delta."""
    return {"type": "content_block_delta", "index": 0, "delta": values}


def start_of(**block: object) -> dict[str, object]:
    """A `content_block_start` of any block."""
    return {"type": "content_block_start", "index": 0, "content_block": block}


def opened(**message: object) -> dict[str, object]:
    """A `message_start` of any message."""
    return {"type": "message_start", "message": {"content": [], "usage": {}, **message}}


GOOD = [
    message_start(),
    block_start(0, "text", text=""),
    text_delta("Hello"),
    block_stop(0),
    message_delta("end_turn"),
    message_stop(),
    some_delta(type="thinking_delta", thinking="hm"),
    some_delta(type="input_json_delta", partial_json=""),
    some_delta(type="signature_delta", signature="abc"),
    some_delta(type="citations_delta", citation={"type": "char_location"}),
    some_delta(type="future_delta", anything=1),
    start_of(type="text", text="", citations=None),
    start_of(type="tool_use"),
    start_of(type="fallback", to={"model": "claude-opus-5-5"}),
    start_of(type="future", text=1),
    opened(id=1, content=[{"type": "text", "text": "x"}]),
    opened(usage={"output_tokens": None, "input_tokens": 3, "cache_creation": None}),
    {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 10.5}},
    {"type": "future_event", "index": "zero"},
    {"type": "message_metadata", "x": 1},
    {"type": "content_block_meta", "index": None},
    {"type": "error", "error": {"type": "overloaded_error"}},
]

BAD = [
    [],
    "message_stop",
    {"type": ["message_stop"]},
    {"type": 3},
    {"type": "content_block_delta", "index": 0},
    {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "x"}},
    {"type": "content_block_delta", "index": 0.5, "delta": {"type": "text_delta", "text": "x"}},
    {"type": "content_block_delta", "index": "zero", "delta": {"type": "text_delta", "text": "x"}},
    {"type": "content_block_delta", "index": [0], "delta": {"type": "text_delta", "text": "x"}},
    some_delta(),
    some_delta(type=["text_delta"]),
    some_delta(type="text_delta"),
    some_delta(type="text_delta", text=None),
    some_delta(type="thinking_delta", thinking=1),
    some_delta(type="input_json_delta", partial_json={}),
    some_delta(type="signature_delta"),
    some_delta(type="citations_delta"),
    {"type": "content_block_start", "index": 0, "content_block": None},
    start_of(),
    start_of(type=1),
    start_of(type="text", text=1),
    start_of(type="thinking", thinking=[]),
    start_of(type="text", text="", citations={}),
    start_of(type="fallback"),
    {"type": "content_block_stop"},
    {"type": "message_start"},
    {"type": "message_start", "message": []},
    opened(content={}),
    opened(content=[None]),
    opened(content=[{"type": "text", "text": 1}]),
    opened(usage=[]),
    {"type": "message_delta"},
    {"type": "message_delta", "delta": {"stop_reason": 5}},
    {"type": "message_delta", "delta": {}, "usage": "many"},
]


@pytest.mark.parametrize("event", GOOD, ids=json.dumps)
def test_what_the_wire_sends_is_an_event_as_it_stands(event: dict[str, Any]) -> None:
    assert read(event["type"], event) == event
    assert as_event(deepcopy(event)) is not None


@pytest.mark.parametrize("value", BAD, ids=json.dumps)
def test_anything_else_of_a_known_type_is_malformed(value: Any) -> None:
    """By whichever name it comes."""
    type_ = value.get("type") if isinstance(value, dict) else None
    with pytest.raises(Malformed):
        read(type_ if isinstance(type_, str) else "content_block_stop", value)
    assert as_event(deepcopy(value)) is None


WRITTEN_OTHERWISE = [
    ({**text_delta("x"), "index": 0.0}, text_delta("x")),
    ({**text_delta("x"), "index": "0"}, text_delta("x")),
    ({**block_stop(2), "index": "2.0"}, block_stop(2)),
    ({**block_start(1, "text"), "index": True}, block_start(1, "text")),
    (start_of(type="text"), start_of(type="text", text="")),
    (start_of(type="thinking", thinking=None), start_of(type="thinking", thinking="")),
    ({"type": "message_start", "message": {}}, opened()),
    (opened(content=None, usage=None), opened()),
    (opened(content=[{"type": "text"}]), opened(content=[{"type": "text", "text": ""}])),
    (opened(stop_reason=-1), opened(stop_reason=None)),
    ({"type": "message_delta", "delta": {}}, {"type": "message_delta", "delta": {}, "usage": {}}),
    (
        {"type": "message_delta", "delta": {"stop_reason": ""}, "usage": None},
        {"type": "message_delta", "delta": {"stop_reason": None}, "usage": {}},
    ),
]


@pytest.mark.parametrize(("sent", "event"), WRITTEN_OTHERWISE, ids=repr)
def test_what_may_be_written_in_several_ways_is_written_in_one(sent: dict[str, Any], event: dict[str, Any]) -> None:
    """An index is an `int`, a text is there; nothing is counted where nothing was."""
    said = read(sent["type"], sent)
    assert said == event
    assert type(said.get("index", 0)) is int


@pytest.mark.parametrize(
    ("count", "read_as"),
    [
        (20, 20),
        (20.0, 20),
        ("20", 20),
        ("20.0", 20),
        (-1, -1),
        (10.5, 10.5),
        (True, 1),
        (None, None),
        ("many", None),
        ("1e3", None),
        ([20], None),
        (2**53, None),
        (10**3_999, None),
        (float("inf"), None),
        (float("nan"), None),
    ],
)
def test_a_count_is_a_number_that_counts_or_nothing(count: object, read_as: object) -> None:
    """Whatever adds it up, and prices it."""
    event = read(None, opened(usage={"input_tokens": count, "cache_creation": {"ephemeral_1h_input_tokens": count}}))
    usage = event["message"]["usage"]
    assert usage == {"input_tokens": read_as, "cache_creation": {"ephemeral_1h_input_tokens": read_as}}
    assert type(usage["input_tokens"]) is type(read_as)


@pytest.mark.parametrize("event", GOOD, ids=json.dumps)
@pytest.mark.parametrize("name", [None, "message", "data", "content_block_delta"])
def test_the_data_says_what_it_is_whatever_its_frame_is_called(event: dict[str, Any], name: str | None) -> None:
    """The SDK drops a frame without a name, and with it what it says."""
    assert read(name, event) == event


@pytest.mark.parametrize("event", GOOD[:6], ids=json.dumps)
def test_the_name_says_it_where_the_data_does_not(event: dict[str, Any]) -> None:
    """As SDK 1.x has it; 2.x loses such an event."""
    untyped = {name: value for name, value in event.items() if name != "type"}
    assert read(event["type"], untyped) == event
    assert read(event["type"], {**untyped, "type": None}) == event


SILENT = [
    ("keepalive", "{}"),
    ("PING", "{}"),
    ("heartbeat", "null"),
    ("x", '{"type": 3}'),
    ("x", '{"type": ""}'),
    ("metadata", "plain text"),
    ("data", "[DONE]"),
    ("usage", "[1, 2]"),
    (None, "[DONE]"),
    (None, '{"choices": []}'),
    (None, '{"type": "ping"}'),
    ("x", '{"type": "ping", "cost": 1}'),
    ("ping", '{"type": "ping"}'),
    ("ping", '{"type": "keepalive"}'),
    ("ping", '{"type": 3}'),
    ("ping", ""),
    ("ping", "{"),
    ("ping", "null"),
    ("keepalive", ""),
    ("content_block_delta", ""),
    (None, ""),
]


@pytest.mark.parametrize(("name", "data"), SILENT)
def test_frames_that_are_none_of_the_apis_say_nothing(name: str | None, data: str) -> None:
    """Of pings, of gateways, of other APIs."""
    assert read(name, data) is None


LOST = [
    ("ping", json.dumps(text_delta("lost"))),
    ("content_block_delta", "plain text"),
    ("content_block_delta", '{"type": "content_block_delta", "ind'),
    ("message_stop", "null"),
    ("message_stop", "[1]"),
    (None, ' {"type": "content_block_delta", "ind'),
    ("x", '{"type": "content_block_delta", "ind'),
    (None, '{"index": 0, "delta": {"type": "text_delta", "text": "lost"}}'),
    ("x", '{"index": 0, "content_block": {"type": "text", "text": "lost"}}'),
    ("content_block_delta", '{"type": "content_block_delta", "x": ' + "[" * 5_000 + "]" * 5_000 + "}"),
]


@pytest.mark.parametrize(("name", "data"), LOST)
def test_nothing_that_could_be_the_answers_is_dropped_unread(name: str | None, data: str) -> None:
    """It is malformed; and the error says nothing of it."""
    with pytest.raises(Malformed) as raised:
        read(name, data)
    assert "lost" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_an_error_says_its_json_or_what_it_says() -> None:
    """Nested as deeply as it likes."""
    assert read_error('{"type": "error"}') == {"type": "error"}
    assert read_error("Oh") == "Oh"
    assert read_error("") == ""
    assert read_error("[" * 5_000) == "[" * 5_000


def join(*texts: str) -> tuple[list[str], bool]:
    """The texts that a reader gives out of deltas with these, each from a read of its own; and whether it waits."""
    reader = EventReader()
    given: list[str] = []
    for text in texts:
        events = [reader.read(ServerSentEvent(None, json.dumps(text_delta(text))))]
        if reader.has_halves:
            joined, error = reader.join(events)  # type: ignore[arg-type]
            assert error is None
        else:
            joined = events  # type: ignore[assignment]
        given += [event["delta"]["text"] for event in joined]
    return given, reader.has_halves


def test_characters_that_are_cut_in_two_deltas_are_made_whole() -> None:
    """Other texts go on as they are."""
    assert join("añ 界 \U0001f600", "b") == (["añ 界 \U0001f600", "b"], False)
    assert join("a\ud83d", "\ude00b", "c") == (["a", "\U0001f600b", "c"], False)
    assert join("a\ud83d", "b") == (["a", "\ud83d", "b"], False)
    assert join("a\ud83d") == (["a"], True)


def test_what_is_no_delta_goes_on_in_its_place() -> None:
    """A signature is not text."""
    reader = EventReader()
    signature = some_delta(type="signature_delta", signature="\ud83d")
    events = [text_delta("a\ud83d"), signature, block_stop()]
    read: list[Any] = [reader.read(ServerSentEvent(None, json.dumps(event))) for event in events]
    assert reader.join(read) == ([text_delta("a"), text_delta("\ud83d"), signature, block_stop()], None)


def test_half_a_character_in_a_tools_input_ends_the_events() -> None:
    """Those before it are given."""
    reader = EventReader()
    events: list[Any] = [text_delta("a"), some_delta(type="input_json_delta", partial_json="\ud83d"), block_stop()]
    read: list[Any] = [reader.read(ServerSentEvent(None, json.dumps(event))) for event in events]
    joined, error = reader.join(read)
    assert joined == [text_delta("a")]
    assert isinstance(error, Malformed)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["type", "index", "delta"]), inner),
    max_leaves=5,
)


@given(_JSON)
def test_no_json_is_too_strange_to_be_looked_at(value: object) -> None:
    """It answers, whatever it is given."""
    assert isinstance(as_event(value), dict | None)
