"""Thinking: the parameter, and the blocks that go back."""

from __future__ import annotations

from typing import Any

import pytest

from preflighting import BUDGET, NEW, OLD, TOOL, UNKNOWN, call, found, result, text, thought, turns

SONNET = "claude-sonnet-4-5"
LARGE = {"type": "enabled", "budget_tokens": 4096}

WRONG: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    # what is changed, and what is found
    ({"thinking": True}, [("thinking_invalid", "thinking")]),
    ({"thinking": {}}, [("thinking_invalid", "thinking")]),
    ({"thinking": {"type": "disabled"}, "model": NEW}, [("thinking_unsupported", "thinking.type")]),
    ({"thinking": BUDGET, "model": NEW}, [("thinking_unsupported", "thinking.type")]),
    ({"thinking": {"type": "adaptive"}, "model": OLD}, [("thinking_unsupported", "thinking.type")]),
    ({"thinking": {"type": "adaptive"}, "model": "claude-3-haiku"}, [("thinking_unsupported", "thinking.type")]),
    ({"thinking": BUDGET, "model": "claude-3-haiku"}, [("thinking_unsupported", "thinking.type")]),
    ({"thinking": {"type": "enabled"}}, [("thinking_budget_missing", "thinking.budget_tokens")]),
    ({"thinking": {"type": "enabled", "budget_tokens": True}}, [("thinking_budget_missing", "thinking.budget_tokens")]),
    ({"thinking": {"type": "enabled", "budget_tokens": 1023}}, [("thinking_budget_low", "thinking.budget_tokens")]),
    ({"thinking": LARGE}, [("thinking_budget_too_large", "thinking.budget_tokens")]),
    ({"thinking": LARGE, "tools": [TOOL]}, [("thinking_budget_too_large", "thinking.budget_tokens")]),
    ({"thinking": LARGE, "model": SONNET}, [("thinking_budget_too_large", "thinking.budget_tokens")]),
    (
        {"thinking": LARGE, "model": SONNET, "tools": [TOOL]},
        [("thinking_budget_interleaved", "thinking.budget_tokens")],
    ),
    ({"messages": turns("a", [text("b"), thought()], "c")}, [("thinking_ends_turn", "messages[1].content[1]")]),
    (
        {"messages": turns("a", [{"type": "redacted_thinking", "data": "x"}], "c")},
        [("thinking_ends_turn", "messages[1].content[0]")],
    ),
    (
        {"messages": turns("a", [thought(""), text("b")], "c")},
        [("thinking_unsigned", "messages[1].content[0].signature")],
    ),
    (
        {"messages": turns("a", [thought(None), text("b")], "c")},
        [("thinking_unsigned", "messages[1].content[0].signature")],
    ),
    (
        {"messages": turns("a", [text("b"), call("1")], [result("1")]), "thinking": BUDGET, "tools": [TOOL]},
        [("thinking_not_first", "messages[1].content[0]")],
    ),
]


@pytest.mark.parametrize(("changes", "expected"), WRONG)
def test_what_is_wrong_is_found(changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    """At its place, and nothing else but that an old model is retired."""
    assert [each for each in found(**{"model": OLD, **changes}) if each[0] != "model_retired"] == expected


RIGHT: list[dict[str, Any]] = [
    {"thinking": BUDGET},
    {"thinking": {"type": "disabled"}},
    {"thinking": {"type": "adaptive"}, "model": NEW},
    {"thinking": {"type": "telepathic"}, "model": UNKNOWN},
    {"thinking": LARGE, "model": SONNET, "tools": [TOOL], "betas": ["interleaved-thinking-2025-05-14"]},
    {"thinking": LARGE, "max_tokens": None},
    {"messages": turns("a", [thought(), text("b")], "c")},
    {
        "messages": turns("a", [{"type": "compaction", "content": "b"}, call("1")], [result("1")]),
        "thinking": BUDGET,
        "tools": [TOOL],
    },
    {"messages": turns("a", [thought(), call("1")], [result("1")]), "thinking": BUDGET, "tools": [TOOL]},
    {"messages": turns("a", [text("b"), call("1")], [result("1")]), "tools": [TOOL]},
    # Without interleaving it thinks once, however many calls it makes after that.
    {
        "messages": turns("a", [thought(), call("1")], [result("1")], [call("2")], [result("2")]),
        "thinking": BUDGET,
        "tools": [TOOL],
    },
    {"messages": turns("a", "b", "c", [thought(), call("1")], [result("1")]), "thinking": BUDGET, "tools": [TOOL]},
    {"messages": turns("a", [text("b"), call("1")], [result("1")]), "thinking": {"type": "adaptive"}, "model": NEW},
    {"messages": turns("a", [text("b"), call("1")], [result("1")], "b", "c"), "thinking": BUDGET, "tools": [TOOL]},
    {"messages": turns("a", iter([text("b")]), [text("c")]), "thinking": BUDGET},
]


@pytest.mark.parametrize("changes", RIGHT)
def test_what_is_right_is_left_alone(changes: dict[str, Any]) -> None:
    """Of a model that nobody knows, nothing is held against it."""
    assert [each for each in found(**{"model": OLD, **changes}) if each != ("field_missing", "max_tokens")] == []


def test_a_result_without_its_turn_is_not_a_matter_of_thinking() -> None:
    """It is told of as what it is."""
    codes = [code for code, _ in found([result("1")], model=OLD, thinking=BUDGET)]
    assert codes == ["tool_result_without_use"]
    codes = [code for code, _ in found(iter("a"), "b", [result("1")], model=OLD, thinking=BUDGET)]
    assert codes == []


def test_a_model_that_cannot_think_may_be_told_not_to() -> None:
    """Recorded of 3.5 Sonnet."""
    assert "thinking_unsupported" not in dict(found(model="claude-3-5-sonnet", thinking={"type": "disabled"}))
