"""Tool calls and their results."""

from __future__ import annotations

from typing import Any

import pytest

from preflighting import SEARCH, TOOL, call, found, result, text, thought, turns

NO_RESULT, NO_CALL = "tool_use_without_result", "tool_result_without_use"


def used(id: str = "srvtoolu_1", name: str = "web_search", **more: Any) -> dict[str, Any]:
    """A call of a tool of the API's own."""
    return {"type": "server_tool_use", "id": id, "name": name, "input": {}, **more}


def searched(id: str = "srvtoolu_1") -> dict[str, Any]:
    """Its result."""
    return {"type": "web_search_tool_result", "tool_use_id": id, "content": []}


WRONG: list[tuple[tuple[Any, ...], list[tuple[str, str]]]] = [
    # what is said in turn, and what is found
    (("a", [call("1")]), [(NO_RESULT, "messages[1].content[0]")]),
    (("a", [text("b"), call("1"), call("2")], [result("2")]), [(NO_RESULT, "messages[1].content[1]")]),
    (
        ("a", [call("1")], "no", "b", [result("1")]),
        [(NO_RESULT, "messages[1].content[0]"), (NO_CALL, "messages[4].content[0]")],
    ),
    (("a", [call("1")], [text("so"), result("1")]), [("tool_result_not_first", "messages[2].content[1]")]),
    (
        ("a", [call("1"), call("2")], [result("1"), text("so"), result("2")]),
        [("tool_result_not_first", "messages[2].content[2]")],
    ),
    (([result("1")],), [(NO_CALL, "messages[0].content[0]")]),
    (("a", [call("1")], [result("1"), result("2")]), [(NO_CALL, "messages[2].content[1]")]),
    (("a", [text("b"), result("1")], "c"), [(NO_CALL, "messages[1].content[1]")]),
    (("a", [call("1")], [result("1"), result("1")]), [("tool_result_twice", "messages[2].content[1]")]),
    (
        ("a", [call("1"), call("1")], [result("1")]),
        [("tool_use_id_twice", "messages[1].content[1].id")],
    ),
    (("a", [call("1"), text("b")], [result("1")]), [("text_after_tool_use", "messages[1].content[1]")]),
    (
        ("a", [text("b"), call("1"), call("2"), text("c")], [result("1"), result("2")]),
        [("text_after_tool_use", "messages[1].content[3]")],
    ),
    (("a", [call("a b")], [result("a b")]), [("tool_use_id_invalid", "messages[1].content[0].id")]),
    (("a", [call("")], [result("")]), [("tool_use_id_invalid", "messages[1].content[0].id")]),
    (("a", [call(None)], "b"), [("block_field_missing", "messages[1].content[0].id")]),
    (("a", [call("1")], [result("1"), result(5)]), [("block_field_missing", "messages[2].content[1].tool_use_id")]),
    (("a", [used(), text("b")], "c"), [("server_tool_unpaired", "messages[1].content[0]")]),
    (("a", [searched(), text("b")], "c"), [("server_tool_unpaired", "messages[1].content[0]")]),
    (("a", [searched(), used()], "c"), [("server_tool_unpaired", "messages[1].content[0]")]),
    (("a", [used(), searched(), searched(), text("b")], "c"), [("server_tool_unpaired", "messages[1].content[2]")]),
]


@pytest.mark.parametrize(("contents", "expected"), WRONG)
def test_what_does_not_fit_together_is_found(contents: tuple[Any, ...], expected: list[tuple[str, str]]) -> None:
    """At its place, and nothing else."""
    assert found(*contents, tools=[TOOL, SEARCH]) == expected


RIGHT: list[tuple[Any, ...]] = [
    ("a", [text("b"), call("1"), call("2")], [result("2"), result("1"), text("so")]),
    ("a", [call("1")], [result("1")], [call("2")], [result("2")], "b", "c"),
    ("a", [used(), searched(), text("b")], "c"),
    ("a", [text("b"), used()]),
    ("a", [call("1")], [{"type": "tool_addition", "tool": TOOL}, result("1")]),
    ("a", [used(), searched()]),
    ("a", [call("1")], [result("1")], [call("1")], [result("1")]),
    ("a", [used(), call("1")], [result("1")]),
    ("a", [used(), call("1")], [result("1")], [searched(), text("b")], "c"),
    ("a", [used(name="telepathy"), {**searched(), "type": "telepathy_tool_result"}], "c"),
    (
        "a",
        [used(name="code_execution"), call("1", caller={"type": "code_execution_20260521", "tool_id": "srvtoolu_1"})],
        [result("1")],
        [{"type": "code_execution_tool_result", "tool_use_id": "srvtoolu_1", "content": {}}, text("b")],
        "c",
    ),
    (
        "a",
        [used(name="code_execution"), call("1", caller={"type": "code_execution_20260521", "tool_id": "srvtoolu_1"})],
        [result("1")],
    ),
    (iter([text("a")]), [call("1")]),
    ("a", iter([used()]), [searched()]),
]


@pytest.mark.parametrize("contents", RIGHT)
def test_what_fits_together_is_left_alone(contents: tuple[Any, ...]) -> None:
    """So is what cannot be seen as a whole."""
    unseen = [code for code, _ in found(*contents, tools=[TOOL, SEARCH]) if code != "block_not_users"]
    assert unseen == []


def test_neighbours_of_one_role_are_one_turn() -> None:
    """A result may stand in the second of two user messages, if nothing else comes before it."""
    split = [*turns("a", [call("1"), call("2")]), *({"role": "user", "content": [result(number)]} for number in "12")]
    assert found(messages=split, tools=[TOOL]) == []
    said = [*turns("a", [call("1")]), {"role": "user", "content": "so"}, {"role": "user", "content": [result("1")]}]
    assert found(messages=said, tools=[TOOL]) == [("tool_result_not_first", "messages[3].content[0]")]


def test_a_web_tool_that_was_called_stays_offered_while_its_turn_goes_on() -> None:
    """Of other tools it is not known, and tools that cannot be seen may be the right ones."""
    conversation = ("a", [used(), searched()])
    assert found(*conversation, tools=[TOOL]) == [("server_tool_not_offered", "messages[1].content[0]")]
    assert found(*conversation, tools=iter([SEARCH])) == []
    added = {"type": "tool_addition", "tool": SEARCH}
    assert found([text("a"), added], [used(), searched()]) == []
    assert found("a", [used(name="advisor"), {**searched(), "type": "advisor_tool_result"}]) == []


def test_a_web_tool_of_a_turn_that_is_over_need_not_be_offered() -> None:
    """Recorded: calls in the history of a request without tools."""
    assert found("a", [used(), searched(), text("b")], "c") == []


def test_an_mcp_servers_calls_are_paired_as_well() -> None:
    """A result of theirs alone is found."""
    alone = {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "is_error": False, "content": []}
    assert found("a", [alone, text("b")], "c") == [("server_tool_unpaired", "messages[1].content[0]")]


def test_thinking_is_no_part_of_it() -> None:
    """A turn of calls may begin with thinking."""
    assert found("a", [thought(), call("1")], [result("1")], tools=[TOOL]) == []
