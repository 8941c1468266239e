"""The request is what is sent: `extra_body`, credentials, modes with limits of their own, and 400s of a fallback."""

from __future__ import annotations

import json
from typing import Any, Final

import anthropic
import pytest
from anthropic import APIError, AsyncAnthropic, omit

from harness import CONTINUE, PREFILL, Reading, assert_unbroken, client_of, read, serving
from unbroken import Hedging, Policy, ResilienceMiddleware, Route, resilient_message, resilient_stream
from unbroken.testing import Answer, FaultServer, Reset, Script, Status, Thinking, after_characters

pytestmark = pytest.mark.anyio

TEXT: Final = "What a request says is what is sent of it, whichever way it was said."
CUT: Final = (Reset(at=after_characters(40)),)
ONCE: Final = Policy(initial_backoff=0, max_attempts_per_route=1)
SERVERS: Final = [{"type": "url", "url": "https://example.com/mcp", "name": "crm"}]


async def bare(extra: dict[str, Any], **changes: Any) -> bytes:
    """The body that the SDK sends."""
    arguments: dict[str, Any] = {"max_tokens": 4096, "messages": [{"role": "user", "content": "Tell me."}], **changes}
    async with serving(TEXT) as (server, client):
        async with client.messages.stream(model=CONTINUE, extra_body=extra, **arguments) as stream:
            await stream.until_done()
        return server.requests[0].raw


#: SDK 1 writes the fields of an `extra_body` in another order, and its fallbacks' API takes what it does not know.
BEFORE_2 = pytest.mark.skipif(anthropic.__version__.startswith("1."), reason="SDK 1 does otherwise")

EXTRAS: Final[list[dict[str, Any]]] = [
    {"max_tokens": 99},
    {"model": PREFILL},
    {"messages": [{"role": "user", "content": "Another question."}]},
    {"system": "Be brief.", "stream": True},
    {"thinking": {"type": "adaptive"}, "stop_sequences": ["END"]},
    {"output_config": {"effort": "low"}, "tools": [{"name": "f", "input_schema": {"type": "object"}}]},
    pytest.param({"metadata": None}, marks=BEFORE_2),
    {"metadata": omit},
]


@pytest.mark.parametrize("extra", EXTRAS, ids=", ".join)
async def test_the_bytes_are_those_of_the_sdk(extra: dict[str, Any]) -> None:
    """Whatever is said twice, and however."""
    metadata = {"metadata": {"user_id": "u"}}
    async with serving(TEXT) as (server, client):
        await read(client, extra_body=extra, **metadata)
        assert server.requests[0].raw == await bare(extra, **metadata)


async def test_what_acts_is_not_raced_whichever_way_it_is_asked_for() -> None:
    """Tools that act twice at a time do harm; those that look may be raced."""
    policy = Policy(hedging=Hedging(delay=0))
    execution = [{"type": "code_execution_20260120", "name": "code_execution"}]
    for extra, most in (({"tools": execution}, 1), ({"metadata": {"user_id": "u"}}, 2)):
        async with serving(TEXT) as (server, client):
            reading = await read(client, policy=policy, fallback_models=["claude-opus-5"], extra_body=extra)
            assert len(reading.report.attempts) == most
            assert len(server.requests) <= most


async def test_a_document_that_the_extra_body_demands_is_not_gone_on_with_by_a_prefill() -> None:
    """The API takes no prefill beside an output format; the rest is asked for without it, and checked as a whole."""
    document = json.dumps({"answer": TEXT})
    form = {"type": "json_schema", "schema": {"type": "object", "additionalProperties": False}}
    extra = {"output_config": {"format": form}}
    async with serving(Script(document, faults=CUT)) as (server, client):
        reading = await read(client, model=PREFILL, extra_body=extra)
        assert_unbroken(reading, document)
        assert "prefill" not in reading.forms
        assert server.requests[0].body["output_config"] == {"format": form}
        assert "output_config" not in server.requests[1].body


async def test_a_resume_is_not_undone_by_the_extra_body() -> None:
    """Its conversation and its tokens are those of the resume."""
    question = [{"role": "user", "content": "Another question."}]
    async with serving(Script(TEXT, faults=CUT)) as (server, client):
        reading = await read(client, extra_body={"messages": question, "max_tokens": 500})
        assert_unbroken(reading, TEXT)
        first, second = (request.body for request in server.requests)
        assert (first["messages"], first["max_tokens"]) == (question, 500)
        assert second["messages"][:1] == question
        assert len(second["messages"]) == 3
        assert second["max_tokens"] == 500  # what is left of them, and room for the echo


