"""The rules as one: their order, what stands before them, and what the SDK makes of their words."""

from __future__ import annotations

import anthropic
import pytest
from judging import NEW, says, turns
from serving import ask, serving

from unbroken.testing import FaultServer, Script, Status
from unbroken.testing.validation import KNOWN_MODELS, validate


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
