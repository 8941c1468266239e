"""Which requests may do something in the world: a row for each kind of tool, as requested and as seen at work."""

from __future__ import annotations

from typing import Any

import pytest

from unbroken.core.effects import acts, may_act

LOOKING = [
    {"type": "web_search_20260209", "name": "web_search"},
    {"type": "web_fetch_20260209", "name": "web_fetch"},
    {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"},
]
RUN_BY_CALLER = [
    {"name": "weather", "input_schema": {"type": "object"}},
    {"type": "custom", "name": "weather", "input_schema": {"type": "object"}},
    {"type": "bash_20250124", "name": "bash"},
    {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
    {"type": "computer_20251124", "name": "computer"},
    {"type": "memory_20250818", "name": "memory"},
]
ACTING = [
    {"type": "code_execution_20260120", "name": "code_execution"},
    {"type": "mcp_toolset", "mcp_server_name": "m"},
    {"type": "something_new_20270101", "name": "something_new"},
]


def named(tool: dict[str, Any]) -> str:
    """A tool in a test's name."""
    return str(tool.get("type") or "without a type")


@pytest.mark.parametrize("tool", [*LOOKING, *RUN_BY_CALLER], ids=named)
def test_what_only_looks_or_is_run_by_the_caller_may_be_asked_for_twice(tool: dict[str, Any]) -> None:
    """Nothing in the world is changed by the answer itself."""
    assert not may_act({"tools": [tool]})
    assert not may_act({"tools": (tool,)})


@pytest.mark.parametrize("tool", ACTING, ids=named)
def test_what_the_server_runs_may_act(tool: dict[str, Any]) -> None:
    """And so may a type that nobody has heard of, wherever it stands among others."""
    assert may_act({"tools": [*LOOKING, *RUN_BY_CALLER, tool]})


def test_mcp_servers_may_act_without_a_tool() -> None:
    """What they do is not in the request."""
    assert may_act({"mcp_servers": [{"type": "url", "url": "https://example.com", "name": "m"}]})
    assert not may_act({"mcp_servers": []})


@pytest.mark.parametrize("tools", [None, [], (), "no list", object(), [None, "no mapping", 7, {"type": None}]])
def test_what_is_no_tool_does_nothing(tools: Any) -> None:
    """The API will say what it thinks of it."""
    assert not may_act({"tools": tools})
    assert not may_act({})


BLOCKS = [
    ({"type": "text", "text": ""}, False),
    ({"type": "tool_use", "name": "code_execution"}, False),
    ({"type": "server_tool_use", "name": "web_search"}, False),
    ({"type": "server_tool_use", "name": "web_fetch"}, False),
    ({"type": "server_tool_use", "name": "tool_search_tool_bm25"}, False),
    ({"type": "server_tool_use", "name": "bash_code_execution"}, True),
    ({"type": "server_tool_use", "name": "something_new"}, True),
    ({"type": "server_tool_use"}, True),
    ({"type": "server_tool_use", "name": None}, True),
    ({"type": "mcp_tool_use", "name": "web_search"}, True),
    ({}, False),
]


@pytest.mark.parametrize(("block", "does"), BLOCKS)
def test_a_block_that_acts(block: dict[str, Any], does: bool) -> None:
    """Only server-side tools do, and of those not the ones that are known to look."""
    assert acts(block) is does