async def test_the_model_of_the_extra_body_is_the_primary_and_no_fallback_is_it() -> None:
    """As the SDK asks it; the report names who was asked."""
    async with serving(Script(TEXT, models={PREFILL: Script(TEXT, then=Status(529))})) as (server, client):
        reading = await read(client, policy=ONCE, extra_body={"model": PREFILL}, fallback_models=["claude-opus-5"])
        assert [attempt.model for attempt in reading.report.attempts] == [PREFILL, "claude-opus-5"]
        assert [request.body["model"] for request in server.requests] == [PREFILL, "claude-opus-5"]


async def test_a_patch_goes_over_the_extra_body() -> None:
    """A value sets, None unsets; one that has an `extra_body` sets it as a whole."""
    fallbacks: list[Any] = [
        {"model": "claude-opus-5", "system": None, "max_tokens": 7},
        {"model": "claude-opus-5", "extra_body": {"system": "Theirs."}},
        {"model": "claude-opus-5", "extra_body": None},
    ]
    async with serving(Script(TEXT, faults=[Status(529)] * 3)) as (server, client):
        await read(client, policy=ONCE, extra_body={"system": "Mine.", "max_tokens": 9}, fallback_models=fallbacks)
        said = [(request.body.get("system"), request.body["max_tokens"]) for request in server.requests]
        assert said == [("Mine.", 9), (None, 7), ("Theirs.", 4096), (None, 4096)]


@pytest.mark.parametrize(
    ("extra", "kind", "says"),
    [
        ({"stream": False}, ValueError, "leave 'stream' out"),
        ({"max_tokens": "many"}, TypeError, "max_tokens must be an int"),
        ({"model": None}, TypeError, "model must be a string"),
        ("no mapping", TypeError, "extra_body must be a mapping"),
    ],
)
def test_what_is_wrong_in_the_extra_body_is_said_at_the_call(extra: Any, kind: type[Exception], says: str) -> None:
    """As of any argument."""
    client = AsyncAnthropic(api_key="test", base_url="http://127.0.0.1:9")
    with pytest.raises(kind, match=says):
        resilient_stream(client, model=CONTINUE, max_tokens=1, messages=[], extra_body=extra)


# -- credentials

KEYS: Final = {"x-api-key": "TENANT", "x-gateway-key": "TENANT", "anthropic-beta": "b-1"}


async def test_keys_go_to_no_other_client() -> None:
    """Neither in headers nor in the query; the other client has its own, and what the request means goes along."""
    async with serving(Script(TEXT, then=Status(529))) as (first, client), serving(TEXT) as (second, other):
        await read(
            client,
            policy=ONCE,
            extra_headers={**KEYS, "authorization": "Bearer TENANT"},
            extra_query={"key": "TENANT"},
            fallback_models=["claude-opus-5", Route(client=other, model=CONTINUE)],
        )
        assert [request.headers["authorization"] for request in first.requests] == ["Bearer TENANT"] * 2
        assert all("TENANT" in request.query and request.headers["x-gateway-key"] for request in first.requests)
        (theirs,) = second.requests
        assert "TENANT" not in str(theirs.headers) + theirs.query
        assert "test" in (theirs.headers.get("x-api-key", "") + theirs.headers.get("authorization", ""))
        assert theirs.headers["anthropic-beta"] == "b-1"


async def test_a_route_brings_its_own_headers() -> None:
    """They are given for its client."""
    async with serving(Script(TEXT, then=Status(529))) as (_, client), serving(TEXT) as (second, other):
        own = {"extra_headers": {"x-gateway-key": "OTHER"}}
        route = Route(client=other, model=CONTINUE, patch=own)
        await read(client, policy=ONCE, extra_headers=KEYS, fallback_models=[route])
        (theirs,) = second.requests
        assert theirs.headers["x-gateway-key"] == "OTHER"
        assert "TENANT" not in str(theirs.headers)


