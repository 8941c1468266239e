"""Requests as text."""

from __future__ import annotations

import json

import pytest

from unbroken.cli.doctor.request_file import parse


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{\n  "a": 1,\n}', "line 2, column 9: a comma before the closing bracket."),
        (b'{"a": [1,\n2, ]}', "line 2, column 2: a comma before the closing bracket."),
        (b'{"a": 1,\n "a": 2}', "A name stands twice in an object, and one of the two is lost."),
        (b'{"a": NaN}', "There is a NaN or an infinity in it, and JSON has neither."),
        (b'{"a": [1, -Infinity]}', "There is a NaN or an infinity in it, and JSON has neither."),
        (b'{"a": 1e999}', "A number in it is too large."),
        (b"{'a': 1}", "line 1, column 2: a string in single quotes: JSON has double ones."),
        (b'{"a": 1', "line 1, column 8: the text ends before the JSON does."),
        (b'{"a": 1} {"b": 2}', "line 1, column 10: the JSON is over, and something comes after it."),
        (b'{"a": True}', "line 1, column 7: JSON has true, false and null."),
        (b'{"a": "x\ny"}', r"line 1, column 9: a line break or another control character in a string: write \n."),
        (b'{"a": "x', "line 1, column 7: the string that begins here has no end."),
        (rb'{"a": "\x"}', r"line 1, column 8: a backslash that escapes nothing: write \\."),
        (b'{"a": 1 // note\n}', "line 1, column 9: a comment: JSON has none."),
        (b'{"a" 1}', "line 1, column 6: expecting ':' delimiter."),
        (b'{"a": "\xff"}', "line 1, column 8: this is not UTF-8."),
        (b"\xff\xfe{", "It is UTF-16, and JSON has to be UTF-8."),
        (rb'{"a": "\ud83d"}', r"Half of a surrogate pair stands alone (an escape like \ud83d): that is no character."),
        (b" \n", "It is empty."),
        (b"[1]", "It is an array, and a request is an object."),
        (b'"Hi."', "It is a single value, and a request is an object."),
        (b"[" * 100_000, "It is nested too deeply."),
        (b"[" * 300 + b"]" * 300, "It is nested too deeply."),
        (b'{"a": ' + b"1" * 5_000 + b"}", "A number in it has more digits than can be read."),
    ],
)  # fmt: skip
def test_a_mistake_is_told(text: bytes, said: str) -> None:
    """With its line and column where it ends the parsing, and what is probably meant; nothing of the text is quoted."""
    reading = parse(text)
    assert reading.params is None
    assert reading.problems == (said,)


def test_every_name_that_stands_twice_is_told() -> None:
    """In whichever object; the same name in two objects is well."""
    reading = parse(b'{"a": {"b": 1}, "c": [{"b": 1}, "b", {"b": 1, "b": 2}], "a": "a: [1}"}')
    assert reading.problems == ("A name stands twice in an object, and one of the two is lost.",) * 2


def test_a_byte_order_mark_is_left_out_and_told() -> None:
    """What is sent from here has none; the program that wrote it may send it."""
    reading = parse(b'\xef\xbb\xbf{"a": 1}')
    assert (reading.params, reading.problems, len(reading.warnings), reading.size) == ({"a": 1}, (), 1, 11)


def test_the_sdks_arguments_are_the_body() -> None:
    """`extra_body` is part of it; `timeout` is not sent, and `stream` is up to the command. A null is a value."""
    given = {"model": "m", "stream": True, "timeout": 5, "system": None, "extra_body": {"top_k": 1}, "betas": ["b"]}
    assert parse(json.dumps(given).encode()).params == {"model": "m", "system": None, "top_k": 1, "betas": ["b"]}
    assert parse(b'{"extra_body": 1}').params == {"extra_body": 1}
