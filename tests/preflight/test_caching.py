"""`cache_control`: what it stands on, how many there are, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from preflighting import HOUR, MARK, TOOL, found, result, text, thought, turns

MARKED = text("a", cache_control=MARK)
LONGER = text("a", cache_control=HOUR)
FIVE = {"messages": turns([MARKED] * 5)}

WRONG: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    # what is changed, and what is found
    (FIVE, [("cache_control_too_many", "messages[0].content[4].cache_control")]),
    (
        {"messages": turns([MARKED] * 3), "system": [MARKED], "tools": [{**TOOL, "cache_control": MARK}]},
        [("cache_control_too_many", "messages[0].content[2].cache_control")],
    ),
    (
        {"messages": turns([*[MARKED] * 4, text("b")]), "cache_control": MARK},
        [("cache_control_too_many", "cache_control")],
    ),
    ({"cache_control": {"type": "permanent"}}, [("cache_control_invalid", "cache_control")]),
    ({"cache_control": True}, [("cache_control_invalid", "cache_control")]),
    ({"system": [text("a", cache_control={})]}, [("cache_control_invalid", "system[0].cache_control")]),
    (
        {"messages": turns([text("a", cache_control={**MARK, "ttl": "1d"})])},
        [("cache_control_invalid", "messages[0].content[0].cache_control.ttl")],
    ),
    (
        {"system": [MARKED], "messages": turns([LONGER])},
        [("cache_control_ttl_order", "messages[0].content[0].cache_control.ttl")],
    ),
    (
        {"tools": [{**TOOL, "cache_control": MARK}], "system": [LONGER]},
        [("cache_control_ttl_order", "system[0].cache_control.ttl")],
    ),
    ({"cache_control": MARK, "messages": turns([LONGER])}, [("cache_control_automatic_ttl", "cache_control.ttl")]),
    (
        {"messages": turns("a", [thought(cache_control=MARK), text("b")], "c")},
        [("cache_control_on_thinking", "messages[1].content[0].cache_control")],
    ),
    (
        {"messages": turns([text("a"), text("", cache_control=MARK)])},
        [
            ("text_empty", "messages[0].content[1].text"),
            ("cache_control_on_empty_text", "messages[0].content[1].cache_control"),
        ],
    ),
    (
        {"system": [text("", cache_control=MARK)]},
        [("system_empty", "system[0].text"), ("cache_control_on_empty_text", "system[0].cache_control")],
    ),
    (
        {"messages": [{"role": "user", "content": "a", "cache_control": MARK}]},
        [("cache_control_on_message", "messages[0].cache_control")],
    ),
    (
        {"messages": turns([{"type": "document", "source": {"type": "content", "content": [MARKED, text("b")]}}])},
        [("cache_control_inside", "messages[0].content[0].source.content[0].cache_control")],
    ),
]


@pytest.mark.parametrize(("changes", "expected"), WRONG)
def test_what_is_wrong_is_found(changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    """At its place, and nothing else."""
    assert found(**changes) == expected


RIGHT: list[dict[str, Any]] = [
    {"cache_control": MARK},
    {"cache_control": None, "system": [text("a", cache_control=None)]},
    {"cache_control": MARK, "messages": turns([MARKED] * 3)},
    {"cache_control": MARK, "messages": turns([MARKED] * 4)},
    {"messages": turns([MARKED] * 4)},
    {"cache_control": HOUR, "messages": turns([LONGER])},
    {"cache_control": MARK, "messages": []},
    {"messages": turns("a", [thought(), text("b", cache_control=MARK)], "c")},
    {"cache_control": MARK, "system": [text("a"), MARKED]},
    {"tools": [{**TOOL, "cache_control": HOUR}], "system": [MARKED], "messages": turns([MARKED])},
    {"messages": turns([{"type": "document", "source": {"type": "content", "content": [text("b"), MARKED]}}])},
]


@pytest.mark.parametrize("changes", RIGHT)
def test_what_is_right_is_left_alone(changes: dict[str, Any]) -> None:
    """Four marks are allowed, and an hour before five minutes."""
    assert [each for each in found(**changes) if each[0] != "messages_empty"] == []


def test_a_mark_inside_of_a_tools_result() -> None:
    """Before its last part, where the API moves it from."""
    inside = [result("1", content=[MARKED, text("b")]), result("2", content="a")]
    assert ("cache_control_inside", "messages[0].content[0].content[0].cache_control") in found(inside)