@pytest.mark.parametrize("streams", [True, False])
async def test_keys_go_to_no_other_client_through_the_middleware(streams: bool) -> None:
    """Its attempts on the same client have all that the request had."""
    async with serving(TEXT) as (second, other), FaultServer(Script(TEXT, then=Status(529))) as server:
        middleware = ResilienceMiddleware(policy=ONCE, fallback_models=[Route(client=other, model=CONTINUE)])
        async with client_of(server, middleware=[middleware]) as client:
            message = await client.messages.create(
                model=CONTINUE,
                max_tokens=100,
                messages=[{"role": "user", "content": "Hi"}],
                extra_headers=KEYS,
                extra_query={"key": "TENANT"},
                stream=streams,
            )
            if streams:
                async for _ in message:
                    pass
        assert server.requests[0].headers["x-api-key"] == "TENANT"
        (theirs,) = second.requests
        assert "TENANT" not in str(theirs.headers) + theirs.query


@BEFORE_2
@pytest.mark.parametrize("streams", [True, False])
async def test_a_field_without_an_argument_goes_to_another_client_too(streams: bool) -> None:
    """It came in the `extra_body`, and goes in that of the other; its API says what it thinks of it."""
    async with serving(TEXT) as (second, other):
        middleware = ResilienceMiddleware(policy=ONCE, fallback_models=[Route(client=other, model=CONTINUE)])
        messages: list[Any] = [{"role": "user", "content": "Hi"}]
        nowhere = "http://127.0.0.1:9"
        async with AsyncAnthropic(api_key="test", base_url=nowhere, max_retries=0, middleware=[middleware]) as client:
            with pytest.raises(APIError):
                await client.messages.create(
                    model=CONTINUE, max_tokens=9, messages=messages, extra_body={"new": 1}, stream=streams
                )
        assert second.requests[0].body["new"] == 1


# -- modes, and what a fallback says


async def test_the_fast_mode_has_limits_of_its_own() -> None:
    """The same model without it is asked at once, by this stream and by others."""
    limited = Script(TEXT, faults=[Status(429, headers={"retry-after": "3600"})])
    async with serving(limited) as (server, client):
        fallbacks = [{"model": CONTINUE, "speed": None}]
        for extra in ({"speed": "fast"}, {"extra_body": {"speed": "fast"}}):
            reading: Reading = await read(client, api="beta", betas=["fast-mode-1"], fallback_models=fallbacks, **extra)
            assert_unbroken(reading, TEXT)
        assert [request.body.get("speed") for request in server.requests] == ["fast", None, None]


SAYS: Final = [
    "messages.1.content.0: Invalid `signature` in `thinking` block",
    "messages.1.content.0: Invalid `data` in `redacted_thinking` block",
]


@pytest.mark.parametrize("says", SAYS)
async def test_a_fallback_is_asked_again_without_thinking_that_it_cannot_read(says: str) -> None:
    """What the API allows to be left out of finished turns; that is no attempt lost."""
    overloaded = Script([Answer([Thinking("Who is there?"), "Hello."]), TEXT], faults=[None], then=Status(529))
    refusing = Script(TEXT, faults=[Status(400, message=says)])
    async with serving(overloaded) as (_, client), serving(refusing) as (second, picky):
        question = {"role": "user", "content": "Hi"}
        answer = (await read(client, messages=[question])).message
        history = [question, {"role": "assistant", "content": answer.content}, {"role": "user", "content": "Go on."}]
        route = Route(client=picky, model=CONTINUE)
        reading = await read(client, policy=ONCE, messages=history, fallback_models=[route])
        assert_unbroken(reading, TEXT)
        sent = [request.body["messages"] for request in second.requests]
        types = [[block["type"] for block in messages[1]["content"]] for messages in sent]
        assert types == [["thinking", "text"], ["text"]]


@pytest.mark.parametrize("status", [402, 403])
async def test_a_fallback_that_is_not_let_in_does_not_rule_out_the_primary(status: int) -> None:
    """It was merely overloaded, and is asked again as if there were no fallback."""
    models = {"claude-opus-5": Script(TEXT, then=Status(status))}
    async with serving(Script(TEXT, faults=[Status(529), Status(529)], models=models)) as (server, client):
        reading = await read(client, policy=ONCE, fallback_models=["claude-opus-5"])
        assert_unbroken(reading, TEXT)
        assert [attempt.route for attempt in reading.report.attempts] == [0, 1, 0, 0]
        assert len(server.requests) == 4


async def test_an_answer_in_one_piece_asks_for_the_same() -> None:
    """`resilient_message` is the same engine."""
    async with serving(TEXT) as (server, client):
        arguments: dict[str, Any] = {"max_tokens": 10, "messages": [{"role": "user", "content": "Hi"}]}
        await resilient_message(client, model=CONTINUE, extra_body={"max_tokens": 99}, **arguments)
        assert server.requests[0].body["max_tokens"] == 99
