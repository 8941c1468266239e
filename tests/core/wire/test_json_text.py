"""JSON of a stranger's: what `json.loads` reads is read, within bounds."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.wire.decoded import Malformed
from unbroken.core.wire.json_text import loads

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(value=JSON, before=st.sampled_from(["", " ", "\n\t"]), after=st.sampled_from(["", "  ", "\r\n"]))
def test_what_json_loads_reads_is_read(value: object, before: str, after: str) -> None:
    """With white space around it or without; as text or as bytes."""
    text = f"{before}{json.dumps(value)}{after}"
    assert loads(text) == loads(text.encode()) == json.loads(text) == value


@pytest.mark.parametrize("text", ["", " ", "{", '{"a": 1} {"b": 2}', "1 2", "nonsense", '"a', "\ufeff{}", b"\xff"])
def test_what_json_loads_rejects_is_malformed(text: str | bytes) -> None:
    """Its own error holds all of the text; ours holds none of it."""
    with pytest.raises(ValueError):  # noqa: PT011  # whatever it says
        json.loads(text)
    with pytest.raises(Malformed, match="no JSON") as raised:
        loads(text)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def nested(depth: int, end: str = "") -> str:
    """Arrays and objects in each other, so many."""
    openings = "".join('{"a":' if level % 2 else "[" for level in range(depth))
    closings = "".join("}" if level % 2 else "]" for level in reversed(range(depth)))
    return f"{openings}{end or ('1' if depth % 2 == 0 else '')}{closings}"


@pytest.mark.parametrize("depth", [1, 100, 200])
def test_what_is_nested_within_the_bound_is_read_and_can_be_copied(depth: int) -> None:
    """`copy.deepcopy` takes two calls a level."""
    value: Any = loads(nested(depth))
    assert deepcopy(value) == json.loads(nested(depth))


@pytest.mark.parametrize("depth", [201, 500, 5_000, 100_000])
def test_what_is_nested_deeper_is_malformed(depth: int) -> None:
    """By every version of Python alike."""
    with pytest.raises(Malformed, match="nested too deeply"):
        loads(nested(depth))


@pytest.mark.parametrize("text", [json.dumps([[]] * 300), json.dumps("[{" * 300), json.dumps({"a": ["[" * 400, {}]})])
def test_many_brackets_are_not_deep(text: str) -> None:
    """Only those that are in each other count."""
    assert loads(text) == json.loads(text)
