"""What a request says of thinking, and how much of it its `max_tokens` leave room for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..models.table import LEAST_THINKING_BUDGET, ModelInfo

__all__ = ["fit_thinking", "thinking_is_on", "thinking_type"]


def thinking_type(request: Mapping[str, Any]) -> str | None:
    """The `thinking.type` of a request; None where it says nothing."""
    thinking = request.get("thinking")
    return thinking.get("type") if isinstance(thinking, Mapping) else None


def thinking_is_on(request: Mapping[str, Any], model: ModelInfo) -> bool:
    """Whether the model thinks before it answers this request."""
    kind = thinking_type(request)
    return model.thinks_by_default if kind is None else kind != "disabled"


def fit_thinking(request: Mapping[str, Any], model: ModelInfo, left: int) -> dict[str, Any]:
    """A thinking budget has to stay below `max_tokens`; below its minimum thinking is switched off, if it can be.

    Args:
        request: As the route sends it.
        model: What the route's model accepts.
        left: What `max_tokens` will be, in tokens.

    Returns:
        The arguments that change: `thinking`, and `max_tokens` where that has to be more than `left`.
    """
    thinking = request.get("thinking")
    if not isinstance(thinking, Mapping) or "budget_tokens" not in thinking:
        return {}
    if left > LEAST_THINKING_BUDGET:
        return {"thinking": {**thinking, "budget_tokens": min(thinking["budget_tokens"], left - 1)}}
    if "disabled" in model.thinking:
        return {"thinking": {"type": "disabled"}}
    return {
        "max_tokens": LEAST_THINKING_BUDGET + 1,
        "thinking": {**thinking, "budget_tokens": LEAST_THINKING_BUDGET},
    }
