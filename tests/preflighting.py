"""What the tests of the preflight share: a request with changes, and what is found in it."""

from __future__ import annotations

from typing import Any, Final

from unbroken.preflight import check

#: A model that goes on from a prefill and thinks with a budget, and the newest, which does neither.
OLD: Final = "claude-haiku-4-5"
NEW: Final = "claude-opus-5-5"
UNKNOWN: Final = "claude-opus-9"
TOOL: Final = {"name": "look", "input_schema": {"type": "object"}}
SEARCH: Final = {"type": "web_search_20260318", "name": "web_search"}
MARK: Final = {"type": "ephemeral"}
HOUR: Final = {"type": "ephemeral", "ttl": "1h"}
BUDGET: Final = {"type": "enabled", "budget_tokens": 1024}


def ask(*contents: Any, **changes: Any) -> dict[str, Any]:
    """A request; what is said in turn, the user first, and other changes of it."""
    return {"model": NEW, "max_tokens": 4096, "messages": turns(*(contents or ("Tell me.",))), **changes}


def turns(*contents: Any) -> list[dict[str, Any]]:
    """A conversation, the user first."""
    return [{"role": ("user", "assistant")[i % 2], "content": content} for i, content in enumerate(contents)]


def found(*contents: Any, version: str | None = "2026-10-21", **changes: Any) -> list[tuple[str, str]]:
    """The codes and paths of what is found."""
    return [(finding.code, finding.path) for finding in check(ask(*contents, **changes), version=version)]


def text(text: Any, **more: Any) -> dict[str, Any]:
    """A text block."""
    return {"type": "text", "text": text, **more}


def call(id: Any, **more: Any) -> dict[str, Any]:
    """A call of the caller's tool."""
    return {"type": "tool_use", "id": id, "name": "look", "input": {}, **more}


def result(id: Any, **more: Any) -> dict[str, Any]:
    """Its result."""
    return {"type": "tool_result", "tool_use_id": id, "content": "done", **more}


def thought(signature: Any = "s", **more: Any) -> dict[str, Any]:
    """A thinking block."""
    return {"type": "thinking", "thinking": "hm", "signature": signature, **more}


def held(schema: Any) -> dict[str, Any]:
    """The output, held to a schema."""
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


def an_object(**properties: Any) -> dict[str, Any]:
    """A schema of an object, as structured outputs take it."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
