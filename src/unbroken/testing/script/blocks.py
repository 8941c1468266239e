"""What an answer is made of: the blocks that a model can write, as a script names them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

__all__ = [
    "Block",
    "RawBlock",
    "RedactedThinking",
    "ServerTool",
    "ServerToolResult",
    "ServerToolUse",
    "Text",
    "Thinking",
    "ToolUse",
    "Unit",
    "units",
]


@dataclass(frozen=True, slots=True)
class Text:
    """A text block.

    Attributes:
        text: The text.
        citations: Sent as `citations_delta` events before the text, as the API does. The server adds the
            `encrypted_index` of a `web_search_result_location` that has none, another one each time.
    """

    text: str
    citations: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Thinking:
    """A thinking block, signed by the server. It is written only if the request lets the model think.

    Attributes:
        thinking: What the model thinks; sent empty where the request's `thinking.display` is `"omitted"`.
    """

    thinking: str


@dataclass(frozen=True, slots=True)
class RedactedThinking:
    """A thinking block that nobody may read: its `data` is made, and sealed, by the server.

    Like `Thinking` it is written only if the request lets the model think.
    """


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A call of one of the caller's tools.

    Attributes:
        name: The tool.
        input: What it is called with.
        id: The call's id; None: one is made up, by which the server knows the call again.
    """

    name: str
    input: Mapping[str, Any] = field(default_factory=dict)
    id: str | None = None


@dataclass(frozen=True, slots=True)
class ServerTool:
    """A call of a tool that the API runs itself, and its result: two blocks on the wire.

    Attributes:
        name: Such as `web_search` or `code_execution`; any name for a tool of an MCP server.
        input: What it is called with.
        result: The `content` of the result block, as the wire has it. The server adds the `encrypted_content` of
            search results that have none. None: there is no result yet, as at the end of a paused turn.
        server: The MCP server whose tool it is; None: it is the API's own.
        is_error: Whether an MCP server's result is an error.
        with_next: Whether the next tool is called before this one's result comes.
    """

    name: str
    input: Mapping[str, Any] = field(default_factory=dict)
    result: Any = None
    server: str | None = None
    is_error: bool = False
    with_next: bool = False

    @property
    def result_type(self) -> str:
        """The `type` of the block that holds the result."""
        if self.server is not None:
            return "mcp_tool_result"
        return f"{'tool_search' if self.name.startswith('tool_search_tool_') else self.name}_tool_result"


@dataclass(frozen=True, slots=True)
class RawBlock:
    """Any other block, such as one of a type that nobody knows yet, as the wire has it.

    A call with an `id` of the script's own, and its result in the next answer, are a result that comes first.

    Attributes:
        start: The `content_block` of its `content_block_start`.
        deltas: The `delta` of each of its `content_block_delta` events.
    """

    start: Mapping[str, Any]
    deltas: Sequence[Mapping[str, Any]] = ()


Block: TypeAlias = Text | Thinking | RedactedThinking | ToolUse | ServerTool | RawBlock


@dataclass(frozen=True, slots=True)
class ServerToolUse:
    """The first of the two blocks of a `ServerTool`."""

    tool: ServerTool


@dataclass(frozen=True, slots=True)
class ServerToolResult:
    """The second of the two blocks of a `ServerTool`.

    Attributes:
        tool: The call.
        use: The place of its `ServerToolUse` among the units.
    """

    tool: ServerTool
    use: int


#: What becomes one block on the wire.
Unit: TypeAlias = Text | Thinking | RedactedThinking | ToolUse | ServerToolUse | ServerToolResult | RawBlock


def units(blocks: Iterable[Block]) -> list[Unit]:
    """The blocks one by one as they are sent: the calls of server tools, then their results."""
    out: list[Unit] = []
    running: list[ServerToolResult] = []
    for block in blocks:
        if not isinstance(block, ServerTool):
            out += _ended(running)
            out.append(block)
            continue
        running.append(ServerToolResult(block, len(out)))
        out.append(ServerToolUse(block))
        if not block.with_next:
            out += _ended(running)
    return [*out, *_ended(running)]


def _ended(running: list[ServerToolResult]) -> Iterator[Unit]:
    yield from (result for result in running if result.tool.result is not None)
    running.clear()
