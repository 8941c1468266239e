"""A cut behind each block that is neither written nor of a tool: it comes once, and what follows it is asked for."""

from __future__ import annotations

from typing import Any, Final

import pytest

from harness import CONTINUE, Reading, read, serving
from unbroken import Policy
from unbroken.core.message.blocks import _BESIDE, is_known
from unbroken.testing import Answer, RawBlock, Reset, Script, after_blocks, after_characters, after_events

pytestmark = pytest.mark.anyio

TEXT: Final = "What was delivered is never delivered again, whatever it is, and what is missing comes."
HOP: Final = {"from": {"model": CONTINUE}, "to": {"model": "claude-opus-5"}, "trigger": {"type": "refusal"}}

BLOCKS: Final[dict[str, RawBlock]] = {
    type_: RawBlock({"type": type_, **fields}, deltas)
    for type_, fields, deltas in [
        ("container_upload", {"file_id": "file_1"}, ()),
        ("compaction", {"content": None}, [{"type": "compaction_delta", "content": "A summary."}]),
        ("fallback", HOP, ()),
        ("mcp_tool_listing", {"mcp_server_name": "crm", "tools": []}, ()),
    ]
}


def test_all_of_them_are_cut_behind() -> None:
    """One that is made known next is tested too."""
    assert set(BLOCKS) == set(_BESIDE)


def types(reading: Reading) -> list[str]:
    """Of the blocks of the message."""
    return [block.type for block in reading.message.content]


@pytest.mark.parametrize("cut", [after_blocks(1), after_characters(3), after_characters(40)], ids=["", "3", "40"])
@pytest.mark.parametrize("type_", BLOCKS)
async def test_a_block_is_delivered_once(type_: str, cut: Any) -> None:
    """Right behind it, a few characters on, and in the middle of the text."""
    assert is_known(type_)
    whole = Answer([BLOCKS[type_], TEXT])
    async with serving(Script([whole], faults=[Reset(at=cut)])) as (server, client):
        reading = await read(client, api="beta")
        assert types(reading) == [type_, "text"]
        assert reading.text == TEXT
        assert len(server.requests) == 2
        assert reading.forms == ["request", "continue"]
        sent = server.requests[1].body["messages"][1]["content"][0]
        start = BLOCKS[type_].start
        grown = {name: value for delta in BLOCKS[type_].deltas for name, value in delta.items() if name != "type"}
        assert sent == {**start, **grown}


async def test_within_a_compaction_nothing_was_delivered() -> None:
    """It is asked for again."""
    whole = Answer([BLOCKS["compaction"], TEXT])
    async with serving(Script([whole], faults=[Reset(at=after_events(2))])) as (server, client):
        reading = await read(client, api="beta")
        assert types(reading) == ["compaction", "text"]
        assert reading.message.content[0].content == "A summary."
        assert (reading.text, len(server.requests)) == (TEXT, 2)


WEB: Final = [{"type": "web_search_20260209", "name": "web_search"}]
RUNS: Final = [{"type": "code_execution_20260120", "name": "code_execution"}]
CALLS: Final = RawBlock({"type": "server_tool_use", "id": "srvtoolu_2", "name": "code_execution", "input": {}})


@pytest.mark.parametrize(("tools", "acts"), [(WEB, False), (RUNS, True), (WEB + RUNS, True)])
async def test_only_a_request_that_offers_it_can_have_run_code(tools: list[Any], acts: bool) -> None:
    """The newest web tools begin with a call of `code_execution`, which looks for them."""
    script = Script([Answer([CALLS, TEXT])], faults=[Reset(at=after_blocks(1))])
    async with serving(script) as (server, client):
        if acts:
            with pytest.raises(Exception, match="its tools may have acted"):
                await read(client, tools=tools)
            assert len(server.requests) == 1
        else:
            await read(client, tools=tools, policy=Policy(initial_backoff=0, max_attempts=2))
            assert len(server.requests) == 2
