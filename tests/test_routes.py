"""Where a request can go: what `fallback_models` takes, and what each route makes of the request."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import anthropic
import pytest

from unbroken import Route
from unbroken.routes import is_first_party, resolve

CLIENT, OTHER = object(), object()
ARGUMENTS = frozenset({"model", "max_tokens", "messages", "thinking", "system", "extra_headers"})
REQUEST = {
    "model": "claude-opus-5-5",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Hi"}],
    "system": "Be brief.",
}


def resolved(*fallbacks: Any) -> tuple[Route, ...]:
    """The routes of a call with these fallbacks."""
    return resolve("claude-opus-5-5", CLIENT, fallbacks, ARGUMENTS)


def test_the_primary_comes_first_and_the_fallbacks_in_their_order() -> None:
    """A name, a patch and a route, each with a client in the end."""
    assert resolved(
        "claude-sonnet-5-5",
        {"model": "claude-haiku-4-5", "thinking": None},
        Route(model="claude-opus-5", client=OTHER),
        Route(model="claude-opus-5", patch={"max_tokens": 5}),
    ) == (
        Route(model="claude-opus-5-5", client=CLIENT),
        Route(model="claude-sonnet-5-5", client=CLIENT),
        Route(model="claude-haiku-4-5", client=CLIENT, patch={"thinking": None}),
        Route(model="claude-opus-5", client=OTHER),
        Route(model="claude-opus-5", client=CLIENT, patch={"max_tokens": 5}),
    )
    assert resolved() == (Route(model="claude-opus-5-5", client=CLIENT),)


@pytest.mark.parametrize("single", ["claude-haiku-4-5", {"model": "claude-haiku-4-5"}, Route(model="claude-haiku-4-5")])
def test_a_single_fallback_without_its_list_is_an_error(single: Any) -> None:
    """A string would be a list of letters."""
    with pytest.raises(TypeError, match="must be a list of models"):
        resolve("claude-opus-5-5", CLIENT, single, ARGUMENTS)


@pytest.mark.parametrize(("wrong", "name"), [(None, "NoneType"), (7, "int"), (["claude-haiku-4-5"], "list")])
def test_a_fallback_of_another_kind_is_an_error(wrong: Any, name: str) -> None:
    """Named by its type."""
    with pytest.raises(TypeError, match=f"a model name, a mapping or a Route, not {name}"):
        resolved(wrong)


@pytest.mark.parametrize("patch", [{}, {"thinking": None}, {"model": None}, {"model": 7}])
def test_a_patch_names_its_model(patch: dict[str, Any]) -> None:
    """Which other one could it be?"""
    with pytest.raises(ValueError, match="must name its model"):
        resolved(patch)


def test_a_patch_of_something_that_is_no_argument_is_an_error() -> None:
    """At the call, not in the night when the fallback is needed."""
    for fallback in (
        {"model": "claude-haiku-4-5", "thinkin": None},
        Route(model="claude-haiku-4-5", patch={"thinkin": 1}),
    ):
        with pytest.raises(TypeError, match="the fallback 'claude-haiku-4-5' patches 'thinkin'"):
            resolved(fallback)


def test_what_the_caller_gave_is_left_alone() -> None:
    """A patch may be shared by many calls; what is made of it is another dict."""
    patch: dict[str, Any] = {"model": "claude-haiku-4-5", "thinking": None}
    kept = deepcopy(patch)
    route = resolved(patch)[1]
    assert patch == kept
    patch["thinking"] = "changed later"
    assert route.patch == {"thinking": None}


PATCHES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    # patch, the request that is sent
    ({}, {**REQUEST, "model": "m"}),
    ({"max_tokens": 5}, {**REQUEST, "model": "m", "max_tokens": 5}),
    ({"thinking": {"type": "disabled"}}, {**REQUEST, "model": "m", "thinking": {"type": "disabled"}}),
    ({"system": None}, {"model": "m", "max_tokens": 100, "messages": REQUEST["messages"]}),
    ({"thinking": None}, {**REQUEST, "model": "m"}),
]


@pytest.mark.parametrize(("patch", "sent"), PATCHES)
def test_a_route_sends_the_request_with_its_patch(patch: dict[str, Any], sent: dict[str, Any]) -> None:
    """A value sets an argument, None unsets it, and the model is the route's own."""
    kept = deepcopy(REQUEST)
    assert Route(model="m", patch=patch).request(REQUEST) == sent
    assert kept == REQUEST


def test_a_none_that_the_caller_passed_stays() -> None:
    """Only the patch's own Nones unset."""
    assert Route(model="m").request({**REQUEST, "stop_sequences": None})["stop_sequences"] is None


@pytest.mark.parametrize("name", [name for name in dir(anthropic) if name.startswith("AsyncAnthropic")])
def test_only_the_sdks_own_client_asks_the_first_party_api(name: str) -> None:
    """Of all its async clients, by their types; so does what is made of it, or is none of the SDK's."""
    type_ = getattr(anthropic, name)
    made_of_it = type("Ours", (type_,), {})
    for each in (type_, made_of_it):
        assert is_first_party(each.__new__(each)) is (name == "AsyncAnthropic")
    assert is_first_party(object())
