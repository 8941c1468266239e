"""Which tools a request offers, and which form it wants the answer in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["SERVER_TOOLS", "offered", "offers", "output_format", "output_formats"]

#: The tools that the API runs itself, by the name in `server_tool_use`, and how the `type` of what offers them
#: begins. After the SDK's types/beta/beta_server_tool_use_block.py and types/tool_union_param.py, 2.12.0.
SERVER_TOOLS: Final[Mapping[str, str]] = {
    "web_search": "web_search_",
    "web_fetch": "web_fetch_",
    "code_execution": "code_execution_",
    "bash_code_execution": "code_execution_",
    "text_editor_code_execution": "code_execution_",
    "tool_search_tool_regex": "tool_search_tool_regex",
    "tool_search_tool_bm25": "tool_search_tool_bm25",
    "advisor": "advisor_",
}


def offers(body: Mapping[str, Any], name: str, server: str | None = None) -> bool:
    """Whether a request offers a tool.

    Args:
        body: The request.
        name: As a call names it.
        server: The MCP server whose tool it is; None: it is the caller's, or the API's own.
    """
    return (server or name) in offered(body)


def offered(body: Mapping[str, Any]) -> frozenset[str]:
    """The names of the tools, and of the MCP servers, that a request offers."""
    return frozenset(_offered(body))


def _offered(body: Mapping[str, Any]) -> Iterator[str]:
    for tool in body.get("tools") or ():
        kind = str(tool.get("type") or "")
        yield from (name for name, start in SERVER_TOOLS.items() if kind.startswith(start))
        if isinstance(tool.get("name"), str):
            yield tool["name"]
    for server in body.get("mcp_servers") or ():
        yield str(server.get("name"))


def output_format(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The form in which the answer is wanted; None if any will do.

    `output_format` at the top level is how the beta had it before `output_config`; the API still takes both.
    """
    return next((form for _, form in output_formats(body)), None)


def output_formats(body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The same by either name, with its path."""
    for path, form in (
        ("output_config.format", (body.get("output_config") or {}).get("format")),
        ("output_format", body.get("output_format")),
    ):
        if form is not None:
            yield path, form
