"""Which requests may do something in the world while they are being answered.

A server-side tool that acts (code execution, MCP) acts again when its request is sent again, or sent twice at a time.
Tools that the caller runs, and server-side tools that only look, can be asked for as often as one likes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from .blocks import is_result, used_by

__all__ = ["Effects", "acts", "may_act"]

#: Server-side tools that only look, by the beginnings of their names: the advisor asks another model.
_LOOKING: Final = ("web_search", "web_fetch", "tool_search_tool", "advisor")
#: Tools with a type of the API's that the caller runs (SDK: `types/tool_*_param.py`, `tools/browser.py`).
_RUN_BY_CALLER: Final = ("custom", "bash_", "text_editor_", "computer_", "memory_", "browser_")


def acts(block: Mapping[str, Any]) -> bool:
    """Whether this content block is a server-side tool at work, or its result, and the tool may change something."""
    type_ = str(block.get("type"))
    if type_ == "server_tool_use":
        return not str(block.get("name") or "").startswith(_LOOKING)
    return type_ == "mcp_tool_use" or (is_result(type_) and not type_.startswith(_LOOKING))


def may_act(request: Mapping[str, Any]) -> bool:
    """Whether a server-side tool of this request may change something; a type that is not known may."""
    return bool(request.get("mcp_servers")) or any(_tool_may_act(tool) for tool in _offered(request))


class Effects:
    """What the requests of one stream may do, and whether an attempt has begun to.

    A request that offers no tool that acts cannot act, whatever its tools call: the newest web tools begin with a call
    of `code_execution`, which is their own and looks for them.

    Args:
        requests: The original request as each route sends it. None: nothing is known of it, so it may do anything.

    Attributes:
        possible: Whether they offer a server-side tool that may change something.
    """

    def __init__(self, requests: Iterable[Mapping[str, Any]] | None = None) -> None:
        unknown = requests is None
        requests = list(requests or ())
        self.possible: bool = unknown or any(map(may_act, requests))
        # A call of the turn before goes on as soon as its request is answered, and is seen by its result alone.
        self._under_way = self.possible and any(map(_is_under_way, requests))

    def begun_by(self, event: Mapping[str, Any]) -> bool:
        """Whether an attempt that has brought this event may have changed something."""
        if event.get("type") == "content_block_start":
            return self.possible and acts(event["content_block"])
        return self._under_way and event.get("type") == "message_start"


def _offered(request: Mapping[str, Any]) -> Iterator[Any]:
    """The tools that a request offers, also in the middle of its conversation (beta `inline-tools`)."""
    yield from _listed(request.get("tools"))
    for block in _blocks(request):
        if block.get("type") == "tool_addition" and isinstance(block.get("tool"), Mapping):
            yield block["tool"].get("definition")


def _tool_may_act(tool: object) -> bool:
    type_ = tool.get("type") if isinstance(tool, Mapping) else None
    return isinstance(type_, str) and not type_.startswith((*_LOOKING, *_RUN_BY_CALLER))


def _is_under_way(request: Mapping[str, Any]) -> bool:
    """Whether the conversation has a call of a tool that acts, and not its result."""
    blocks = list(_blocks(request))
    answered = {used_by(block) for block in blocks if is_result(str(block.get("type")))}
    return any(acts(block) and used_by(block) not in answered for block in blocks)


def _blocks(request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The content blocks of the conversation, as far as they are plain data; an SDK's object is taken as such."""
    for message in _listed(request.get("messages")):
        for block in _listed(_plain(message).get("content")):
            yield _plain(block)


def _plain(item: object) -> Mapping[str, Any]:
    if isinstance(item, Mapping):
        return item
    fields = getattr(item, "__dict__", None)
    return fields if isinstance(fields, dict) else {}


def _listed(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
