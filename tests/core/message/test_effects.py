"""Which requests may do something in the world: a row for each kind of tool, as requested and as seen at work."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from unbroken.core.message.effects import Effects, acts, may_act

LOOKING = [
    {"type": "web_search_20260209", "name": "web_search"},
    {"type": "web_fetch_20260209", "name": "web_fetch"},
    {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"},
    {"type": "advisor_20260301", "name": "advisor", "model": "claude-opus-5"},
]
RUN_BY_CALLER = [
    {"name": "weather", "input_schema": {"type": "object"}},
    {"type": "custom", "name": "weather", "input_schema": {"type": "object"}},
    {"type": "bash_20250124", "name": "bash"},
    {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
    {"type": "computer_20251124", "name": "computer"},
    {"type": "memory_20250818", "name": "memory"},
    {"type": "computer_toolset_20260801"},
    {"type": "browser_toolset_20260801"},
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
    ({"type": "server_tool_use", "name": "advisor"}, False),
    ({"type": "mcp_tool_use", "name": "web_search"}, True),
    ({"type": "web_search_tool_result"}, False),
    ({"type": "web_fetch_tool_result"}, False),
    ({"type": "tool_search_tool_result"}, False),
    ({"type": "advisor_tool_result"}, False),
    ({"type": "code_execution_tool_result"}, True),
    ({"type": "bash_code_execution_tool_result"}, True),
    ({"type": "mcp_tool_result"}, True),
    ({"type": "mcp_tool_listing"}, False),
    ({"type": "compaction"}, False),
    ({}, False),
]


@pytest.mark.parametrize(("block", "does"), BLOCKS)
def test_a_block_that_acts(block: dict[str, Any], does: bool) -> None:
    """Only server-side tools do, and of those not the ones that are known to look."""
    assert acts(block) is does


def begins(type: str, **fields: Any) -> dict[str, Any]:
    """A block's start."""
    return {"type": "content_block_start", "index": 0, "content_block": {"type": type, **fields}}


OPENING = {"type": "message_start", "message": {}}
EXECUTES = {"type": "server_tool_use", "id": "s", "name": "code_execution"}
RAN = {"type": "code_execution_tool_result", "tool_use_id": "s"}


def asking(*blocks: Any, tool: dict[str, Any] = ACTING[0]) -> dict[str, Any]:
    """A request with a tool, whose conversation has these blocks."""
    return {"tools": [tool], "messages": [{"role": "assistant", "content": list(blocks)}, {"content": "Hi"}, "odd"]}


def test_a_request_without_a_tool_that_acts_cannot_act() -> None:
    """The newest web tools begin with a call of `code_execution`, which is their own."""
    looking = Effects([{"tools": LOOKING}, {}])
    assert not looking.begun_by(begins("server_tool_use", name="code_execution"))
    assert not looking.begun_by(begins("code_execution_tool_result"))
    acting = Effects([{"tools": LOOKING}, {"tools": ACTING[:1]}])
    assert acting.begun_by(begins("server_tool_use", name="code_execution"))
    assert not acting.begun_by(begins("server_tool_use", name="web_search"))
    assert not acting.begun_by(OPENING)
    assert not acting.begun_by({"type": "ping"})


def test_of_requests_that_nobody_knows_anything_may_act() -> None:
    """What does, is said by its block."""
    assert Effects().begun_by(begins("mcp_tool_use"))
    assert not Effects().begun_by(OPENING)


def test_a_call_of_the_turn_before_goes_on_with_its_answer() -> None:
    """It is not seen to begin; one that has its result, or only looks, does nothing more."""
    searches = {**EXECUTES, "name": "web_search"}
    assert Effects([asking(EXECUTES)]).begun_by(OPENING)
    assert Effects([asking(SimpleNamespace(**EXECUTES))]).begun_by(OPENING)
    for request in (asking(EXECUTES, RAN), asking(searches), asking(EXECUTES, tool=LOOKING[0]), asking(None, 7)):
        assert not Effects([request]).begun_by(OPENING)


def test_a_tool_may_be_offered_in_the_middle_of_a_conversation() -> None:
    """By its definition; a reference is to one that is offered anyway."""
    added = {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": ACTING[0]}}
    named = {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "code_execution"}}
    assert may_act({"messages": [{"role": "user", "content": [added]}]})
    assert not may_act({"messages": [{"role": "user", "content": [named, {"type": "tool_addition"}]}]})
