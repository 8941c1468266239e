"""What is written of a stream comes back as it was, whatever it says; and what is no entry is told from what is a new
kind of one."""

from __future__ import annotations

import json
import re
from typing import Any, Final, get_args

import pytest
from builders import message_start, text_delta
from hypothesis import example, given
from hypothesis import strategies as st

from unbroken.durable.entries import Kind, Record, Stored, decode, encode, position_of
from unbroken.journal import JournalCorrupt

KINDS: Final = get_args(Kind)

#: JSON, with halves of characters among its texts, as models and tools send them.
texts = st.text(st.characters(), max_size=20)
bodies = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(KINDS), bodies)
@example("event", {"type": "content_block_delta", "delta": {"text": "\ud83d"}})
@example("event", {"text": "\ud83d and a whole 🕯"})
@example("request", {"\udc00": None})
def test_what_is_written_is_read(kind: Kind, body: Any) -> None:
    """Any JSON, of any kind, also where it names half a character; it is one line of UTF-8."""
    data = encode(Record(kind, body))
    assert decode(data) == Record(kind, body)
    assert "\n" not in data.decode()


def test_an_entry_is_an_object_with_a_version_and_its_type() -> None:
    """Anybody can read it; what the model wrote is not escaped."""
    data = encode(Record("event", text_delta("Öl für 灯台", 2)))
    assert json.loads(data) == {"version": 1, "type": "event", "event": text_delta("Öl für 灯台", 2)}
    assert "Öl für 灯台".encode() in data


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\xff\xfe", b"null", b"[]", b'"event"', b"17", b"[" * 100_000, b'{"version": 1} x'],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_entry_is_corrupt(data: bytes) -> None:
    """Its text tells nothing of what is there."""
    with pytest.raises(JournalCorrupt, match=r"^an entry of the journal is no JSON( object)?$") as caught:
        decode(data)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "entry",
    [
        {"version": 2, "type": "event", "event": {}},
        {"type": "event", "event": {}},
        {"version": 1, "type": "later", "later": 1},
        {"version": 1, "type": "event"},
        {"version": 1, "type": ["event"], "event": {}},
        {"version": 1, "type": None},
        {"version": 1},
        {},
    ],
    ids=str,
)
def test_an_entry_of_another_version_is_of_no_kind(entry: dict[str, Any]) -> None:
    """It is not guessed at; who goes on sees that there is something that it does not know."""
    assert decode(json.dumps(entry).encode()) == Record(None, entry)


@given(st.integers(1, 10**18 - 1), st.integers(1, 10**18 - 1))
def test_a_position_is_read_as_it_was_given(fence: int, seq: int) -> None:
    """The fence and the number."""
    assert position_of(Stored(fence, seq, "event", message_start()).position) == (fence, seq)


def test_the_beginning_is_a_position() -> None:
    assert position_of("0") == (0, 0)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "-",
            "1",
            "1-",
            "-1",
            "1-2-3",
            "a-1",
            "1-a",
            " 1-2",
            "1-2 ",
            "+1-2",
            "1--2",
            "1_0-2",
            "1-2\n",
            "00",
            "-0",
        ),
        *("١-٢", "1-²", "1" * 19 + "-1", "1-" + "1" * 19, "0x1-2", "1.0-2"),
    ],
)
def test_what_is_no_position(text: str) -> None:
    """It comes from a browser, and may be anything."""
    assert position_of(text) is None


@given(st.text(max_size=30))
def test_any_text_is_a_position_or_none(text: str) -> None:
    """Nothing else happens; and what is one is of two plain numbers."""
    found = position_of(text)
    assert (found is not None) == bool(text == "0" or re.fullmatch("[0-9]{1,18}-[0-9]{1,18}", text))
