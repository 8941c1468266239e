"""The Messages wire, said briefly: one function for each event, and a partial folded from some."""

from __future__ import annotations

from typing import Any

from unbroken.core.message.partial import Partial
from unbroken.core.wire.decoded import Event
from unbroken.core.wire.deltas import as_delta


def message_start(id: str = "msg_1", model: str = "claude-opus-5-5", **usage: int) -> Event:
    """Opens a message; without `usage` it cost 10 tokens of input."""
    message = {
        "id": id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage or {"input_tokens": 10, "output_tokens": 1},
    }
    return {"type": "message_start", "message": message}


def block_start(index: int, type: str, **fields: Any) -> Event:
    """Opens a block as the API does: text and thinking empty, a tool's input `{}`; other types with `fields` alone."""
    empty: dict[str, dict[str, Any]] = {
        "text": {"text": ""},
        "thinking": {"thinking": "", "signature": ""},
        "redacted_thinking": {"data": "secret"},
        "tool_use": {"id": "toolu_1", "name": "weather", "input": {}},
        "server_tool_use": {"id": "srvtoolu_1", "name": "web_search", "input": {}},
        "web_search_tool_result": {"tool_use_id": "srvtoolu_1", "content": []},
    }
    return {
        "type": "content_block_start",
        "index": index,
        "content_block": {"type": type, **empty.get(type, {}), **fields},
    }


def delta(index: int, type: str, value: Any) -> Event:
    """A delta of any type, `"text_delta"` and the like."""
    field = {
        "text_delta": "text",
        "thinking_delta": "thinking",
        "input_json_delta": "partial_json",
        "signature_delta": "signature",
        "citations_delta": "citation",
        "compaction_delta": "content",
    }[type]
    return as_delta({"type": "content_block_delta", "index": index, "delta": {"type": type, field: value}})


def text_delta(text: str, index: int = 0) -> Event:
    """Some more text."""
    return delta(index, "text_delta", text)


def block_stop(index: int = 0) -> Event:
    """Closes a block."""
    return {"type": "content_block_stop", "index": index}


def message_delta(stop_reason: str | None = "end_turn", **usage: int) -> Event:
    """Says why the model stopped."""
    usage_ = usage or {"output_tokens": 20}
    return {"type": "message_delta", "delta": {"stop_reason": stop_reason, "stop_sequence": None}, "usage": usage_}


def message_stop() -> Event:
    """Closes a message."""
    return {"type": "message_stop"}


def open_text(*pieces: str, index: int = 0) -> list[Event]:
    """A text block that is still open."""
    return [block_start(index, "text"), *(text_delta(piece, index) for piece in pieces)]


def text_block(*pieces: str, index: int = 0) -> list[Event]:
    """A whole text block."""
    return [*open_text(*pieces, index=index), block_stop(index)]


def thinking_block(*pieces: str, index: int = 0, signature: str = "sig") -> list[Event]:
    """A whole thinking block, signed just before its end."""
    thoughts = [delta(index, "thinking_delta", piece) for piece in pieces]
    signed = delta(index, "signature_delta", signature)
    return [block_start(index, "thinking"), *thoughts, signed, block_stop(index)]


def open_tool(*json: str, index: int = 0, type: str = "tool_use") -> list[Event]:
    """A tool call that is still open."""
    return [block_start(index, type), *(delta(index, "input_json_delta", piece) for piece in json)]


def tool_block(*json: str, index: int = 0, type: str = "tool_use") -> list[Event]:
    """A whole tool call."""
    return [*open_tool(*json, index=index, type=type), block_stop(index)]


def ending(stop_reason: str = "end_turn", **usage: int) -> list[Event]:
    """The last two events of a message."""
    return [message_delta(stop_reason, **usage), message_stop()]


def partial(*events: Event) -> Partial:
    """What these events fold to."""
    held = Partial()
    for event in events:
        held.apply(event)
    return held
