"""The Models API: what the server's models accept, as `GET /v1/models` says it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from unbroken.core.models.table import EFFORTS, THINKING_TYPES, ModelInfo, lookup
from unbroken.testing.script.faults import Status
from unbroken.testing.services.pages import page

__all__ = ["describe_model", "exists", "list_models"]

#: "May be set to an epoch value if the release date is unknown" (the SDK's `types/model_info.py`, 2.12.0).
_UNKNOWN_DATE: Final = "1970-01-01T00:00:00Z"
_CAN: Final = {"supported": True}
#: Capabilities of which `unbroken`'s table says nothing: the server rejects no request for the want of them.
_OF_ALL: Final[Mapping[str, Any]] = {
    "batch": _CAN,
    "citations": _CAN,
    "code_execution": _CAN,
    "context_management": {
        "supported": True,
        "clear_thinking_20251015": _CAN,
        "clear_tool_uses_20250919": _CAN,
        "compact_20260112": _CAN,
    },
    "image_input": _CAN,
    "pdf_input": _CAN,
    "server_tools": {"supported": True, "code_execution": _CAN, "web_search": _CAN},
    "structured_outputs": _CAN,
}


def exists(model: str, models: Collection[str]) -> bool:
    """Whether a model is there: by its whole name, or by its family's."""
    return model in models or lookup(model).name in models


def describe_model(model: str, models: Collection[str]) -> dict[str, Any] | Status:
    """What `GET /v1/models/{model}` answers.

    Args:
        model: As the request names it.
        models: The families or whole names that exist.
    """
    return _described(model) if exists(model, models) else Status(404, message=f"model: {model}")


def list_models(models: Collection[str], query: Mapping[str, Sequence[str]]) -> dict[str, Any] | Status:
    """What `GET /v1/models` answers.

    Args:
        models: The families or whole names that exist.
        query: The decoded query string.
    """
    wanted = [*query.get("lifecycle", ()), *query.get("lifecycle[]", ())]
    listed = [_described(model) for model in sorted(models)]
    return page([each for each in listed if not wanted or each["lifecycle"] in wanted], query)


def _described(model: str) -> dict[str, Any]:
    info = lookup(model)
    return {
        "type": "model",
        "id": model,
        "display_name": _display_name(info.name),
        "created_at": _UNKNOWN_DATE,
        # Whatever the vendor has announced: here every model that is listed answers.
        "lifecycle": "active",
        "deprecated_at": None,
        "retires_at": None,
        "line": _line(info.name),
        "max_tokens": info.max_output,
        "max_input_tokens": info.context,
        "capabilities": _capabilities(info),
    }


def _capabilities(info: ModelInfo) -> dict[str, Any]:
    thinking = {name: {"supported": name in info.thinking} for name in sorted(THINKING_TYPES)}
    effort = {name: {"supported": name in info.effort} for name in EFFORTS}
    return {
        **_OF_ALL,
        "thinking": {"supported": bool(info.thinking), "types": thinking},
        "effort": {"supported": bool(info.effort), **effort},
    }


def _line(name: str) -> str | None:
    """`claude-opus-5-5` is of the line "opus"; None for a name that is none of Claude's."""
    parts = name.split("-")
    return next((part for part in parts[1:] if part.isalpha()), None) if parts[0] == "claude" else None


_SPACE_IN_VERSION: Final = re.compile(r"(?<=\d) (?=\d)")


def _display_name(name: str) -> str:
    """`claude-opus-5-5` is "Claude Opus 5.5"."""
    return _SPACE_IN_VERSION.sub(".", name.replace("-", " ").title())
