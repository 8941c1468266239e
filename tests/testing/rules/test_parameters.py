"""Parameters of a wrong kind, and values that the model does not take."""

from __future__ import annotations

from typing import Any

import pytest
from judging import BUDGET, NEW, NEWEST, OLD, OPTIONAL, PREFILLS, TOOL, says, text
from serving import ask

from unbroken.testing.rules.validation import KNOWN_MODELS, validate

STRUCTURED = ("structured-outputs-2025-11-13",)
MCP = ("mcp-client-2025-11-20",)
FORCED = {"model": OPTIONAL, "tools": [TOOL]}

REJECTED: dict[str, tuple[dict[str, Any], str]] = {
    "tools that are no list": ({"tools": {}}, "tools: Input should be a valid list"),
    "stop sequences that are a text": ({"stop_sequences": "stop"}, "stop_sequences: Input should be a valid list"),
    "MCP servers that are no list": ({"mcp_servers": {}, "betas": MCP}, "mcp_servers: Input should be a valid list"),
    "an MCP server that is a text": (
        {"mcp_servers": ["tally"], "betas": MCP},
        "mcp_servers.0: Input should be a valid dictionary",
    ),
    "metadata that are a text": ({"metadata": "u"}, "metadata: Input should be a valid dictionary"),
    "an output_config that is a text": ({"output_config": "low"}, "output_config: Input should be a valid dictionary"),
    "a form that is a text": (
        {"output_config": {"format": "json"}},
        "output_config.format: Input should be a valid dictionary",
    ),
    "the beta's form as a text": (
        {"output_format": "json", "betas": STRUCTURED},
        "output_format: Input should be a valid dictionary",
    ),
    "thinking that is true": ({"thinking": True}, "thinking: Input should be a valid dictionary"),
    "thinking without a type": ({"thinking": {}}, "thinking: Unable to extract tag using discriminator 'type'"),
    "a choice that is a text": ({**FORCED, "tool_choice": "auto"}, "tool_choice: Input should be a valid dictionary"),
    "a choice that nobody knows": (
        {**FORCED, "tool_choice": {"type": "function"}},
        "tool_choice: Input tag 'function' found using 'type' does not match any of the expected tags: 'auto', 'any'",
    ),
    "a choice of a tool without a name": (
        {**FORCED, "tool_choice": {"type": "tool"}},
        "tool_choice.tool.name: Field required",
    ),
    "an empty block of the system prompt": ({"system": [text("")]}, "system: text content blocks must be non-empty"),
    "a system prompt that is a number": ({"system": 3}, "system: Input should be a valid string or a list"),
    "a system prompt of texts": ({"system": ["a"]}, "system.0: Input should be a valid dictionary"),
    "an image as a system prompt": ({"system": [{"type": "image"}]}, "system.0.type: Input should be 'text'"),
    "a block of the system prompt without text": (
        {"system": [{"type": "text"}]},
        "system.0.text: Input should be a valid string",
    ),
    "fast mode where there is none": (
        {"model": "claude-opus-4-7", "speed": "fast"},
        "'claude-opus-4-7' does not support the `speed` parameter.",
    ),
    "a temperature out of range": ({"version": OLD, "model": PREFILLS, "temperature": 1.5}, "temperature: range: 0..1"),
    "sampling in the newest version": (
        {"model": PREFILLS, "temperature": 1},
        "temperature: Extra inputs are not permitted",
    ),
}


@pytest.mark.parametrize("name", REJECTED)
def test_it_is_rejected(name: str) -> None:
    """With words that say where and why."""
    changes, message = REJECTED[name]
    assert message in (says(**changes) or "")


ACCEPTED: dict[str, dict[str, Any]] = {
    "a form that is null": {"output_config": {"format": None}},
    "a choice of no tool": {**FORCED, "tool_choice": {"type": "none"}},
    "a system prompt in a text": {"system": "Be brief."},
    "an empty system prompt": {"system": ""},
    "fast mode": {"model": NEWEST, "speed": "fast"},
    "no fast mode": {"model": PREFILLS, "speed": "standard"},
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_it_is_accepted(name: str) -> None:
    """The strictness stops where the API's does."""
    assert says(**ACCEPTED[name]) is None


@pytest.mark.parametrize("name", ["tools", "stop_sequences", "metadata", "thinking", "tool_choice", "system"])
def test_null_is_as_good_as_left_out(name: str) -> None:
    """The SDK sends it where a caller gives None."""
    assert validate({**ask(), name: None}, NEW, models=KNOWN_MODELS) is None


ADAPTIVE = {"type": "adaptive"}
SAMPLING: dict[str, tuple[dict[str, Any], str | None]] = {
    "a model without them": (
        {"model": OPTIONAL, "temperature": 0.5},
        "`temperature` is deprecated for this model.",
    ),
    "top_k on a model without it": ({"model": NEWEST, "top_k": 5}, "`top_k` is deprecated for this model."),
    "the default on a model without them": ({"model": NEWEST, "temperature": 1, "top_p": 1}, None),
    "a model that has them": ({"model": PREFILLS, "temperature": 0.5, "top_k": 5}, None),
    "both on a model that takes one": (
        {"model": PREFILLS, "temperature": 0.5, "top_p": 0.5},
        "`temperature` and `top_p` cannot both be specified for this model.",
    ),
    "both on a model that takes both": ({"model": "claude-sonnet-4", "temperature": 0.5, "top_p": 0.5}, None),
    "another temperature while it thinks": (
        {"model": "claude-opus-4-6", "thinking": ADAPTIVE, "temperature": 0.5},
        "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode.",
    ),
    "top_k while it thinks": ({"model": PREFILLS, "thinking": BUDGET, "top_k": 5}, "`top_k` must be unset"),
    "a low top_p while it thinks": (
        {"model": PREFILLS, "thinking": BUDGET, "top_p": 0.9},
        "`top_p` must be greater than or equal to 0.95",
    ),
    "the default while it thinks": ({"model": PREFILLS, "thinking": BUDGET, "temperature": 1}, None),
    "a high top_p while it thinks": ({"model": PREFILLS, "thinking": BUDGET, "top_p": 0.95}, None),
}


@pytest.mark.parametrize("name", SAMPLING)
def test_sampling_in_an_older_version(name: str) -> None:
    """Some models take it, and less of it while they think."""
    changes, message = SAMPLING[name]
    said = says(OLD, **changes)
    assert said is None if message is None else message in (said or "")
