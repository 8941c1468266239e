"""The rules as one: their order, what stands before them, and what the SDK makes of their words."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Final

import anthropic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judging import CACHED, FORMAT, NEW, OLD, PREFILLS, SEARCH, TOOL, call, result, says, text, thought, turns
from serving import ask, serving

from unbroken.testing import FaultServer, Script, Status
from unbroken.testing.rules.validation import KNOWN_MODELS, validate


def test_a_plain_request() -> None:
    """It is accepted, under a dated name too; without a model it is none."""
    assert says() is None
    assert says(model="claude-haiku-4-5-20251001") is None
    assert says(model=None) == "model: Field required"


def test_the_first_objection_is_heard() -> None:
    """What is written down wrongly comes before what it means."""
    assert says(max_tokens=None, messages=[], nonsense=1) == "nonsense: Extra inputs are not permitted"


def test_bodies_that_are_none() -> None:
    """A version must be named, and the body must be an object."""
    assert says(None) == "anthropic-version: header is required"
    for body in (None, [], "x"):
        error = validate(body, NEW, models=KNOWN_MODELS)
        assert error is not None
        assert error.type == "invalid_request_error"


@pytest.mark.asyncio
async def test_the_sdk_gets_the_errors_of_the_api() -> None:
    """400 and 404 as its own classes; none of them uses up a step of the script."""
    async with serving(Script(faults=[Status(529)])) as (server, sdk):
        with pytest.raises(anthropic.BadRequestError, match="does not support assistant message prefill"):
            await sdk.messages.create(**ask(messages=turns("Hi", "Sure")))
        with pytest.raises(anthropic.NotFoundError, match="model: gpt-5"):
            await sdk.messages.create(**ask(model="gpt-5"))
        with pytest.raises(anthropic.NotFoundError):
            await sdk.beta.files.list()
        with pytest.raises(anthropic.OverloadedError):
            await sdk.messages.create(**ask())
    assert [request.status for request in server.requests] == [400, 404, 404, 529]


@pytest.mark.asyncio
async def test_keys_and_models_of_ones_own() -> None:
    """Both can be given; a bearer token will do."""
    async with FaultServer("Hi.", models=["my-model"], api_keys={"right"}) as server:
        async with anthropic.AsyncAnthropic(base_url=server.url, api_key="wrong", max_retries=0) as sdk:
            with pytest.raises(anthropic.AuthenticationError):
                await sdk.messages.create(**ask(model="my-model"))
        async with anthropic.AsyncAnthropic(base_url=server.url, auth_token="right", max_retries=0) as sdk:
            assert (await sdk.messages.create(**ask(model="my-model"))).content[0].text == "Hi."
            with pytest.raises(anthropic.NotFoundError):
                await sdk.messages.create(**ask())


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every object and list in a request, with each of its keys."""
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


BETAS: Final = ("mcp-client-2025-11-20", "structured-outputs-2025-11-13")
#: A request that has something of everything.
LARGE: Final = {
    "model": PREFILLS,
    "max_tokens": 4096,
    "system": [text("Be brief.", **CACHED)],
    "tools": [{**TOOL, "strict": True, "input_schema": {"type": "object", "additionalProperties": False}}, SEARCH],
    "tool_choice": {"type": "auto"},
    "mcp_servers": [{"type": "url", "name": "tally", "url": "https://example.com"}],
    "metadata": {"user_id": "u"},
    "stop_sequences": ["stop"],
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "output_config": FORMAT,
    "output_format": {"type": "json_schema", "schema": {"$ref": "#/$defs/a", "$defs": {"a": {"enum": [1]}}}},
    "cache_control": CACHED["cache_control"],
    "temperature": 1,
    "messages": [
        *turns([text("a"), {"type": "document", "source": {}, "citations": {"enabled": False}}]),
        *turns("", [thought(PREFILLS), call("t")], [result("t")])[1:],
    ],
}
WORDS: Final = frozenset(place for _, place in _places(LARGE) if isinstance(place, str))
#: What may stand anywhere in a request by mistake.
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2000) | st.sampled_from(["", "auto", "tool", "text", "#", "object"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(WORDS)), inner, max_size=4),
    max_leaves=5,
)


@given(data=st.data())
def test_whatever_is_sent_is_judged(data: st.DataObject) -> None:
    """A request of which anything is anything else is taken or rejected; nothing breaks."""
    assert validate(LARGE, OLD, models=KNOWN_MODELS, betas=BETAS) is None
    body = copy.deepcopy(LARGE)
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(list(_places(body))))
        holder[key] = data.draw(JSON)
    for version in (NEW, OLD):
        error = validate(body, version, models=KNOWN_MODELS, betas=BETAS)
        assert error is None or error.status in (400, 404)
