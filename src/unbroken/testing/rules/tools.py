"""What the Messages API rejects of tools: the offer, the choice, calls without results and results without calls."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from unbroken.testing.claude.carried import turns_of
from unbroken.testing.claude.offers import SERVER_TOOLS, offers
from unbroken.testing.claude.signatures import was_changed
from unbroken.testing.rules.incoming import Block, Incoming

__all__ = ["calls", "offer", "server_calls"]

_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
_SERVER_ID: Final = re.compile(r"srvtoolu_[a-zA-Z0-9_]+")
_SERVER_CALLS: Final = ("server_tool_use", "mcp_tool_use")


def offer(request: Incoming) -> Iterator[str]:
    """Tools of one name; a choice that the model does not take."""
    tools = request.body.get("tools") or ()
    names = [tool["name"] for tool in tools if isinstance(tool.get("name"), str)]
    if len(set(names)) < len(names):
        yield "tools: Tool names must be unique."
    choice = request.body.get("tool_choice")
    if choice is None:
        return
    forced = choice["type"] in ("any", "tool")
    if forced and not request.info.forced_tool_choice:
        yield "tool_choice: `any` and `tool` are not supported by this model."
    if forced and request.thinking == "enabled":
        yield "Thinking may not be enabled when tool_choice forces tool use."
    # What a toolset, an MCP server or a block in a message brings has names that do not stand in the list.
    added = any(block["type"] == "tool_addition" for _, _, block in request.parts())
    others = added or bool(request.body.get("mcp_servers"))
    if choice["type"] != "none" and not tools and not others:
        yield "tool_choice may only be specified while providing tools."
    elif choice["type"] == "tool" and choice["name"] not in names and not others and len(names) == len(tools):
        yield f"Tool '{choice['name']}' not found in provided tools"


def calls(request: Incoming) -> Iterator[str]:
    """Calls of the caller's tools: each has an id of its own, and its result at the start of the next turn."""
    for path, _message, block in request.parts():
        if block["type"] == "tool_use":
            yield from _id(path, block, _ID)
            yield from _unchanged(path, block, None)
    waiting: list[str] = []
    turns = turns_of([dict(message) for message in request.messages])
    for i, turn in enumerate(turns):
        ids = Counter(block["id"] for block in turn["content"] if block["type"] in ("tool_use", *_SERVER_CALLS))
        if any(count > 1 for count in ids.values()):
            yield f"messages.{i}: `tool_use` ids must be unique"
        results = [block for block in turn["content"] if block["type"] == "tool_result"]
        first = [block for block in turn["content"][: len(results)] if block["type"] == "tool_result"]
        # Whatever stands between a call and its result makes the API look no further.
        answered = [block.get("tool_use_id") for block in (first if waiting else results)]
        if missing := [call for call in waiting if call not in answered or _is_spoken_after(call, turns[i - 1])]:
            yield _orphans(i - 1, missing)
        yield from _results(i, turn["content"], waiting)
        waiting = [str(block["id"]) for block in turn["content"] if block["type"] == "tool_use"]
    if waiting:
        yield _orphans(len(turns) - 1, waiting)


def _is_spoken_after(call: str, turn: Block) -> bool:
    """Whether a text stands behind a call in its turn: the API looks for the call's result right there."""
    kinds = [block["type"] for block in turn["content"][_place(call, turn) :]]
    return "text" in kinds


def _place(call: str, turn: Block) -> int:
    return next(n for n, block in enumerate(turn["content"]) if block.get("id") == call)


def _results(i: int, content: Sequence[Block], waiting: Sequence[str]) -> Iterator[str]:
    seen: set[Any] = set()
    for j, block in enumerate(content):
        if block["type"] != "tool_result":
            continue
        call = block.get("tool_use_id")
        if call not in waiting:
            yield (
                f"messages.{i}.content.{j}: unexpected `tool_use_id` found in `tool_result` blocks: {call}. Each "
                "`tool_result` block must have a corresponding `tool_use` block in the previous message."
            )
        if call in seen:
            yield (
                f"messages.{i}.content.{j}: each tool_use must have a single result. Found multiple `tool_result` "
                f"blocks with id: {call}"
            )
        seen.add(call)


