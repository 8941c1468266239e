"""The types of content blocks, where more than one rule needs them."""

from __future__ import annotations

from typing import Final

__all__ = ["ADDITION", "SERVER_CALLS", "SERVER_RESULTS"]

#: The block that offers a tool in the middle of a conversation (beta).
ADDITION: Final = "tool_addition"
#: The calls of tools that the API runs, or an MCP server (the SDK's `types/content_block_param.py`, 2.12.0, and beta).
SERVER_CALLS: Final = ("server_tool_use", "mcp_tool_use")
#: The results of tools that the API runs, of the same source.
SERVER_RESULTS: Final = (
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
)
