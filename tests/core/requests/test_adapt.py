"""A request made for one model, as another takes it."""

from __future__ import annotations

from copy import deepcopy
from itertools import product
from typing import Any

import pytest

from unbroken.core.models.table import EFFORTS, MODELS, ModelInfo, lookup
from unbroken.core.requests.adapt import Unfit, adapt

REQUEST: dict[str, Any] = {"model": "m", "max_tokens": 4_096, "messages": [{"role": "user", "content": "Hi"}]}


def adapted(model: str | ModelInfo, *patched: str, **changes: Any) -> dict[str, Any] | str:
    """What differs from the original afterwards; or why the model cannot take it. Absent arguments show as `...`."""
    request = {**REQUEST, **changes}
    kept = deepcopy(request)
    result = adapt(request, lookup(model) if isinstance(model, str) else model, patched)
    assert request == kept
    if isinstance(result, Unfit):
        return result.why
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
    ("claude-sonnet-5-5", DISABLED, BETWEEN),
    ("claude-opus-5-5", {**ENABLED, "display": "omitted"}, {**ADAPTIVE, "display": "omitted"}),
    ("claude-haiku-4-5", {**BETWEEN, "display": "omitted"}, DISABLED),
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
    cases: tuple[dict[str, Any], ...] = ({}, {"thinking": None}, {"thinking": {}})
    for changes in cases:
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
    assert not isinstance(result, Unfit)
    assert result["thinking"]["budget_tokens"] < result["max_tokens"] == 64_000


BUDGETS = [
    # model, what the patch sets, max_tokens, the budget that is sent
    ("claude-sonnet-4-5", (), 4_096, 9_000),  # interleaved thinking may go on beyond it
    ("claude-haiku-4-5", (), 4_096, 4_095),  # which this model has not
    ("claude-sonnet-4-5", ("max_tokens",), 4_096, 4_095),
    ("claude-sonnet-4-5", ("max_tokens", "thinking"), 4_096, 9_000),
    ("claude-haiku-4-5", ("thinking",), 4_096, 9_000),
]


@pytest.mark.parametrize(("model", "patched", "max_tokens", "budget"), BUDGETS)
def test_a_thinking_budget_stays_below_max_tokens(
    model: str, patched: tuple[str, ...], max_tokens: int, budget: int
) -> None:
    """Where the model or the patch asks for it; the caller's own pair is left alone otherwise."""
    thinking = {"type": "enabled", "budget_tokens": 9_000}
    result = adapted(model, *patched, max_tokens=max_tokens, thinking=thinking)
    assert result == ({} if budget == 9_000 else {"thinking": {**thinking, "budget_tokens": budget}})


@pytest.mark.parametrize("kind", ["any", "tool"])
def test_a_call_that_has_to_be_made_cannot_be_asked_of_a_model_that_rejects_that(kind: str) -> None:
    """To ask without the force would be another request, so the route is left out."""
    assert adapted("claude-opus-5-5", tool_choice={"type": kind}) == "does not take a forced tool_choice"
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


LEVELS = [
    # model, thinking, effort, as it is sent
    ("claude-opus-4-5", None, "max", "high"),
    ("claude-opus-4-5", None, "medium", "medium"),
    ("claude-opus-4-6", None, "xhigh", "high"),
    ("claude-opus-4-6", None, "max", "max"),
    ("claude-opus-4-7", None, "xhigh", "xhigh"),
    ("claude-opus-5", None, "max", "max"),
    ("claude-opus-5", DISABLED, "max", "high"),
    ("claude-opus-5", ADAPTIVE, "max", "max"),
    ("claude-sonnet-5-5", BETWEEN, "xhigh", "high"),
    ("claude-sonnet-5-5", DISABLED, "xhigh", "high"),
    ("claude-opus-4-8", DISABLED, "max", "max"),
    ("claude-opus-5-5", None, "of next year", ...),
    ("my-model", None, "of next year", "of next year"),
    (ModelInfo(name="m", effort=frozenset({"high"})), None, "low", ...),
]


@pytest.mark.parametrize(("model", "thinking", "asked", "sent"), LEVELS)
def test_effort_is_the_strongest_that_the_model_takes(model: Any, thinking: Any, asked: str, sent: Any) -> None:
    """Never more than was asked for; three models take less where thinking is off."""
    request = {**REQUEST, "output_config": {"effort": asked}, "thinking": thinking}
    result = adapt(request, lookup(model) if isinstance(model, str) else model)
    assert not isinstance(result, Unfit)
    assert result.get("output_config", ...) == (... if sent is ... else {"effort": sent})


