"""Answers begun by the caller, forms, efforts and lengths."""

from __future__ import annotations

from typing import Any

import pytest
from judging import FORMAT, PREFILLS, SEARCH, says, server_call, server_result, turns

from unbroken.testing import Answer

STRUCTURED = ("structured-outputs-2025-11-13",)
DOCUMENT = {
    "type": "document",
    "source": {"type": "text", "media_type": "text/plain", "data": "x"},
    "citations": {"enabled": True},
}


REJECTED: dict[str, tuple[dict[str, Any], str]] = {
    "a model that does not prefill": (
        {"messages": turns("Hi", "Sure")},
        "This model does not support assistant message prefill. The conversation must end with a user message.",
    ),
    "an empty prefill": (
        {"model": PREFILLS, "messages": turns("Hi", [{"type": "text", "text": ""}])},
        "messages: text content blocks must be non-empty",
    ),
    "white space at the end of a prefill": (
        {"model": PREFILLS, "messages": turns("Hi", "Sure ")},
        "messages: final assistant content cannot end with trailing whitespace",
    ),
    "a prefill with thinking": (
        {"model": PREFILLS, "messages": turns("Hi", "Sure"), "thinking": {"type": "enabled", "budget_tokens": 1024}},
        "prefilled when thinking is enabled",
    ),
    "a prefill with an output format": (
        {"model": PREFILLS, "messages": turns("Hi", "Sure"), "output_config": FORMAT},
        "prefilling is incompatible with JSON outputs",
    ),
    "no max_tokens": ({"max_tokens": None}, "max_tokens: Field required"),
    "negative max_tokens": ({"max_tokens": -1}, "greater than or equal to 0"),
    "a stream of no tokens": ({"max_tokens": 0, "stream": True}, "greater than or equal to 1"),
    "more than the model can write": ({"model": PREFILLS, "max_tokens": 64_001}, "max_tokens: 64001 > 64000"),
    "the beta's own word for a form, with a prefill": (
        {"model": PREFILLS, "messages": turns("Hi", "Sure"), "output_format": FORMAT["format"], "betas": STRUCTURED},
        "prefilling is incompatible with JSON outputs",
    ),
    "a form that is no schema": (
        {"output_config": {"format": {"type": "regex"}}},
        "output_config.format.type: Input should be 'json_schema'",
    ),
    "a form without a schema": (
        {"output_config": {"format": {"type": "json_schema"}}},
        "output_config.format.schema: Field required",
    ),
    "a form with citations": (
        {"output_config": FORMAT, "messages": turns([DOCUMENT])},
        "citations are incompatible with JSON outputs",
    ),
    "effort where there is none": (
        {"model": PREFILLS, "output_config": {"effort": "low"}},
        "This model does not support the effort parameter.",
    ),
    "effort above what the model has": (
        {"model": "claude-opus-4-6", "output_config": {"effort": "xhigh"}},
        "This model does not support effort level 'xhigh'. Supported levels: low, medium, high, max.",
    ),
    "max_tokens that are true": ({"max_tokens": True}, "max_tokens: Input should be a valid integer"),
    "the beta's own word for a form that is none": (
        {"output_format": {"type": "regex"}, "betas": STRUCTURED},
        "output_format.type: Input should be 'json_schema'",
    ),
    "an effort that nobody knows": ({"output_config": {"effort": "heroic"}}, "output_config.effort: Input should be"),
    "more than the model can read": (
        {"model": PREFILLS, "messages": turns("x" * 900_000)},
        "tokens > 200000 maximum",
    ),
    "an answer that ends with a result": (
        {
            "tools": [SEARCH],
            "messages": turns("a", [server_call("srvtoolu_1"), server_result("srvtoolu_1")]),
        },
        "does not support assistant message prefill",
    ),
}


@pytest.mark.parametrize("name", REJECTED)
def test_it_is_rejected(name: str) -> None:
    """With words that say where and why."""
    changes, message = REJECTED[name]
    assert message in (says(**changes) or "")


ACCEPTED: dict[str, dict[str, Any]] = {
    "a prefill": {"model": PREFILLS, "messages": turns("Hi", "Sure")},
    "a final message without content": {"model": PREFILLS, "messages": turns("Hi", "")},
    "a final message without blocks": {"model": PREFILLS, "messages": turns("Hi", [])},
    "the highest effort that the model has": {"model": "claude-opus-4-5", "output_config": {"effort": "high"}},
    "a prefill with thinking off": {
        "model": PREFILLS,
        "messages": turns("Hi", "Sure"),
        "thinking": {"type": "disabled"},
    },
    "all that a model can write": {"model": PREFILLS, "max_tokens": 64_000},
    "warming the cache": {"max_tokens": 0},
    "a form": {"output_config": FORMAT},
    "a form with documents that are not cited": {
        "output_config": FORMAT,
        "messages": turns([{**DOCUMENT, "citations": {"enabled": False}}]),
    },
    "effort": {"output_config": {"effort": "max"}},
    "a result that is gone on from": {
        "model": PREFILLS,
        "tools": [SEARCH],
        "messages": turns("a", [server_call("srvtoolu_1"), server_result("srvtoolu_1")]),
    },
    "a paused turn as it was": {
        "tools": [SEARCH],
        "messages": turns("a", "I search. "),
        "answers": (Answer("I search. ", stop_reason="pause_turn"), Answer("Found.")),
    },
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_it_is_accepted(name: str) -> None:
    """The strictness stops where the API's does."""
    assert says(**ACCEPTED[name]) is None


def test_counting_needs_no_max_tokens() -> None:
    """`count_tokens` has no such parameter."""
    assert says(counting=True, max_tokens=None) is None
