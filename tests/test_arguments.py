"""A request as it is sent, the way back to how it was given, and what goes to no other client."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from unbroken.arguments import as_given, as_sent, for_another_client

GIVEN: dict[str, Any] = {
    "model": "m",
    "max_tokens": 10,
    "messages": [{"role": "user", "content": "Hi"}],
    "thinking": {"type": "adaptive"},
    "betas": ["b"],
}


def given(**extra: Any) -> dict[str, Any]:
    """The arguments, with an `extra_body`."""
    return {**GIVEN, "extra_body": extra}


@pytest.mark.parametrize("extra", [None, {}, "no mapping"])
def test_without_an_extra_body_a_request_is_as_it_was_given(extra: Any) -> None:
    """And a copy of it."""
    arguments = {**GIVEN, "extra_body": extra}
    for made in (as_sent(arguments), as_given(arguments)):
        assert made == arguments
        assert made is not arguments
    assert as_sent(GIVEN) == as_given(GIVEN) == GIVEN


@pytest.mark.parametrize(
    "name", ["model", "max_tokens", "messages", "thinking", "tools", "mcp_servers", "output_format"]
)
def test_what_is_in_the_extra_body_stands_over_the_arguments(name: str) -> None:
    """One level deep, as the SDK merges it."""
    arguments = given(**{name: "another"})
    kept = deepcopy(arguments)
    assert as_sent(arguments)[name] == "another"
    assert arguments == kept


@pytest.mark.parametrize(
    "name", ["betas", "timeout", "extra_headers", "extra_query", "user_profile_id", "workspace_id"]
)
def test_a_field_that_is_called_like_an_argument_beside_the_body_is_not_that_argument(name: str) -> None:
    """The API may know what it is; it goes where it came from."""
    arguments = given(**{name: "of the body"})
    assert as_sent(arguments) == arguments
    assert as_given(as_sent(arguments)) == arguments


def test_what_is_sent_goes_the_way_that_it_came() -> None:
    """With its present value; what has gone is gone, and what the SDK has to be given it is given."""
    view = as_sent(given(thinking={"type": "disabled"}, messages=["theirs"], output_format={"schema": {}}, new=None))
    assert as_given(view) == {
        **{name: GIVEN[name] for name in ("model", "max_tokens", "betas")},
        "messages": ["theirs"],
        "extra_body": {
            "thinking": {"type": "disabled"},
            "messages": ["theirs"],
            "output_format": {"schema": {}},
            "new": None,
        },
    }
    changed = {**view, "messages": ["ours"], "tools": []}
    for name in ("output_format", "thinking"):
        del changed[name]
    assert as_given(changed) == {
        **{name: GIVEN[name] for name in ("model", "max_tokens", "betas")},
        "messages": ["ours"],
        "tools": [],
        "extra_body": {"messages": ["ours"], "new": None},
    }


def test_what_says_who_asks_goes_to_no_other_client() -> None:
    """Under whatever name a key is sent; what says how the request is meant goes along."""
    headers = {
        "X-Api-Key": "A",
        "authorization": "Bearer A",
        "x-gateway-auth": "A",
        "cookie": "A",
        "anthropic-workspace-id": "w",
        "Anthropic-Beta": "b",
        "anthropic-version": "v",
    }
    arguments = {**GIVEN, "extra_headers": headers, "extra_query": {"key": "A"}, "workspace_id": "w", "timeout": 5}
    kept = deepcopy(arguments)
    says = {"extra_headers": {"Anthropic-Beta": "b", "anthropic-version": "v"}, "timeout": 5}
    assert for_another_client(arguments) == {**GIVEN, **says}
    assert arguments == kept
    assert for_another_client({**GIVEN, "extra_headers": {"x-api-key": "A"}}) == GIVEN
    assert for_another_client({**GIVEN, "extra_headers": None}) == GIVEN
    assert for_another_client(GIVEN) == GIVEN


def test_what_one_account_was_credited_with_is_not_sent_by_another() -> None:
    """Whichever way it was given."""
    assert for_another_client(given(fallback_credit_token="t", new=1)) == given(new=1)
    assert for_another_client({**GIVEN, "fallback_credit_token": "t"}) == GIVEN
