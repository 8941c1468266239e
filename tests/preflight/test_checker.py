"""Every rule, on any request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import anthropic
import pytest
from asking import requests
from hypothesis import given
from hypothesis import strategies as st

from preflighting import NEW, OLD, ask, call, result, text, thought, turns
from unbroken import ModelInfo
from unbroken.core.models.corrections import Models
from unbroken.preflight import RULES, check

KEYS = st.sampled_from(
    sorted(
        {name for rule in RULES for name in rule.on}
        | {"model", "max_tokens", "messages", "role", "content", "type", "text", "name", "id", "input", "schema"}
        | {"format", "input_schema", "properties", "budget_tokens", "ttl", "extra_body", "extra_headers", "betas"}
    )
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | KEYS
    | st.sampled_from(["user", "assistant", "enabled", "tool", "any", "ephemeral", "json_schema", "object", NEW, OLD])
)
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=5)
)


@given(st.dictionaries(KEYS, ANYTHING))
def test_no_request_is_too_odd_to_look_at(params: dict[str, Any]) -> None:
    """Whatever is in it, there are findings, which are plain data, and the request is as it was."""
    before = repr(params)
    for finding in check(params):
        json.dumps(finding.to_dict())
        assert finding.path
    assert repr(params) == before


@given(st.lists(ANYTHING, max_size=3), st.lists(ANYTHING, max_size=2), ANYTHING)
def test_no_content_is_too_odd_to_look_at(contents: list[Any], tools: list[Any], schema: Any) -> None:
    """In the places where most rules look."""
    wanted = {"format": {"type": "json_schema", "schema": schema}}
    strict = [{"name": "look", "input_schema": schema, "strict": True}, *tools]
    check(ask(*contents, tools=strict, output_config=wanted), version=None)


@given(requests())
def test_a_request_may_hold_tuples_and_other_mappings(request: dict[str, Any]) -> None:
    """They are what lists and dicts are."""
    assert [each.code for each in check(_frozen(request))] == [each.code for each in check(request)]


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return MappingProxyType({key: _frozen(item) for key, item in value.items()})
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


@pytest.mark.parametrize("odd", [None, "a", [("model", "m")], 3])
def test_what_is_no_request_at_all_is_an_error(odd: Any) -> None:
    """With one clear sentence."""
    with pytest.raises(TypeError, match=f"params must be a mapping of a request's arguments, not {type(odd).__name__}"):
        check(odd)


def test_the_model_may_be_another_one() -> None:
    """As where a request is to be sent to a fallback."""
    prefill = ask("a", "I")
    assert [each.code for each in check(prefill)] == ["prefill_unsupported"]
    assert check(prefill, model=OLD) == []
    assert check({name: value for name, value in prefill.items() if name != "model"}, model=OLD) == []


def test_what_is_known_of_a_model_is_taken_into_account() -> None:
    """By the caller, or from the API."""
    models = Models({"house": ModelInfo(name="house", prefill=True, max_output=100)})
    assert [each.code for each in check(ask("a", "I", model="house"), models=models)] == ["max_tokens_too_large"]
    models.correct("house", "This model does not support assistant message prefill.")
    found = check(ask("a", "I", model="house"), models=models)
    assert {each.code for each in found} == {"max_tokens_too_large", "prefill_unsupported"}


def test_of_one_rule_the_first_few_are_told() -> None:
    """A long conversation has one mistake many times."""
    assert len(check(ask(*[" "] * 99))) == 20


def test_what_the_extra_body_brings_counts() -> None:
    """It is part of what is sent."""
    assert [each.code for each in check(ask(extra_body={"tool_choice": {"type": "auto"}}))] == [
        "tool_choice_without_tools"
    ]
    assert check(ask(extra_body=3)) == []


def test_what_was_omitted_is_not_there() -> None:
    """The SDK's marks for an argument that was not given stand for nothing."""
    names = sorted({name for rule in RULES for name in rule.on} - {"max_tokens"})
    assert check(ask(**dict.fromkeys(names, anthropic.omit))) == []
    assert [each.path for each in check(ask(max_tokens=anthropic.not_given))] == ["max_tokens"]


def test_no_content_is_ever_quoted() -> None:
    """Findings may be logged."""
    secret = "canary"
    wrong = [
        ask(*[[text(f"{secret} "), call(secret, name=secret), result(secret), thought("", thinking=secret)]] * 3),
        ask(f"{secret} ", f"{secret} ", model=OLD, system=[{"type": secret}], stop_sequences=[3, secret]),
        ask([{"type": "text", "text": secret, "cache_control": {"type": secret}}], tool_choice={"type": secret}),
        {"messages": [*turns(secret), {"role": secret, "content": secret}], "max_tokens": secret, "thinking": secret},
        ask(output_config={"effort": secret, "format": {"type": secret, "schema": secret}}, metadata={secret: secret}),
        ask(tools=[{"name": "look", "input_schema": {"type": secret, "enum": secret, "description": 3}}]),
    ]
    for request in wrong:
        findings = check(request)
        assert findings
        assert secret not in repr(findings)


def test_mappings_of_any_kind_are_requests() -> None:
    """Such as a read-only one."""
    request: Mapping[str, Any] = MappingProxyType(ask("a"))
    assert check(request) == []
