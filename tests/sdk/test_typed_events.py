"""Decoded events -> the SDK's own types and snapshot."""

from __future__ import annotations

import json
from typing import Any, Final

import anthropic
import httpx2
import pytest
from anthropic import types
from anthropic.types import beta
from pydantic import BaseModel

from unbroken import Partial
from unbroken.core.wire.deltas import as_delta
from unbroken.sdk.typed_events import Api, TypedEvents

Event = dict[str, Any]

USAGE: Final = {"input_tokens": 3, "output_tokens": 1}
MESSAGE: Final = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-5-5",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": USAGE,
}
START: Final[Event] = {"type": "message_start", "message": MESSAGE}
STOP: Final[Event] = {"type": "message_stop"}


def block(index: int, kind: str = "text", **fields: Any) -> Event:
    """The start of a block."""
    return {"type": "content_block_start", "index": index, "content_block": {"type": kind, **fields}}


def delta(index: int, kind: str, **fields: Any) -> Event:
    """A delta of a block."""
    return as_delta({"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}})


def end_of(index: int) -> Event:
    """The end of a block."""
    return {"type": "content_block_stop", "index": index}


def end(stop_reason: str = "end_turn") -> Event:
    """The end of a message."""
    return {
        "type": "message_delta",
        "delta": {"stop_reason": stop_reason, "stop_sequence": None},
        "usage": {"output_tokens": 9},
    }


TEXT: Final = [
    START,
    block(0, text=""),
    delta(0, "text_delta", text="Hel"),
    delta(0, "text_delta", text="lo"),
    end_of(0),
]
WHOLE: Final = [*TEXT, end(), STOP]


def response() -> httpx2.Response:
    """What the beta accumulator looks at."""
    return httpx2.Response(200, request=httpx2.Request("POST", "http://127.0.0.1/v1/messages"))


def typed(
    api: Api = "messages", output_format: Any = anthropic.not_given, partial: Partial | None = None
) -> TypedEvents:
    """An accumulator that has seen nothing, or `partial`."""
    return TypedEvents(api, output_format, partial or Partial(), response)


def push(events: TypedEvents, *decoded: Event) -> list[Any]:
    """All that these events make."""
    return [made for event in decoded for made in events.push(event)]


@pytest.mark.parametrize("api", ["messages", "beta"])
def test_each_event_makes_the_sdks_own_in_the_sdks_order(api: Api) -> None:
    """The raw event first, then what the SDK derives from it."""
    made = push(typed(api), *WHOLE)
    assert [event.type for event in made] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "text",
        "content_block_delta",
        "text",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert isinstance(made[0], types.RawMessageStartEvent if api == "messages" else beta.BetaRawMessageStartEvent)
    assert [event.snapshot for event in made if event.type == "text"] == ["Hel", "Hello"]
    assert made[-1].message.stop_reason == "end_turn"


@pytest.mark.parametrize("api", ["messages", "beta"])
def test_nothing_is_made_before_its_event_came(api: Api) -> None:
    """Each push gives at once all that it stands for."""
    events = typed(api)
    assert [len(push(events, event)) for event in WHOLE] == [1, 1, 2, 2, 1, 1, 1]


@pytest.mark.parametrize("api", ["messages", "beta"])
def test_the_snapshot_grows_with_the_events(api: Api) -> None:
    """Before `message_start` there is none, as in the SDK."""
    events = typed(api)
    with pytest.raises(AssertionError):
        _ = events.snapshot
    push(events, *TEXT[:3])
    assert events.snapshot.content[0].text == "Hel"
    push(events, *WHOLE[3:])
    assert events.snapshot.content[0].text == "Hello"
    assert events.snapshot.usage.output_tokens == 9


@pytest.mark.parametrize("seen", range(len(WHOLE) + 1))
def test_whoever_looks_late_is_made_up_for_what_was_read_before(seen: int) -> None:
    """The snapshot is the same, whenever the first look is taken."""
    early, partial = typed(), Partial()
    for event in WHOLE[:seen]:
        push(early, event)
        partial.apply(event)
    late = typed(partial=partial)
    for event in WHOLE[seen:]:
        assert push(late, event) == push(early, event)
    assert late.snapshot == early.snapshot


def test_thinking_and_its_signature_are_the_sdks() -> None:
    """With the SDK's derived events."""
    thinking = [
        START,
        block(0, "thinking", thinking="", signature=""),
        delta(0, "thinking_delta", thinking="Hm."),
        delta(0, "signature_delta", signature="sig"),
        end_of(0),
    ]
    made = push(typed(), *thinking)
    assert [event.type for event in made][2:] == [
        "content_block_delta",
        "thinking",
        "content_block_delta",
        "signature",
        "content_block_stop",
    ]
    assert made[-1].content_block.signature == "sig"


def test_the_input_of_a_tool_call_that_is_no_json_is_the_sdks_value_error() -> None:
    """It is the model's mistake, and not one to retry."""
    events = typed()
    push(events, START, block(0, "tool_use", id="t", name="look", input={}))
    with pytest.raises(ValueError):  # noqa: PT011  # the message is the SDK's, and changes
        push(events, delta(0, "input_json_delta", partial_json='{"a": nonsense'), end_of(0), end("tool_use"), STOP)


def test_an_output_format_is_parsed_by_the_sdk() -> None:
    """The text of the block becomes an instance."""

    class Weather(BaseModel):
        degrees: int

    events = typed(output_format=Weather)
    json_text = json.dumps({"degrees": 21})
    push(events, START, block(0, text=""), delta(0, "text_delta", text=json_text), end_of(0), end(), STOP)
    assert events.snapshot.content[0].parsed_output == Weather(degrees=21)


@pytest.mark.parametrize("api", ["messages", "beta"])
def test_a_type_that_nobody_knows_is_passed_through(api: Api) -> None:
    """Before the message and inside it, with its fields."""
    events = typed(api)
    stranger = {"type": "some_new_event", "colour": "blue"}
    made = push(events, stranger, *TEXT[:2], stranger, *WHOLE[2:])
    strangers: list[Any] = [event for event in made if event.type == "some_new_event"]
    assert [event.colour for event in strangers] == ["blue", "blue"]
    assert events.snapshot.content[0].text == "Hello"


def test_an_event_before_its_message_is_passed_through() -> None:
    """It cannot be placed; the SDK hands it over too."""
    made = push(typed(), end_of(0))
    assert isinstance(made[0], types.RawContentBlockStopEvent)


def test_a_value_that_nobody_knows_is_taken_as_it_is() -> None:
    """A new stop reason is no reason to fail."""
    events = typed()
    push(events, *TEXT, end("some_new_reason"), STOP)
    assert events.snapshot.stop_reason == "some_new_reason"


@pytest.mark.parametrize("seen", range(len(WHOLE) + 1))
def test_closing_leaves_nothing_to_the_collector(seen: int) -> None:
    """Whatever was seen; a second close is harmless."""
    events = typed()
    push(events, *WHOLE[:seen])
    events.close()
    events.close()


# -- runs


def grown(events: list[Any]) -> list[str]:
    """The texts so far."""
    return [event.snapshot for event in events if event.type in ("text", "thinking")]


@pytest.mark.parametrize(
    ("kind", "field", "fields"),
    [("text", "text", {}), ("thinking", "thinking", {"signature": ""})],
    ids=["text", "thinking"],
)
@pytest.mark.parametrize("api", ["messages", "beta"])
def test_a_run_of_deltas_makes_what_the_sdk_makes_of_each(
    api: Api, kind: str, field: str, fields: dict[str, Any]
) -> None:
    """The first goes through the SDK's accumulator, and those after it do not: their events are the same."""
    pieces = ["Hel", "", "lo", " 灯台", "!"]
    began = [START, block(0, kind, **{field: "> "}, **fields)]
    events, one_by_one = typed(api), []
    push(events, *began)
    for n, piece in enumerate(pieces):
        fresh = typed(api)
        push(fresh, *began)
        for earlier in pieces[:n]:
            fresh.accumulate(delta(0, f"{kind}_delta", **{field: earlier}))
        one_by_one += push(fresh, delta(0, f"{kind}_delta", **{field: piece}))
    made = push(events, *(delta(0, f"{kind}_delta", **{field: piece}) for piece in pieces))
    assert made == one_by_one
    assert [type(event) for event in made] == [type(event) for event in one_by_one]
    assert grown(made) == ["> Hel", "> Hel", "> Hello", "> Hello 灯台", "> Hello 灯台!"]
    assert getattr(events.snapshot.content[0], field) == "> Hello 灯台!"


def test_a_snapshot_in_the_middle_of_a_run_is_whole() -> None:
    """Whoever looks, at any time, sees what has come; the run goes on."""
    events, seen = typed(), []
    push(events, START, block(0, text=""))
    for piece in ("a", "b", "c", "d"):
        push(events, delta(0, "text_delta", text=piece))
        seen.append(events.snapshot.content[0].text)
    assert seen == ["a", "ab", "abc", "abcd"]
    assert grown(push(events, delta(0, "text_delta", text="e"))) == ["abcde"]


def test_runs_of_two_blocks_are_kept_apart() -> None:
    """Each has its own text so far, also where the deltas of two blocks take turns."""
    events = typed()
    push(events, START, block(0, text=""), block(1, text="x"))
    taking_turns = [delta(n % 2, "text_delta", text=str(n)) for n in range(6)]
    assert grown(push(events, *taking_turns)) == ["0", "x1", "02", "x13", "024", "x135"]
    assert [each.text for each in events.snapshot.content] == ["024", "x135"]


def test_what_stands_between_two_runs_keeps_its_place() -> None:
    """A citation in the middle of a text sees all of it, and changes nothing of it."""
    cited = delta(0, "citations_delta", citation={"type": "char_location", "cited_text": "b", "document_index": 0})
    events = typed()
    made = push(
        events,
        START,
        block(0, text=""),
        *(delta(0, "text_delta", text=t) for t in "ab"),
        cited,
        *(delta(0, "text_delta", text=t) for t in "cd"),
        end_of(0),
    )
    assert grown(made) == ["a", "ab", "abc", "abcd"]
    assert [event.type for event in made][6:8] == ["content_block_delta", "citation"]
    assert made[-1].content_block.text == "abcd"
    assert len(made[-1].content_block.citations) == 1


def test_text_for_a_block_that_is_none_is_no_run() -> None:
    """The SDK passes such deltas on, and so do we, each by itself."""
    events = typed()
    push(events, START, block(0, "tool_use", id="t", name="look", input={}))
    made = push(events, *[delta(0, "text_delta", text="stray")] * 3)
    assert [event.type for event in made] == ["content_block_delta"] * 3


def test_a_long_text_is_not_copied_for_each_of_its_pieces() -> None:
    """It grows in place as long as nobody else holds on to it; who does has his own copy, which stays as it was."""
    events = typed()
    push(events, START, block(0, text=""), delta(0, "text_delta", text="x" * 1_000_000))
    places = set()
    for _ in range(100):
        *_, event = events.push(delta(0, "text_delta", text="y"))
        places.add(id(event.snapshot))
        del event
    assert len(places) < 50
    kept = [event.snapshot for event in push(events, *[delta(0, "text_delta", text="z")] * 3) if event.type == "text"]
    assert [len(text) for text in kept] == [1_000_101, 1_000_102, 1_000_103]
