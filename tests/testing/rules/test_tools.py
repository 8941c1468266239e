"""Tools that are not offered, calls without results, and results without calls."""

from __future__ import annotations

from typing import Any

import pytest
from judging import (
    CODE,
    OPTIONAL,
    PREFILLS,
    SEARCH,
    TOOL,
    call,
    result,
    says,
    server_call,
    server_result,
    text,
    turns,
)

from unbroken.testing import Answer, RawBlock
from unbroken.testing.claude.signatures import sealed_id

ODD = (server_call("s", "telepathy"), server_result("s", "telepathy"))
BM25, BASH, SEARCHES = "tool_search_tool_bm25", "bash_code_execution", ("srvtoolu_1", "srvtoolu_2")
TALLY = {
    "mcp_servers": [{"type": "url", "name": "tally", "url": "https://example.com"}],
    "betas": ("mcp-client-2025-11-20",),
}
MCP_CALL = {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "count", "server_name": "tally", "input": {}}
MCP_RESULT = {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "is_error": False, "content": []}

#: A call and its result as the server writes them.
SEALED = sealed_id("toolu", "1x0", {"name": "look", "input": {"at": 1}})
PAIRED = sealed_id("srvtoolu", "1x0", {"name": "web_search", "input": {}}, [])

REJECTED: dict[str, tuple[dict[str, Any], str]] = {
    "two tools of one name": ({"tools": [TOOL, TOOL]}, "tools: Tool names must be unique."),
    "a forced tool": ({"tools": [TOOL], "tool_choice": {"type": "any"}}, "`any` and `tool` are not supported"),
    "a forced tool with thinking": (
        {
            "model": PREFILLS,
            "tools": [TOOL],
            "tool_choice": {"type": "tool", "name": "look"},
            "thinking": {"type": "enabled", "budget_tokens": 1024},
        },
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    "a call without a result": (
        {"messages": turns("a", [text("b"), call("t1")], "c")},
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1.",
    ),
    "one result for two calls": (
        {"messages": turns("a", [call("t1"), call("t2")], [result("t1")])},
        "immediately after: t2.",
    ),
    "a result that comes a turn late": (
        {"messages": turns("a", [call("t1")], "b", "c", [result("t1")])},
        "messages.1: `tool_use` ids were found",
    ),
    "a call at the end": ({"messages": turns("a", [call("t1")])}, "messages.1: `tool_use` ids were found"),
    "a result without a call": ({"messages": turns([result("t1")])}, "messages.0.content.0: unexpected `tool_use_id`"),
    "a tool chosen that is not offered": (
        {"model": OPTIONAL, "tools": [TOOL], "tool_choice": {"type": "tool", "name": "see"}},
        "Tool 'see' not found in provided tools",
    ),
    "a choice of nothing": ({"tool_choice": {"type": "auto"}}, "may only be specified while providing tools"),
    "two calls of one id": (
        {"messages": turns("a", [call("t1"), call("t1")], [result("t1")])},
        "messages.1: `tool_use` ids must be unique",
    ),
    "two results for one call": (
        {"messages": turns("a", [call("t1")], [result("t1"), result("t1")])},
        "Found multiple `tool_result` blocks with id: t1",
    ),
    "words before a result": (
        {"messages": turns("a", [call("t1")], [text("Here."), result("t1")])},
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1",
    ),
    "words after a call": (
        {"messages": turns("a", [call("t1"), text("And while I")], [result("t1")])},
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1",
    ),
    "an id with a blank": (
        {"messages": turns("a", [call("t 1")], [result("t 1")])},
        "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
    ),
    "a changed input": (
        {"messages": turns("a", [call(SEALED, input={"at": 2})], [result(SEALED)])},
        "messages.1.content.0: the `tool_use` block cannot be modified",
    ),
    "a search without a result": (
        {"tools": [SEARCH], "messages": turns("a", [server_call("srvtoolu_1"), text("b")], "c")},
        (
            "messages.1: `web_search` tool use with id `srvtoolu_1` was found without a corresponding "
            "`web_search_tool_result` block"
        ),
    ),
    "a search without a result, before a question": (
        {"tools": [SEARCH], "messages": turns("a", [server_call("srvtoolu_1")], "c")},
        "was found without a corresponding `web_search_tool_result` block",
    ),
    "a result without a search": (
        {"tools": [SEARCH], "messages": turns("a", [server_result("srvtoolu_1"), text("b")], "c")},
        (
            "messages.1.content.0: unexpected `tool_use_id` found in `web_search_tool_result` blocks: srvtoolu_1. Each "
            "`web_search_tool_result` block must have a corresponding `server_tool_use` block before it."
        ),
    ),
    "a result before its search": (
        {"tools": [SEARCH], "messages": turns("a", [server_result("srvtoolu_1"), server_call("srvtoolu_1")], "c")},
        "unexpected `tool_use_id` found in `web_search_tool_result` blocks",
    ),
    "a result of another kind": (
        {
            "tools": [SEARCH, CODE],
            "messages": turns("a", [server_call("srvtoolu_1"), server_result("srvtoolu_1", "code_execution")], "c"),
        },
        "unexpected `tool_use_id` found in `code_execution_tool_result` blocks",
    ),
    "a search that is not offered": (
        {"tools": [CODE], "messages": turns("a", [server_call("srvtoolu_1")])},
        "but no `web_search` tool was provided",
    ),
    "a tool that the API does not have": (
        {"tools": [SEARCH], "messages": turns("a", [server_call("srvtoolu_1", "telepathy"), text("b")], "c")},
        "messages.1.content.0.server_tool_use.name: Input should be 'web_search'",
    ),
    "a search with a caller's id": (
        {"tools": [SEARCH], "messages": turns("a", [server_call("toolu_1"), server_result("toolu_1")], "c")},
        "String should match pattern '^srvtoolu_[a-zA-Z0-9_]+$'",
    ),
    "a changed query": (
        {
            "tools": [SEARCH],
            "messages": turns("a", [server_call(PAIRED, input={"query": "x"}), server_result(PAIRED)], "c"),
        },
        "messages.1.content.0: the `server_tool_use` block cannot be modified",
    ),
    "a changed result": (
        {
            "tools": [SEARCH],
            "messages": turns("a", [server_call(PAIRED), server_result(PAIRED, content=[{"url": "x"}])], "c"),
        },
        "messages.1.content.1: the `web_search_tool_result` block cannot be modified",
    ),
    "an MCP server that is not offered": (
        {"messages": turns("a", [MCP_CALL, MCP_RESULT], "c")},
        "but no MCP server `tally` was provided",
    ),
    "an MCP server's call without a result": (
        {**TALLY, "messages": turns("a", [MCP_CALL, text("b")], "c")},
        "`count` tool use with id `mcptoolu_1` was found without a corresponding `mcp_tool_result` block",
    ),
    "an MCP server's result without a call": (
        {**TALLY, "messages": turns("a", [MCP_RESULT, text("b")], "c")},
        "must have a corresponding `mcp_tool_use` block before it",
    ),
}


@pytest.mark.parametrize("name", REJECTED)
def test_it_is_rejected(name: str) -> None:
    """With words that say where and why."""
    changes, message = REJECTED[name]
    assert message in (says(**changes) or "")


ACCEPTED: dict[str, dict[str, Any]] = {
    "an id again in another turn": {"messages": turns("a", [call("t1")], [result("t1")], [call("t1")], [result("t1")])},
    "a search in flight beside a call": {
        "tools": [TOOL, SEARCH],
        "messages": turns("a", [server_call("srvtoolu_1"), call("t1")], [result("t1")]),
    },
    "its result in the next answer": {
        "tools": [TOOL, SEARCH],
        "messages": turns(
            "a", [server_call("srvtoolu_1"), call("t1")], [result("t1")], [server_result("srvtoolu_1"), text("b")], "c"
        ),
    },
    "a search of a turn that is over, which is not offered any more": {
        "messages": turns("a", [server_call("srvtoolu_1"), server_result("srvtoolu_1"), text("b")], "c"),
    },
    "an empty last turn of a paused one": {"messages": turns("Hi", [server_call("srvtoolu_1")]), "tools": [SEARCH]},
    "calls with results": {"messages": turns("a", [call("t1"), call("t2")], [result("t2"), result("t1"), text("b")])},
    "a forced tool": {"model": OPTIONAL, "tools": [TOOL], "tool_choice": {"type": "any"}},
    "a forced tool of an MCP server": {
        "model": OPTIONAL,
        "tools": [TOOL, {"type": "mcp_toolset", "mcp_server_name": "tally"}],
        "tool_choice": {"type": "tool", "name": "count"},
        **TALLY,
    },
    "a forced tool of a toolset": {
        "model": OPTIONAL,
        "tools": [TOOL, {"type": "mcp_toolset", "mcp_server_name": "tally"}],
        "tool_choice": {"type": "tool", "name": "count"},
    },
    "a choice among tools that a message adds": {
        "messages": turns([{"type": "tool_addition", "tool": {}}, text("a")]),
        "tool_choice": {"type": "auto"},
    },
    "a search with its result": {
        "tools": [SEARCH],
        "messages": turns("a", [server_call(PAIRED), server_result(PAIRED), text("b")], "c"),
    },
    "two searches at once": {
        "tools": [SEARCH],
        "messages": turns("a", [*map(server_call, SEARCHES), *map(server_result, SEARCHES), text("b")], "c"),
    },
    "code in a shell": {
        "tools": [CODE],
        "messages": turns("a", [server_call("srvtoolu_1", BASH), server_result("srvtoolu_1", BASH), text("b")], "c"),
    },
    "a tool that is found": {
        "tools": [{"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"}],
        "messages": turns("a", [server_call("srvtoolu_1", BM25), server_result("srvtoolu_1", "tool_search")], "c"),
    },
    "an MCP server's call and its result": {**TALLY, "messages": turns("a", [MCP_CALL, MCP_RESULT], "c")},
    "an id that the server did not make": {"messages": turns("a", [call("x", input={"at": 3})], [result("x")])},
    "a call as it was": {"messages": turns("a", [call(SEALED, input={"at": 1})], [result(SEALED)])},
    "a call that the script words": {
        "messages": turns("a", [*ODD, text("b")], "c"),
        "answers": (Answer([RawBlock(block) for block in ODD]),),
    },
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_it_is_accepted(name: str) -> None:
    """The strictness stops where the API's does."""
    assert says(**ACCEPTED[name]) is None
