"""In which forms the rest of an answer can be asked for.

- *prefill*: the partial as a trailing assistant turn. The model goes on at the very next character. Only for models
  that accept one, with thinking off and no output format.
- *continue*: the partial as an assistant turn, then a user turn that asks for the rest (`prompts.py`). It is
  append-only, so prompt caches and the thinking-prefix checks of the newest models hold.
- *restart*: the original request; the new text has to replay what was delivered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ..models.table import ModelInfo
from .resume_state import ResumeState
from .thinking import thinking_is_on

__all__ = ["Form", "forces_a_tool", "forms", "is_satisfied", "is_structured"]

Form = Literal["request", "prefill", "continue", "continue_without_thinking", "restart"]


def forms(
    request: Mapping[str, Any],
    model: ModelInfo,
    state: ResumeState,
    preference: str,
    *,
    own_thinking: bool,
) -> list[Form]:
    """The forms in which this request can be resumed on this model, best first; empty for none.

    Args:
        request: The request as the route sends it.
        model: What the route's model accepts.
        state: What was delivered.
        preference: The policy's `resume`.
        own_thinking: Whether the thinking that was delivered is this model's own; others cannot read it.
    """
    if preference == "never":
        return []
    # A restart would bring again what is neither text nor thinking, and use the tools again that it came from.
    restart: list[Form] = ["restart"] if state.is_written else []
    if preference == "restart":
        return restart
    continuing: list[Form] = ["continue"] if own_thinking or not state.thought else []
    if state.thought:
        continuing.append("continue_without_thinking")
    if is_structured(request):
        return [*continuing, *restart] if preference in ("auto", "continue") else restart
    if preference == "continue":
        return continuing
    can_prefill = (model.prefill or preference == "prefill") and not (
        thinking_is_on(request, model)
        or (forces_a_tool(request) and not is_satisfied(request, state))
        or state.thought
        or not state.trailing_text.strip()
    )
    if preference == "prefill":
        return ["prefill"] if can_prefill else []
    return ["prefill", *continuing] if can_prefill else continuing


def is_structured(request: Mapping[str, Any]) -> bool:
    """Whether the answer has to be one JSON document."""
    config = request.get("output_config")
    return bool(request.get("output_format")) or (isinstance(config, Mapping) and bool(config.get("format")))


def forces_a_tool(request: Mapping[str, Any]) -> bool:
    """Whether `tool_choice` demands a call."""
    choice = request.get("tool_choice")
    return isinstance(choice, Mapping) and choice.get("type") in ("any", "tool")


def is_satisfied(request: Mapping[str, Any], state: ResumeState) -> bool:
    """Whether `tool_choice` demands a call that a server-side tool has already had."""
    if not forces_a_tool(request) or not state.tools_used:
        return False
    choice = request["tool_choice"]
    return choice["type"] == "any" or choice.get("name") in state.tools_used
