"""A request made for one model, as another takes it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from unbroken.core.adapt import adapt
from unbroken.core.models import MODELS, lookup

REQUEST: dict[str, Any] = {"model": "m", "max_tokens": 4_096, "messages": [{"role": "user", "content": "Hi"}]}


def adapted(model: str, *patched: str, **changes: Any) -> dict[str, Any] | None:
    """What differs from the original afterwards; None when the model cannot take it. Absent arguments show as `...`."""
    request = {**REQUEST, **changes}
    kept = deepcopy(request)
    result = adapt(request, lookup(model), patched)
    assert request == kept
    if result is None:
        return None
    return {name: result.get(name, ...) for name in {**request, **result} if result.get(name, ...) != request.get(name)}


ENABLED = {"type": "enabled", "budget_tokens": 2_000}
ADAPTIVE, DISABLED, BETWEEN = {"type": "adaptive"}, {"type": "disabled"}, {"type": "between_tools"}

THINKING = [
    # model, thinking as it is, as it is sent ("..." is not at all)
    ("claude-haiku-4-5", ENABLED, ENABLED),
    ("claude-haiku-4-5", ADAPTIVE, ...),
    ("claude-haiku-4-5", DISABLED, DISABLED),
    ("claude-haiku-4-5", BETWEEN, DISABLED),
    ("claude-opus-5-5", ENABLED, ADAPTIVE),
    ("claude-opus-5-5", DISABLED, ...),
    ("claude-opus-5-5", BETWEEN, ...),
    ("claude-sonnet-5-5", BETWEEN, BETWEEN),
    ("claude-opus-4-6", ENABLED, ENABLED),
    ("claude-opus-4-8", ENABLED, ADAPTIVE),
    ("claude-3-haiku", ENABLED, ...),
    ("claude-opus-5-5", {"type": "of next year"}, ...),
]


@pytest.mark.parametrize(("model", "thinking", "sent"), THINKING)
def test_thinking_is_said_in_the_models_own_way(model: str, thinking: dict[str, Any], sent: Any) -> None:
    """The nearest kind that it takes; where there is none, its default."""
    assert adapted(model, thinking=thinking) == ({} if sent == thinking else {"thinking": sent})


def test_where_nothing_is_said_of_thinking_nothing_is_added() -> None:
    """None and the absence of a type count as nothing said."""
    for changes in ({}, {"thinking": None}, {"thinking": {}}):
        assert adapted("claude-opus-5-5", **changes) == {}


@pytest.mark.parametrize(
    ("model", "asked", "sent"),
    [("claude-haiku-4-5", 100_000, 64_000), ("claude-haiku-4-5", 64_000, 64_000), ("claude-3-haiku", 9_000, 9_000)],
)
def test_no_model_is_asked_for_more_than_it_can_write(model: str, asked: int, sent: int) -> None:
    """Where that is known."""
    assert adapted(model, max_tokens=asked) == ({} if asked == sent else {"max_tokens": sent})


def test_a_thinking_budget_stays_below_what_the_model_can_write() -> None:
    """`max_tokens` has to be above it, or the API rejects the request."""
    budget = {"type": "enabled", "budget_tokens": 90_000}
    result = adapt({**REQUEST, "max_tokens": 100_000, "thinking": budget}, lookup("claude-haiku-4-5"))
    assert result is not None
    assert result["thinking"]["budget_tokens"] < result["max_tokens"] == 64_000


@pytest.mark.parametrize("kind", ["any", "tool"])
def test_a_call_that_has_to_be_made_cannot_be_asked_of_a_model_that_rejects_that(kind: str) -> None:
    """To ask without the force would be another request, so the route is left out."""
    assert adapted("claude-opus-5-5", tool_choice={"type": kind}) is None
    assert adapted("claude-haiku-4-5", tool_choice={"type": kind}) == {}
    assert adapted("claude-opus-5-5", tool_choice={"type": "auto"}) == {}
    assert adapted("claude-opus-5-5", tool_choice=None) == {}


EFFORT = [
    # output_config, as it is sent
    ({"effort": "low"}, ...),
    ({"effort": "low", "format": {"type": "json_schema"}}, {"format": {"type": "json_schema"}}),
    ({"format": {"type": "json_schema"}}, {"format": {"type": "json_schema"}}),
    (None, None),
]


@pytest.mark.parametrize(("config", "sent"), EFFORT)
def test_effort_is_left_out_for_models_without_it(config: Any, sent: Any) -> None:
    """The rest of the output's settings stays."""
    assert adapted("claude-haiku-4-5", output_config=config) == ({} if sent == config else {"output_config": sent})
    assert adapted("claude-opus-5-5", output_config=config) == {}


def test_what_the_routes_own_patch_sets_is_the_callers_word() -> None:
    """It is sent as it stands, and the API says what it thinks of it."""
    said: dict[str, Any] = {
        "thinking": ADAPTIVE,
        "max_tokens": 100_000,
        "output_config": {"effort": "low"},
    }
    assert adapted("claude-haiku-4-5", *said, **said) == {}
    assert adapted("claude-opus-5-5", "tool_choice", tool_choice={"type": "any"}) == {}


def test_a_model_that_is_not_in_the_table_gets_the_request_as_it_is() -> None:
    """Nothing is known against it."""
    said: dict[str, Any] = {"thinking": BETWEEN, "max_tokens": 900_000, "tool_choice": {"type": "any"}}
    assert adapted("claude-opus-7", **said) == {}


def test_every_model_takes_what_is_adapted_to_it() -> None:
    """Adapting twice changes nothing more."""
    for model in MODELS:
        for thinking in (ENABLED, ADAPTIVE, DISABLED, BETWEEN):
            once = adapt({**REQUEST, "max_tokens": 500_000, "thinking": thinking}, model)
            assert once is not None
            assert once.get("thinking", {}).get("type") in {*model.thinking, None}
            assert adapt(once, model) == once
