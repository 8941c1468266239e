"""Which kinds of content blocks there are, and which of them can be sent back.

The types are those of the SDK 2.14.0 (`types/content_block.py`, `types/beta/beta_content_block.py`), whose types for
requests say of each that it may go back as it came; a test compares them with the SDK that is installed. A type that
is not here is passed through while all goes well; what it would mean in a request nobody knows, so an answer that has
brought one is not resumed. The same holds for deltas (`wire/deltas.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["CALLS", "SERVER_USES", "THINKING", "is_known", "is_result", "used_by"]

#: The block types that carry thinking.
THINKING: Final = ("thinking", "redacted_thinking")
#: Calls of the caller's own tools.
CALLS: Final = ("tool_use",)
#: Calls of tools that run on the server; each is answered by a result block.
SERVER_USES: Final = ("server_tool_use", "mcp_tool_use")

#: What an answer may have that is neither written nor a call nor its result: a file of a container, the summary of
#: a compacted conversation, the point where a model of the API's own `fallbacks` took over, an MCP server's tools.
_BESIDE: Final = ("container_upload", "compaction", "fallback", "mcp_tool_listing")

_KNOWN: Final = frozenset({"text", *_BESIDE, *THINKING, *CALLS, *SERVER_USES})


def is_known(type_: str) -> bool:
    """Whether a block of this type can be sent back as it came."""
    return type_ in _KNOWN or is_result(type_)


def is_result(type_: str) -> bool:
    """Whether it is the result of a server-side tool."""
    return type_.endswith("_tool_result")


def used_by(block: Mapping[str, Any]) -> str | None:
    """The id that pairs a server-side tool's call with its result; None for any other block."""
    type_ = str(block.get("type"))
    if type_ in SERVER_USES:
        return str(block.get("id"))
    return str(block.get("tool_use_id")) if is_result(type_) else None