def test_fast_mode_is_left_out_for_models_without_it() -> None:
    """The answer is the same, only slower."""
    assert adapted("claude-haiku-4-5", speed="fast") == {"speed": ...}
    assert adapted("claude-haiku-4-5", "speed", speed="fast") == {}
    assert adapted("claude-opus-5-5", speed="fast") == {}
    assert adapted("claude-haiku-4-5") == {}


class Block:
    """A content block as the SDK's own objects have it."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


WORDS = "The quick brown fox jumps over the lazy dog. "
LONG = WORDS * (1_010_000 // len(WORDS))  # more than 200,000 tokens of 5 characters
TOO_LONG = "has a context window of 200000 tokens, too small for this request"
SIZES: list[tuple[str, dict[str, Any], bool]] = [
    ("a string", {"messages": [{"role": "user", "content": LONG}]}, True),
    ("a block", {"messages": [{"role": "user", "content": [{"type": "text", "text": LONG}]}]}, True),
    ("the system prompt", {"system": [{"type": "text", "text": LONG}]}, True),
    ("an object", {"messages": [{"role": "assistant", "content": [Block(type="text", text=LONG)]}]}, True),
    (
        "a tool's result",
        {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": [{"text": LONG}]}]}]},
        True,
    ),
    ("an object's content", {"messages": [Block(role="user", content=LONG)]}, True),
    ("Chinese", {"system": "界" * 10 + "世界" * 250_000}, True),
    ("a little less", {"system": LONG[:950_000]}, False),
    ("a picture", {"messages": [{"role": "user", "content": [{"type": "image", "source": {"data": LONG}}]}]}, False),
    ("white space", {"system": " " * 2_000_000}, False),
    ("something else", {"messages": [{"role": "user", "content": [object(), None, 7]}]}, False),
]


@pytest.mark.parametrize(("changes", "too_long"), [size[1:] for size in SIZES], ids=[size[0] for size in SIZES])
def test_what_certainly_does_not_fit_into_a_context_window_is_not_asked(
    changes: dict[str, Any], too_long: bool
) -> None:
    """Estimated on the low side, and only what is text: the API has the last word on all that may fit."""
    request = {**REQUEST, **changes}
    result = adapt(request, lookup("claude-haiku-4-5"))
    assert (result == Unfit(TOO_LONG)) is too_long
    assert not isinstance(adapt(request, lookup("claude-opus-5-5")), Unfit)
    assert not isinstance(adapt(request, lookup("my-model")), Unfit)


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
    """Nothing is known against it, not even that it would not know what is new itself."""
    said: dict[str, Any] = {"thinking": BETWEEN, "max_tokens": 900_000, "tool_choice": {"type": "any"}, "speed": "fast"}
    assert adapted("claude-opus-7", **said) == {}
    assert adapted("claude-opus-7", thinking={"type": "of next year"}) == {}


def test_a_model_of_the_callers_gets_the_request_by_what_the_caller_says_of_it() -> None:
    """A row is a row, whoever wrote it."""
    mine = ModelInfo(name="mine", max_output=9_000, thinking=frozenset({"disabled"}), speed=False)
    assert adapted(mine, thinking=BETWEEN, max_tokens=10_000, speed="fast") == {
        "thinking": DISABLED,
        "max_tokens": 9_000,
        "speed": ...,
    }


def test_every_model_takes_what_is_adapted_to_it() -> None:
    """Adapting twice changes nothing more."""
    for model in MODELS:
        for thinking, effort in product((ENABLED, ADAPTIVE, DISABLED, BETWEEN), EFFORTS):
            config = {"effort": effort}
            request = {**REQUEST, "max_tokens": 500_000, "thinking": thinking, "output_config": config}
            once = adapt(request, model)
            assert not isinstance(once, Unfit)
            assert once.get("thinking", {}).get("type") in {*model.thinking, None}
            assert once.get("output_config", {}).get("effort") in {*model.effort, None}
            assert once["max_tokens"] <= (model.max_output or 500_000)
            assert adapt(once, model) == once
