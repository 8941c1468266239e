"""JSON as it is played: whole, and with what a stream's faults make of it."""

from __future__ import annotations

import json

from unbroken.testing.script.faults import ErrorEvent, Status
from unbroken.testing.wire.dialects import FIRST_PARTY
from unbroken.testing.wire.documents import JSON, JSON_LINES, Document, document


def test_a_document_is_one_part_and_lines_are_many() -> None:
    """Each an event of its own, with a line end behind it."""
    one, many, error = document({"ü": 1}), document([{"a": 1}, {"b": 2}]), document(Status(404))
    assert isinstance(one.content, Document)
    assert isinstance(many.content, Document)
    assert (one.dialect, many.dialect, error.dialect) == (JSON, JSON_LINES, FIRST_PARTY)
    assert [JSON.frame(event) for event in one.content.events()] == ['{"ü": 1}\n'.encode()]
    assert [JSON_LINES.frame(event) for event in many.content.events()] == [b'{"a": 1}\n', b'{"b": 2}\n']


def test_what_is_no_part_is_an_empty_line() -> None:
    """As a ping is, which does no reader of JSON any harm."""
    assert JSON.frame({"type": "ping"}) == b"\n"


def test_a_malformed_part_and_an_error_in_the_place_of_one() -> None:
    """The first is no JSON; the second is the API's error, in one line."""
    assert JSON_LINES.malformed({"json": {"a": 1}}) == b'{"a": 1\n'
    body = json.loads(JSON_LINES.error_frame(ErrorEvent(), "req_1"))
    assert (body["error"]["type"], body["request_id"]) == ("overloaded_error", "req_1")
