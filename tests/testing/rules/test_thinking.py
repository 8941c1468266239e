"""Thinking that the model does not do, and thinking that it did not sign."""

from __future__ import annotations

from typing import Any

import pytest
from judging import BUDGET, CACHED, NEWEST, OPTIONAL, PREFILLS, TOOL, call, result, says, text, thought, turns

from unbroken.testing.claude.signatures import after_thinking, conversation, redacted

BETWEEN, INTERLEAVES = "claude-sonnet-5-5", "claude-sonnet-4-5"
INTERLEAVED = ("interleaved-thinking-2025-05-14",)
LARGE = {"type": "enabled", "budget_tokens": 8192}


REJECTED: dict[str, tuple[dict[str, Any], str]] = {
    "thinking turned off where it cannot be": (
        {"thinking": {"type": "disabled"}},
        '"thinking.type.disabled" is not supported for this model.',
    ),
    "a budget where there is none": (
        {"model": OPTIONAL, "thinking": {"type": "enabled", "budget_tokens": 2000}},
        '"thinking.type.enabled" is not supported for this model.',
    ),
    "no budget": ({"model": PREFILLS, "thinking": {"type": "enabled"}}, "budget_tokens: Field required"),
    "a small budget": (
        {"model": PREFILLS, "thinking": {"type": "enabled", "budget_tokens": 1023}},
        "Input should be greater than or equal to 1024",
    ),
    "a budget as large as max_tokens": (
        {"model": PREFILLS, "max_tokens": 2000, "thinking": {"type": "enabled", "budget_tokens": 2000}},
        "`max_tokens` must be greater than `thinking.budget_tokens`.",
    ),
    "thinking last": (
        {"messages": turns("a", [text("b"), thought(NEWEST)], "c")},
        "messages.1: The final block in an assistant message cannot be `thinking`.",
    ),
    "unsigned thinking": (
        {"messages": turns("a", [{"type": "thinking", "thinking": "x", "signature": ""}, text("b")], "c")},
        "messages.1.content.0: Invalid `signature` in `thinking` block",
    ),
    "another model's thinking": (
        {"model": OPTIONAL, "messages": turns("a", [thought("claude-opus-5"), text("b")], "c")},
        "Invalid `signature` in `thinking` block",
    ),
    "modified thinking": (
        {"model": OPTIONAL, "messages": turns("a", [thought(OPTIONAL, "x", shown="y"), text("b")], "c")},
        "Invalid `signature` in `thinking` block",
    ),
    "thinking of another conversation": (
        {"messages": turns("a", [thought(NEWEST, "x", "elsewhere"), text("b")], "c")},
        "The block is bound to a different conversation.",
    ),
    "thinking turned off at the highest effort": (
        {"model": "claude-opus-5", "thinking": {"type": "disabled"}, "output_config": {"effort": "max"}},
        '"thinking.type.disabled" is not supported at effort "max".',
    ),
    "notes between tools at the highest effort": (
        {"model": BETWEEN, "thinking": {"type": "between_tools"}, "output_config": {"effort": "xhigh"}},
        '"thinking.type.between_tools" is not supported at effort "xhigh".',
    ),
    "thinking turned off at the highest effort of a small model": (
        {"model": "claude-haiku-5-5", "thinking": {"type": "disabled"}, "output_config": {"effort": "xhigh"}},
        '"thinking.type.disabled" is not supported at effort "xhigh".',
    ),
    "a budget that is true": (
        {"model": PREFILLS, "thinking": {"type": "enabled", "budget_tokens": True}},
        "budget_tokens: Field required",
    ),
    "a large budget without the beta": (
        {"model": INTERLEAVES, "thinking": LARGE, "tools": [TOOL]},
        "`max_tokens` must be greater than `thinking.budget_tokens`.",
    ),
    "a large budget without tools": (
        {"model": INTERLEAVES, "thinking": LARGE, "betas": INTERLEAVED},
        "`max_tokens` must be greater than `thinking.budget_tokens`.",
    ),
    "a large budget of a model that does not interleave": (
        {"model": PREFILLS, "thinking": LARGE, "tools": [TOOL], "betas": INTERLEAVED},
        "`max_tokens` must be greater than `thinking.budget_tokens`.",
    ),
    "calls that do not begin with thinking": (
        {"model": PREFILLS, "thinking": BUDGET, "messages": turns("a", [text("b"), call("t")], [result("t")])},
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `text`.",
    ),
    "redacted thinking last": (
        {"messages": turns("a", [text("b"), {"type": "redacted_thinking", "data": "x"}], "c")},
        "The final block in an assistant message cannot be `thinking`.",
    ),
    "redacted thinking that nobody signed": (
        {"model": OPTIONAL, "messages": turns("a", [{"type": "redacted_thinking", "data": "x"}, text("b")], "c")},
        "messages.1.content.0: Invalid `data` in `redacted_thinking` block",
    ),
}


