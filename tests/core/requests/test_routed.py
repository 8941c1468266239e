"""One stream's requests: the primary's own, the fallbacks' adapted, and all as the API has said since."""

from __future__ import annotations

from typing import Any

import pytest

from unbroken.core.models.corrections import Models
from unbroken.core.models.table import ModelInfo
from unbroken.core.requests.routed import Requests, mode_of
from unbroken.routes import Route

ORIGINAL: dict[str, Any] = {
    "max_tokens": 100_000,
    "messages": [{"role": "user", "content": "Hi"}],
    "thinking": {"type": "adaptive"},
    "output_config": {"effort": "max"},
}
NO_ADAPTIVE = "adaptive thinking is not supported on this model"
NO_FORCE = 'tool_choice: type "tool" and "any" are not supported for this model.'
NO_EFFORT = "This model does not support the effort parameter."
NO_PREFILL = "This model does not support assistant message prefill. The conversation must end with a user message."


def requests(*models: str, known: Models | None = None, **changes: Any) -> Requests:
    """Of routes to these models."""
    return Requests({**ORIGINAL, **changes}, [Route(model=model) for model in models], known or Models())


def test_the_primarys_request_is_the_callers_own() -> None:
    """Whatever the table says; a fallback's is adapted by it."""
    made = requests("claude-haiku-4-5", "claude-haiku-4-5")
    assert len(made) == 2
    assert made[0] == {**ORIGINAL, "model": "claude-haiku-4-5"}
    assert made[1] == {"max_tokens": 64_000, "messages": ORIGINAL["messages"], "model": "claude-haiku-4-5"}
    assert made.model(1).max_output == 64_000


def test_a_route_that_cannot_take_the_request_says_why() -> None:
    """There is no request for it then."""
    made = requests("claude-opus-5", "claude-opus-5-5", tool_choice={"type": "any"})
    assert (made.unfit(0), made.unfit(1)) == (None, "does not take a forced tool_choice")
    assert made[1] == {}


def test_a_400_changes_a_fallbacks_request() -> None:
    """And what other streams know of its model; heard again, it changes nothing."""
    models = Models()
    made = requests("claude-opus-5-5", "my-model", known=models)
    assert "thinking" in made[1]
    assert made.correct(1, NO_ADAPTIVE)
    assert "thinking" not in made[1]
    assert not made.correct(1, NO_ADAPTIVE)
    assert "thinking" not in requests("claude-opus-5-5", "my-model", known=models)[1]


def test_what_another_stream_has_learnt_meanwhile_counts_too() -> None:
    """Both sent what the model does not take; the second is told what the first has been told already."""
    models = Models()
    first, second = (requests("claude-opus-5-5", "my-model", known=models) for _ in range(2))
    assert first.correct(1, NO_ADAPTIVE)
    assert second.correct(1, NO_ADAPTIVE)
    assert first[1] == second[1]


@pytest.mark.parametrize("message", ["messages: at least one message is required", NO_PREFILL])
def test_a_400_that_says_nothing_new_changes_nothing(message: str) -> None:
    """Not everything is about the model, and some of it is known."""
    made = requests("claude-opus-5-5", "claude-haiku-5-5")
    before = made[1]
    assert not made.correct(1, message)
    assert made[1] == before


def test_a_400_may_rule_a_route_out() -> None:
    """A call that has to be made cannot be asked of a model that takes no force."""
    made = requests("claude-opus-5-5", "my-model", tool_choice={"type": "any"})
    assert made.unfit(1) is None
    assert made.correct(1, NO_FORCE)
    assert made.unfit(1) == "does not take a forced tool_choice"


def test_of_the_primarys_request_only_what_the_api_complained_of_changes() -> None:
    """The table might be wrong about the rest of it: the API has taken that once."""
    made = requests("claude-haiku-4-5", known=Models({"claude-haiku-4-5": ModelInfo(name="m", max_output=9)}))
    assert made.correct(0, NO_EFFORT)
    assert made[0] == {
        "model": "claude-haiku-4-5",
        **{name: value for name, value in ORIGINAL.items() if name != "output_config"},
    }
    assert not made.model(0).effort
    assert made.correct(0, NO_ADAPTIVE)
    assert "thinking" not in made[0]


