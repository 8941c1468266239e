"""A request made for one model -> the same request for another.

A fallback gets what the primary got, but for the parameters that its model is known to reject (`models.py`): they are
adapted where that keeps the request's meaning, and where it cannot be kept, the route is left out. What the route's own
patch sets is the caller's word and is sent as it stands; so is the whole request to a model that is not in the table.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from .models import MODELS, ModelInfo
from .resume import fit_thinking, forces_a_tool, thinking_type

__all__ = ["adapt"]

#: What stands in for a kind of thinking that the model rejects, best first. None: nothing is said, and the model does
#: as it does by default.
_INSTEAD: Final[dict[str, tuple[str | None, ...]]] = {
    "enabled": ("adaptive", None),
    "adaptive": (None,),
    # The SDK's own refusal middleware turns `between_tools` into `disabled` for another model.
    "between_tools": ("disabled", None),
    "disabled": (None,),
}


def adapt(request: Mapping[str, Any], model: ModelInfo, patched: Collection[str] = ()) -> dict[str, Any] | None:
    """The request as this model takes it; a new dict. None when it cannot take it.

    Args:
        request: The request, with the route's patch applied.
        model: What the route's model accepts.
        patched: The arguments that the route's patch sets; they are left alone.
    """
    adapted = dict(request)
    if model not in MODELS:
        return adapted
    if "tool_choice" not in patched and not model.forced_tool_choice and forces_a_tool(request):
        return None
    if "thinking" not in patched:
        _adapt_thinking(adapted, model)
    if "max_tokens" not in patched and model.max_output is not None and request["max_tokens"] > model.max_output:
        adapted["max_tokens"] = model.max_output
        adapted.update(fit_thinking(adapted, model, model.max_output))
    if "output_config" not in patched and not model.effort:
        _drop_effort(adapted)
    return adapted


def _adapt_thinking(request: dict[str, Any], model: ModelInfo) -> None:
    kind = thinking_type(request)
    if kind is None or kind in model.thinking:
        return
    del request["thinking"]
    for other in _INSTEAD.get(kind, ()):
        if other is not None and other in model.thinking:
            request["thinking"] = {"type": other}
            return


def _drop_effort(request: dict[str, Any]) -> None:
    config = request.get("output_config")
    if isinstance(config, Mapping) and "effort" in config:
        rest = {name: value for name, value in config.items() if name != "effort"}
        del request["output_config"]
        if rest:
            request["output_config"] = rest