def _orphans(i: int, ids: Sequence[str]) -> str:
    return (
        f"messages.{i}: `tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(ids)}. Each `tool_use` block must have a corresponding `tool_result` block in the next "
        "message."
    )


def server_calls(request: Incoming) -> Iterator[str]:
    """Calls of the API's own tools: each has its result behind it, unless the turn was paused there, or waits.

    Beside a call of the caller's tools a call may be in flight: its result comes with the next answer.
    """
    turns = turns_of([dict(message) for message in request.messages])
    waiting: dict[str, Block] = {}
    for i, turn in enumerate(turns):
        begun: dict[str, Block] = {}
        for j, block in enumerate(turn["content"]):
            path = f"messages.{i}.content.{j}"
            if block["type"] in _SERVER_CALLS:
                yield from _call(path, block, request, is_over=i < len(turns) - 1)
                begun[str(block["id"])] = block
            elif block["type"].endswith("_tool_result"):
                name = str(block.get("tool_use_id"))
                yield from _result(path, block, begun.pop(name, None) or waiting.pop(name, None))
        if any(block["type"] == "tool_use" for block in turn["content"]):
            waiting |= begun
            continue
        ending = turn["content"][len(turn["content"]) - len(begun) :]
        if begun and not (i == len(turns) - 1 and all(block["type"] in _SERVER_CALLS for block in ending)):
            call = next(iter(begun.values()))
            yield (
                f"messages.{i}: `{call['name']}` tool use with id `{call['id']}` was found without a corresponding "
                f"`{_result_type(call)}` block"
            )


def _call(path: str, block: Block, request: Incoming, *, is_over: bool) -> Iterator[str]:
    if request.is_scripted(block):
        return
    name, server = block["name"], block.get("server_name")
    if block["type"] == "server_tool_use":
        yield from _id(path, block, _SERVER_ID)
        if name not in SERVER_TOOLS:
            known = ", ".join(f"'{each}'" for each in SERVER_TOOLS)
            yield f"{path}.server_tool_use.name: Input should be {known}"
    if not offers(request.body, name, server) and not (is_over and server is None):
        offered = f"MCP server `{server}`" if server else f"`{name}` tool"
        yield f"{path}: `{name}` tool use was found, but no {offered} was provided"
    yield from _unchanged(path, block, None)


def _result(path: str, block: Block, call: Block | None) -> Iterator[str]:
    kind = block["type"]
    if call is None or _result_type(call) != kind:
        needed = "mcp_tool_use" if kind == "mcp_tool_result" else "server_tool_use"
        yield (
            f"{path}: unexpected `tool_use_id` found in `{kind}` blocks: {block.get('tool_use_id')}. Each `{kind}` "
            f"block must have a corresponding `{needed}` block before it."
        )
    else:
        yield from _unchanged(path, call, block)


def _result_type(call: Block) -> str:
    if call["type"] == "mcp_tool_use":
        return "mcp_tool_result"
    name = "tool_search" if call["name"].startswith("tool_search_tool_") else call["name"]
    return f"{name}_tool_result"


def _id(path: str, block: Block, pattern: re.Pattern[str]) -> Iterator[str]:
    if not pattern.fullmatch(block["id"]):
        yield f"{path}.{block['type']}.id: String should match pattern '^{pattern.pattern}$'"


def _unchanged(path: str, call: Block, result: Block | None) -> Iterator[str]:
    """Whether a call, and its result, are what the model wrote; the API does not look, and a test had better."""
    if was_changed(call["id"], {"name": call["name"], "input": call["input"]}):
        yield f"{path}: the `{call['type']}` block cannot be modified"
    if result is not None and was_changed(call["id"], None, result.get("content")):
        yield f"{path}: the `{result['type']}` block cannot be modified"
