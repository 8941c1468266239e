"""The conversation of a request, as another model than the one that wrote it may read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..message.blocks import THINKING

__all__ = ["without_past_thinking"]


def without_past_thinking(messages: Sequence[Any]) -> list[Any]:
    """The messages without the thinking of turns that are finished; what has none is left as it is.

    "Outside tool use, omit prior turns' thinking" is what the API allows (its page on thinking, August 2026). The turn
    at hand begins with the last words of the user's: what follows them are calls and their results, and the thinking
    between those has to stay.
    """
    began = max((place for place, message in enumerate(messages) if _is_said(message)), default=0)
    past = [_without_thinking(message) for message in messages[:began]]
    return [*(message for message in past if message is not None), *messages[began:]]


def _is_said(message: Any) -> bool:
    """Whether the user says something in it, and does not only give the results of tools."""
    content, is_users = _field(message, "content"), _field(message, "role") == "user"
    blocks = content if isinstance(content, list | tuple) else ()
    is_said = isinstance(content, str) or any(_field(block, "type") != "tool_result" for block in blocks)
    return is_users and is_said


def _without_thinking(message: Any) -> Any:
    """The message; None where it was nothing but thinking."""
    content = _field(message, "content")
    if not isinstance(content, list | tuple):
        return message
    kept = [block for block in content if _field(block, "type") not in THINKING]
    if len(kept) == len(content):
        return message
    return {"role": _field(message, "role"), "content": kept} if kept else None


def _field(item: Any, name: str) -> Any:
    return item.get(name) if isinstance(item, Mapping) else getattr(item, name, None)
