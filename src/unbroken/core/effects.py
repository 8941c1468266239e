"""Which requests may do something in the world while they are being answered.

A server-side tool that acts (code execution, MCP) acts again when its request is sent again, or sent twice at a time.
Tools that the caller runs, and server-side tools that only look, can be asked for as often as one likes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["acts", "may_act"]

#: Server-side tools that only look.
_LOOKING: Final = ("web_search", "web_fetch", "tool_search_tool")
#: Tools with a type of the API's that the caller runs (SDK: `types/tool_*_param.py`).
_RUN_BY_CALLER: Final = ("custom", "bash_", "text_editor_", "computer_", "memory_")


def acts(block: Mapping[str, Any]) -> bool:
    """Whether this content block is a server-side tool at work that may change something."""
    type_ = block.get("type")
    return type_ == "mcp_tool_use" or (
        type_ == "server_tool_use" and not str(block.get("name") or "").startswith(_LOOKING)
    )


def may_act(request: Mapping[str, Any]) -> bool:
    """Whether a server-side tool of this request may change something; a type that is not known may."""
    if request.get("mcp_servers"):
        return True
    return any(_tool_may_act(tool) for tool in _listed(request.get("tools")))


def _tool_may_act(tool: object) -> bool:
    type_ = tool.get("type") if isinstance(tool, Mapping) else None
    return isinstance(type_, str) and not type_.startswith((*_LOOKING, *_RUN_BY_CALLER))


def _listed(tools: object) -> list[Any]:
    return list(tools) if isinstance(tools, list | tuple) else []
