"""The blocks of an answer one by one as they are sent."""

from __future__ import annotations

import pytest
from serving import ask, serving

from unbroken.testing import Answer, RawBlock, Script
from unbroken.testing.script.blocks import ServerTool, ServerToolResult, ServerToolUse, Text, ToolUse, units

ONE = ServerTool("web_search", {"query": "one"}, [])
TWO = ServerTool("web_fetch", {"url": "two"}, {"type": "web_fetch_result"}, with_next=True)
RUNS = ServerTool("code_execution", {"code": "3"})


def test_a_server_tool_is_two_blocks() -> None:
    """Its call and its result; other blocks are one each."""
    assert units([Text("a"), ONE, ToolUse("look")]) == [
        Text("a"),
        ServerToolUse(ONE),
        ServerToolResult(ONE, 1),
        ToolUse("look"),
    ]


def test_tools_that_run_at_the_same_time() -> None:
    """Have their results after the last call, or before what is no such tool."""
    calls = [ServerToolUse(TWO), ServerToolUse(ONE)]
    assert units([TWO, ONE, TWO]) == [
        *calls,
        ServerToolResult(TWO, 0),
        ServerToolResult(ONE, 1),
        ServerToolUse(TWO),
        ServerToolResult(TWO, 4),
    ]
    assert units([TWO, Text("a")]) == [ServerToolUse(TWO), ServerToolResult(TWO, 0), Text("a")]


def test_a_tool_that_still_runs() -> None:
    """Has no result yet."""
    assert units([Text("a"), RUNS]) == [Text("a"), ServerToolUse(RUNS)]


@pytest.mark.parametrize(
    ("tool", "kind"),
    [
        (ONE, "web_search_tool_result"),
        (ServerTool("bash_code_execution"), "bash_code_execution_tool_result"),
        (ServerTool("tool_search_tool_bm25"), "tool_search_tool_result"),
        (ServerTool("count", server="tally"), "mcp_tool_result"),
    ],
)
def test_the_type_of_a_result(tool: ServerTool, kind: str) -> None:
    """Follows from the tool's name, and from whose it is."""
    assert tool.result_type == kind


@pytest.mark.asyncio
async def test_a_call_in_flight_and_its_result_in_the_next_answer() -> None:
    """A search beside a client's call: the first turn ends in flight, and the next begins with what was found."""
    call = RawBlock({"type": "server_tool_use", "id": "srvtoolu_01", "name": "web_search", "input": {"query": "x"}})
    result = RawBlock({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_01", "content": []})
    script = Script([Answer([call, ToolUse("look")]), Answer([result, "Nothing was found."])])
    tools = [
        {"type": "web_search_20250305", "name": "web_search"},
        {"name": "look", "input_schema": {"type": "object"}},
    ]
    async with serving(script) as (_, sdk):
        first = await sdk.messages.create(**ask(tools=tools))
        answer = {"type": "tool_result", "tool_use_id": first.content[1].id, "content": "Seven."}
        turns = [{"role": "assistant", "content": first.content}, {"role": "user", "content": [answer]}]
        second = await sdk.messages.create(**ask(tools=tools, messages=[*ask()["messages"], *turns]))
    assert first.stop_reason == "tool_use"
    assert [block.type for block in first.content] == ["server_tool_use", "tool_use"]
    assert [block.type for block in second.content] == ["web_search_tool_result", "text"]
