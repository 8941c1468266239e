"""`defer`: a request that is not urgent, in the Message Batches API."""

from __future__ import annotations

import io
from typing import Any, Final

import anthropic
import pytest
from pydantic import BaseModel

from harness import CONTINUE, serving
from unbroken import BatchErrored, Policy, PreflightFailed, defer
from unbroken.testing import Answer, Batches, Script, Status, Thinking, ToolUse

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

ASK: Final[dict[str, Any]] = {
    "model": CONTINUE,
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Is the lamp lit?"}],
}


@pytest.mark.parametrize("api", ["messages", "beta"])
async def test_an_answer_from_a_batch(api: Any) -> None:
    """The whole message, with what it cost, at half the price."""
    answer = Answer([Thinking("Let me see."), "It is.", ToolUse("look", {"at": "lamp"})])
    tools = [{"name": "look", "input_schema": {"type": "object"}}]
    async with serving(Script(answer, batches=Batches(seconds=60))) as (server, client):
        deferred = await defer(client, **ASK, api=api, tools=tools, custom_id="order-17")
        assert server.requests[0].body["requests"] == [{"custom_id": "order-17", "params": {**ASK, "tools": tools}}]
        message = await deferred.result()
        assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
        assert message.content[2].input == {"at": "lamp"}
        assert (message.stop_reason, message.usage.service_tier) == ("tool_use", "batch")
        assert deferred.report.usage.output_tokens == message.usage.output_tokens
        assert (deferred.report.outcome, deferred.report.seam, deferred.form) == ("complete", None, "request")


class Lamp(BaseModel):
    lit: bool


async def test_the_text_is_parsed() -> None:
    """Into the type that was given, whose schema goes with the request."""
    async with serving('{"lit": true}') as (server, client):
        deferred = await defer(client, **ASK, output_format=Lamp)
        assert "lit" in server.batches[0].requests[0].params["output_config"]["format"]["schema"]["properties"]
        assert (await deferred.result()).parsed_output == Lamp(lit=True)


async def test_files_are_read_once() -> None:
    """Each try sends the same copy, and nothing of the caller's is changed."""
    source = {"type": "base64", "media_type": "text/plain", "data": io.BytesIO(b"salt")}
    content = [{"type": "document", "source": source}]
    async with serving(Script("It is.", batches=Batches(creates=[Status(529)]))) as (server, client):
        await defer(client, **{**ASK, "messages": iter([{"role": "user", "content": content}])})
        for request in server.requests:
            params = request.body["requests"][0]["params"]
            assert params["messages"][0]["content"][0]["source"]["data"] == "c2FsdA=="
        assert isinstance(source["data"], io.BytesIO)


async def test_creating_is_bounded_by_the_policy() -> None:
    async with serving(Script("It is.", batches=Batches(creates=[Status(529)] * 3))) as (_, client):
        with pytest.raises(anthropic.APIStatusError, match="529"):
            await defer(client, **ASK, policy=Policy(initial_backoff=0, max_attempts=2))


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"extra_body": {"speed": "fast"}}, ValueError, "a batch has no fast mode"),
        ({"custom_id": "a b"}, ValueError, "custom_id"),
        ({"max_tokens": 0}, ValueError, "max_tokens must be at least 1"),
        ({"model": ""}, ValueError, "model must not be empty"),
        ({"api": "gamma"}, ValueError, "api must be"),
        ({"stream": True}, TypeError, r"defer\(\) got an unexpected argument 'stream'"),
        ({"fallback_models": []}, TypeError, r"defer\(\) got an unexpected argument 'fallback_models'"),
        ({"policy": 3}, TypeError, "policy must be a Policy, not int"),
    ],
)
async def test_what_is_wrong_is_said_before_anything_is_sent(
    changes: dict[str, Any], error: type[Exception], says: str
) -> None:
    async with serving("It is.") as (server, client):
        with pytest.raises(error, match=says):
            await defer(client, **{**ASK, **changes})
        assert server.requests == []


async def test_a_client_that_is_none_of_ours() -> None:
    """What is not async is told apart from what has no batches."""
    with pytest.raises(TypeError, match="defer needs an async client"):
        await defer(anthropic.Anthropic(api_key="x"), **ASK)
    with pytest.raises(TypeError, match="AsyncAnthropicFoundry has no message batches"):
        await defer(anthropic.AsyncAnthropicFoundry(resource="x", api_key="k"), **ASK)


async def test_a_request_that_the_api_rejects_is_an_error_of_its_result() -> None:
    """It is looked at only when its turn comes; what can be seen before is told before."""
    async with serving("It is.") as (_, client):
        empty = {**ASK, "messages": [{"role": "user", "content": ""}]}
        deferred = await defer(client, **empty)
        with pytest.raises(BatchErrored, match="invalid_request_error"):
            await deferred.result()
        assert [notice.code for notice in deferred.report.notices] == ["preflight"]
        assert (await defer(client, **empty, policy=Policy(preflight="off"))).report.notices == []
        with pytest.raises(PreflightFailed):
            await defer(client, **empty, policy=Policy(preflight="error"))
