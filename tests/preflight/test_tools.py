"""The tools that are offered, and the choice among them."""

from __future__ import annotations

from typing import Any

import pytest

from preflighting import BUDGET, OLD, SEARCH, TOOL, found, text, turns

ADDED = {"type": "tool_addition", "tool": {"name": "see"}}
TOOLSET = {"type": "browser_toolset_20260801"}


def tool(name: Any = "look", **schema: Any) -> dict[str, Any]:
    """A tool with a schema."""
    return {"name": name, "input_schema": {"type": "object", **schema}}


WRONG: list[tuple[list[Any], list[tuple[str, str]]]] = [
    # the tools, and what is found
    (["look"], [("tool_invalid", "tools[0]")]),
    ([None], [("tool_invalid", "tools[0]")]),
    ([{"input_schema": {"type": "object"}}], [("tool_invalid", "tools[0].name")]),
    ([{"name": "look"}], [("tool_invalid", "tools[0].input_schema")]),
    ([{"name": "look", "input_schema": []}], [("tool_invalid", "tools[0].input_schema")]),
    ([tool("")], [("tool_name_invalid", "tools[0].name")]),
    ([tool("a.b")], [("tool_name_invalid", "tools[0].name")]),
    ([tool("look\n")], [("tool_name_invalid", "tools[0].name")]),
    ([tool("a" * 129)], [("tool_name_invalid", "tools[0].name")]),
    ([TOOL, tool("b"), TOOL], [("tool_name_duplicate", "tools[2].name")]),
    ([SEARCH, tool("web_search")], [("tool_name_duplicate", "tools[1].name")]),
    ([tool(type="string")], [("tool_schema_type", "tools[0].input_schema.type")]),
    ([{"name": "look", "input_schema": {}}], [("tool_schema_type", "tools[0].input_schema.type")]),
    ([tool(anyOf=[{}])], [("tool_schema_union", "tools[0].input_schema.anyOf")]),
    ([tool(properties={"a b": {}})], [("tool_property_name", "tools[0].input_schema.properties")]),
    ([tool(properties={"a" * 65: {}, "": {}})], [("tool_property_name", "tools[0].input_schema.properties")]),
    (
        [TOOL, tool("b", properties={"size": {"type": "int"}})],
        [("tool_schema_invalid", "tools[1].input_schema.properties.size.type")],
    ),
    ([tool(properties=[])], [("tool_schema_invalid", "tools[0].input_schema.properties")]),
]


@pytest.mark.parametrize(("tools", "expected"), WRONG)
def test_tools_that_are_wrong_are_found(tools: list[Any], expected: list[tuple[str, str]]) -> None:
    """At their place, and nothing else."""
    assert found(tools=tools) == expected


@pytest.mark.parametrize(
    "tools",
    [
        [],
        [TOOL, SEARCH, TOOLSET],
        [tool("a" * 128, properties={"a.b-c_1": {"oneOf": [{}]}})],
        [{**TOOL, "type": "custom"}],
        [{**TOOL, "type": None}],
        iter([TOOL, TOOL]),
        (TOOL,),
        [object()],
    ],
)
def test_tools_that_are_right_are_left_alone(tools: Any) -> None:
    """And those that cannot be seen."""
    assert found(tools=tools) == []


CHOICES: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    # what is changed, and what is found
    ({"tool_choice": "auto"}, [("tool_choice_invalid", "tool_choice")]),
    ({"tool_choice": {"type": "some"}, "tools": [TOOL]}, [("tool_choice_invalid", "tool_choice")]),
    ({"tool_choice": {"type": "auto"}}, [("tool_choice_without_tools", "tool_choice")]),
    ({"tool_choice": {"type": "auto"}, "tools": []}, [("tool_choice_without_tools", "tool_choice")]),
    ({"tool_choice": {"type": "tool"}, "tools": [TOOL], "model": OLD}, [("tool_choice_invalid", "tool_choice.name")]),
    (
        {"tool_choice": {"type": "tool", "name": "see"}, "tools": [TOOL], "model": OLD},
        [("tool_choice_unknown", "tool_choice.name")],
    ),
    ({"tool_choice": {"type": "any"}, "tools": [TOOL]}, [("tool_choice_unsupported", "tool_choice.type")]),
    (
        {"tool_choice": {"type": "any"}, "tools": [TOOL], "model": OLD, "thinking": BUDGET},
        [("tool_choice_with_thinking", "tool_choice.type")],
    ),
]


@pytest.mark.parametrize(("changes", "expected"), CHOICES)
def test_choices_that_are_wrong_are_found(changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    """At their place, and nothing else."""
    assert found(**changes) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"tool_choice": {"type": "none"}},
        {"tool_choice": {"type": "auto"}, "tools": [TOOL]},
        {"tool_choice": {"type": "auto"}, "tools": iter([TOOL])},
        {"tool_choice": {"type": "auto"}, "mcp_servers": [{"name": "tally"}]},
        {"tool_choice": {"type": "any"}, "tools": [TOOL], "model": OLD},
        {"tool_choice": {"type": "auto"}, "messages": turns([ADDED, text("a")])},
        {
            "tool_choice": {"type": "tool", "name": "see"},
            "tools": [TOOL],
            "model": OLD,
            "messages": turns([ADDED, text("a")]),
        },
        {"tool_choice": {"type": "tool", "name": "look"}, "tools": [TOOL], "model": OLD},
        {"tool_choice": {"type": "tool", "name": "click"}, "tools": [TOOL, TOOLSET], "model": OLD},
        {"tool_choice": {"type": "tool", "name": "count"}, "tools": [TOOL], "mcp_servers": [{}], "model": OLD},
        {"tool_choice": {"type": "any"}, "tools": [TOOL], "model": "claude-opus-4-8", "thinking": {"type": "adaptive"}},
    ],
)
def test_choices_that_are_right_are_left_alone(changes: dict[str, Any]) -> None:
    """And those among tools whose names are not in the request."""
    assert found(**changes) == []
