"""The shape of events: what the wire sends passes, anything else of a known type does not."""

from __future__ import annotations

import json

import pytest
from builders import block_start, block_stop, message_delta, message_start, message_stop, text_delta
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.events import is_event, loads


def some_delta(**values: object) -> dict[str, object]:
    """A `content_block_delta` of any delta."""
    return {"type": "content_block_delta", "index": 0, "delta": values}


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
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
    {"type": "message_start", "message": {"id": "msg_1", "usage": {"output_tokens": None, "input_tokens": 3}}},
    {"type": "future_event", "index": "zero"},
]

BAD = [
    None,
    [],
    "message_stop",
    {},
    {"type": None},
    {"type": ["message_stop"]},
    {"type": "content_block_delta", "index": 0},
    {"type": "content_block_delta", "index": "0", "delta": {"type": "text_delta", "text": "x"}},
    some_delta(),
    some_delta(type="text_delta"),
    some_delta(type="text_delta", text=None),
    some_delta(type="thinking_delta", thinking=1),
    some_delta(type="input_json_delta", partial_json={}),
    some_delta(type="signature_delta"),
    some_delta(type="citations_delta"),
    {"type": "content_block_start", "index": 0, "content_block": None},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": 1}},
    {"type": "content_block_stop"},
    {"type": "message_start"},
    {"type": "message_start", "message": {"usage": []}},
    {"type": "message_start", "message": {"usage": {"input_tokens": "many"}}},
    {"type": "message_delta"},
    {"type": "message_delta", "delta": {}, "usage": {"output_tokens": "many"}},
    {"type": "message_future", "delta": {}},
]


@pytest.mark.parametrize("event", GOOD, ids=json.dumps)
def test_what_the_wire_sends_is_an_event(event: object) -> None:
    assert is_event(event)


@pytest.mark.parametrize("value", BAD, ids=json.dumps)
def test_anything_else_of_a_known_type_is_none(value: object) -> None:
    assert not is_event(value)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["type", "index", "delta"]), inner),
    max_leaves=5,
)


@given(_JSON)
def test_no_json_is_too_strange_to_be_looked_at(value: object) -> None:
    """It answers, whatever it is given."""
    assert is_event(value) in (True, False)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(value=JSON, before=st.sampled_from(["", " ", "\n\t"]), after=st.sampled_from(["", "  ", "\r\n"]))
def test_what_json_loads_reads_is_read(value: object, before: str, after: str) -> None:
    """With white space around it or without."""
    text = f"{before}{json.dumps(value)}{after}"
    assert loads(text) == json.loads(text) == value


@pytest.mark.parametrize("text", ["", " ", "{", '{"a": 1} {"b": 2}', "1 2", "nonsense", '"a', "\ufeff{}"])
def test_what_json_loads_rejects_is_rejected(text: str) -> None:
    """In the same words."""
    with pytest.raises(ValueError) as expected:  # noqa: PT011  # whatever it says
        json.loads(text)
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        loads(text)
    assert str(raised.value) == str(expected.value)