@pytest.mark.parametrize("name", REJECTED)
def test_it_is_rejected(name: str) -> None:
    """With words that say where and why."""
    changes, message = REJECTED[name]
    assert message in (says(**changes) or "")


ACCEPTED: dict[str, dict[str, Any]] = {
    "a budget below max_tokens": {"model": PREFILLS, "thinking": {"type": "enabled", "budget_tokens": 4095}},
    "a large budget between tools": {
        "model": INTERLEAVES,
        "thinking": LARGE,
        "tools": [TOOL],
        "betas": INTERLEAVED,
    },
    "its own thinking": {"model": OPTIONAL, "messages": turns("a", [thought(OPTIONAL, "x"), text("b")], "c")},
    "calls that begin with thinking": {
        "model": PREFILLS,
        "thinking": BUDGET,
        "messages": turns("a", [thought(PREFILLS, "x"), call("t")], [result("t")]),
    },
    "an answer without its thinking": {
        "model": PREFILLS,
        "thinking": BUDGET,
        "messages": turns("a", [text("b")], "c"),
    },
    "results alone": {"model": PREFILLS, "thinking": BUDGET, "messages": turns("a")},
    "thinking turned off at high effort": {
        "model": "claude-opus-5",
        "thinking": {"type": "disabled"},
        "output_config": {"effort": "high"},
    },
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_it_is_accepted(name: str) -> None:
    """The strictness stops where the API's does."""
    assert says(**ACCEPTED[name]) is None


def test_thinking_is_bound_to_what_came_before_it() -> None:
    """The system prompt, the tools, the messages; neither to cache marks nor to how a text is written down."""
    asked = turns("a")
    bound = thought(NEWEST, "", conversation({"system": "s", "tools": [TOOL]}, asked))
    same = {"system": "s", "tools": [TOOL], "messages": [*asked, *turns("", [bound, text("b")], "c")[1:]]}
    same["messages"][2] = {"role": "user", "content": "c"}
    assert says(**same) is None
    assert says(**{**same, "messages": [*turns([text("a", **CACHED)]), *same["messages"][1:]]}) is None
    for change in ({"system": "t"}, {"tools": []}, {"messages": [*turns("A"), *same["messages"][1:]]}):
        assert "bound to a different conversation" in (says(**{**same, **change}) or "")


def test_thinking_is_bound_to_the_thinking_before_it() -> None:
    """None of a message's blocks may be left out, but from the last one on."""
    before = conversation({}, turns("a"))
    first = thought(NEWEST, "x", before)
    hidden = {"type": "redacted_thinking", "data": redacted(NEWEST, after_thinking(before, first))}
    third = thought(NEWEST, "y", after_thinking(after_thinking(before, first), hidden))
    whole = [first, hidden, text("b"), third, text("c")]
    assert says(messages=turns("a", whole, "d")) is None
    assert says(messages=turns("a", whole[:3], "d")) is None
    for left_out in (first, hidden):
        kept = [block for block in whole if block is not left_out]
        assert "bound to a different conversation" in (says(messages=turns("a", kept, "d")) or "")