def test_a_routes_patch_is_the_callers_word_after_a_400_too() -> None:
    """It is not adapted, and the route will be left out."""
    route = Route(model="my-model", patch={"thinking": {"type": "adaptive"}})
    made = Requests(ORIGINAL, [Route(model="claude-opus-5-5"), route], Models())
    assert made.correct(1, NO_ADAPTIVE)
    assert made[1]["thinking"] == {"type": "adaptive"}


HISTORY: list[dict[str, Any]] = [
    {"role": "user", "content": "hi"},
    {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "S"}, {"type": "text"}]},
    {"role": "user", "content": "go on"},
]
BAD_SIGNATURE = "messages.1.content.0: Invalid `signature` in `thinking` block"


def test_thinking_that_a_fallback_cannot_read_is_left_out_of_finished_turns() -> None:
    """Once: heard again, it is about something else. What else is learnt later leaves it out too."""
    made = requests("claude-opus-5-5", "my-model", "my-model", messages=HISTORY)
    assert made.correct(1, BAD_SIGNATURE)
    assert made[1]["messages"][1] == {"role": "assistant", "content": [{"type": "text"}]}
    assert made[0]["messages"] == made[2]["messages"] == HISTORY
    assert not made.correct(1, BAD_SIGNATURE)
    assert made.correct(1, NO_ADAPTIVE)
    assert len(made[1]["messages"][1]["content"]) == 1


def test_a_request_without_finished_thinking_cannot_do_without_it() -> None:
    """Nor is the primary's own changed."""
    assert not requests("claude-opus-5-5", "my-model").correct(1, BAD_SIGNATURE)
    assert not requests("claude-opus-5-5", messages=HISTORY).correct(0, BAD_SIGNATURE)


def test_what_was_given_for_one_client_goes_to_no_other() -> None:
    """To other models of the same one it does; a route may bring its own."""
    here, there = object(), object()
    own = {"extra_headers": {"x-api-key": "B"}}
    routes = [
        Route(model="a", client=here),
        Route(model="b", client=here),
        Route(model="a", client=there),
        Route(model="a", client=there, patch=own),
    ]
    original = {**ORIGINAL, "extra_headers": {"x-api-key": "A", "anthropic-beta": "b"}, "extra_query": {"key": "A"}}
    made = Requests(original, routes, Models())
    assert [made[rank].get("extra_headers", {}).get("x-api-key") for rank in range(4)] == ["A", "A", None, "B"]
    assert [made[rank].get("extra_query") for rank in range(4)] == [{"key": "A"}, {"key": "A"}, None, None]
    assert made[2]["extra_headers"] == {"anthropic-beta": "b"}


def test_a_requests_mode_is_that_of_its_route() -> None:
    """The same model may be asked in two."""
    routes = [Route(model="claude-opus-5-5"), Route(model="claude-opus-5-5", patch={"speed": None})]
    made = Requests({**ORIGINAL, "extra_body": {"speed": "fast"}}, routes, Models())
    assert (made.mode(0), made.mode(1)) == ("speed=fast", "")


MODES: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"speed": None, "service_tier": None, "betas": None, "extra_headers": None}, ""),
    ({"speed": "standard", "service_tier": "auto"}, ""),
    ({"speed": "fast"}, "speed=fast"),
    ({"service_tier": "standard_only"}, "service_tier=standard_only"),
    ({"betas": ["files-api-2025-04-14", "context-1m-2025-08-07", 7]}, "context-1m-2025-08-07"),
    ({"extra_headers": {"Anthropic-Beta": "a, context-1m-2025-08-07", "x": "y"}}, "context-1m-2025-08-07"),
    ({"speed": "fast", "betas": ("context-1m-2025-08-07",)}, "speed=fast, context-1m-2025-08-07"),
]


@pytest.mark.parametrize(("request_", "mode"), MODES)
def test_what_a_request_asks_for_beside_its_model(request_: dict[str, Any], mode: str) -> None:
    """As far as it has limits of its own; what is so anyway says nothing."""
    assert mode_of(request_) == mode


def test_a_message_is_a_routes_by_name_if_its_model_opened_it() -> None:
    """Or if nothing was opened yet; then it will be."""
    made = requests("claude-opus-5-5", "claude-haiku-4-5")
    assert made.is_named(1, begun=False, origin=None)
    assert made.is_named(0, begun=True, origin=0)
    assert not made.is_named(1, begun=True, origin=0)
    assert not made.is_named(1, begun=True, origin=None)
