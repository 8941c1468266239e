"""Decodes events, and says whether one is what it says it is.

Everything after this reads events without looking twice; an event of another shape is a malformed stream, and is
resumed from like one. Types that this version does not know pass.
"""

from __future__ import annotations

import json
from typing import Any, Final, TypeGuard

from .partial import Event

__all__ = ["is_delta", "is_event", "loads"]

_raw_decode: Final = json.JSONDecoder().raw_decode

#: The string that each known delta carries.
_TEXT_OF_DELTA: Final = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
    "signature_delta": "signature",
}


def loads(data: str) -> Any:
    """What `json.loads` gives and raises, in half of its time for JSON without white space around it."""
    try:
        value, end = _raw_decode(data)
    except ValueError:
        return json.loads(data)
    return value if end == len(data) else json.loads(data)


def is_event(value: Any) -> TypeGuard[Event]:
    """Whether this is an event of the Messages stream, in the shape that its type has."""
    match value:
        case {"type": "content_block_delta", "index": int(), "delta": {"type": str() as type_} as delta}:
            if type_ == "citations_delta":
                return "citation" in delta
            name = _TEXT_OF_DELTA.get(type_)
            return name is None or isinstance(delta.get(name), str)
        case {"type": "content_block_start", "index": int(), "content_block": {"type": str()} as block}:
            return all(isinstance(block.get(name, ""), str) for name in ("text", "thinking"))
        case {"type": "content_block_stop", "index": int()} | {"type": "message_stop"}:
            return True
        case {"type": "message_start", "message": dict() as message}:
            return _is_usage(message.get("usage"))
        case {"type": "message_delta", "delta": dict()}:
            return _is_usage(value.get("usage"))
        case {"type": str() as type_}:
            return not type_.startswith(("content_block_", "message_"))
    return False


def is_delta(event: Event, index: int, type_: str) -> bool:
    """Whether this event is a delta of that type, for the block with that index."""
    return (
        event.get("type") == "content_block_delta" and event["index"] == index and event["delta"].get("type") == type_
    )


def _is_usage(usage: Any) -> bool:
    if usage is None:
        return True
    counts = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
    return isinstance(usage, dict) and all(isinstance(usage.get(name, 0), int | None) for name in counts)
