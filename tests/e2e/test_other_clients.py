"""Bedrock, Vertex AI, Foundry and Claude Platform on AWS, by their real clients: alone, as a fallback, and with one."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Final

import anthropic
import pytest
from anthropic import DefaultAsyncHttpxClient

from harness import CONTINUE, PREFILL, Reading, all_closed, assert_unbroken, read, serving
from unbroken import Hedging, Policy, Route, StreamFailed, resilient_stream
from unbroken.testing import (
    AFTER_MESSAGE_START,
    BEFORE_MESSAGE_START,
    Answer,
    BadJson,
    CutFrame,
    Drop,
    EndOfFile,
    ErrorEvent,
    Fault,
    FaultServer,
    Reset,
    Script,
    Silence,
    Status,
    Thinking,
    ToolUse,
    after_characters,
    after_fraction,
)

TEXT: Final = "Wherever a model is hosted, it writes the same words,\n\n- and they break off;\n- and they go on."
CALL: Final = ToolUse("weather", {"city": "Rua Point"})
WHOLE: Final = Answer([Thinking("Which platform is this?"), TEXT, CALL])
TOOLS: Final = [{"name": "weather", "input_schema": {"type": "object"}}]


#: What Amazon's signatures are made with; the server looks at the first of the keys only.
CREDENTIALS: Final[dict[str, Any]] = {
    "aws_region": "us-east-1",
    "aws_access_key": "test",
    "aws_secret_key": "secret",
}
#: Made once: reading the system's certificates takes longer than a whole stream over loopback.
TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass(frozen=True)
class Platform:
    """A client, and what its platform calls the models that the first-party API calls `PREFILL` and `CONTINUE`."""

    make: Callable[..., Any]
    prefill: str = PREFILL
    continues: str = CONTINUE

    def name(self, model: str) -> str:
        """What it calls that model."""
        return {PREFILL: self.prefill, CONTINUE: self.continues}[model]


def first_party(url: str, **options: Any) -> Any:
    """The Claude API itself."""
    return anthropic.AsyncAnthropic(base_url=url, api_key="test", **options)


def bedrock(url: str, **options: Any) -> Any:
    """With a key: it needs no thread to sign."""
    return anthropic.AsyncAnthropicBedrock(base_url=url, aws_region="us-east-1", api_key="test", **options)


def signing_bedrock(url: str, **options: Any) -> Any:
    """With credentials, whose signatures are made in a thread."""
    return anthropic.AsyncAnthropicBedrock(base_url=url, **CREDENTIALS, **options)


def mantle(url: str, **options: Any) -> Any:
    """Bedrock, and yet server-sent events."""
    url = f"{url}/anthropic"
    return anthropic.AsyncAnthropicBedrockMantle(base_url=url, aws_region="us-east-1", api_key="test", **options)


def vertex(url: str, **options: Any) -> Any:
    """With a token of the caller's."""
    given = {"region": "global", "project_id": "p", "access_token": "test"}
    return anthropic.AsyncAnthropicVertex(base_url=url, **given, **options)


def foundry(url: str, **options: Any) -> Any:
    """With a key."""
    return anthropic.AsyncAnthropicFoundry(base_url=url, api_key="test", **options)


def aws(url: str, **options: Any) -> Any:
    """With a key."""
    given = {"aws_region": "us-east-1", "workspace_id": "w", "api_key": "test"}
    return anthropic.AsyncAnthropicAWS(base_url=url, **given, **options)


def signing_aws(url: str, **options: Any) -> Any:
    """With credentials, whose signatures are made in a thread."""
    return anthropic.AsyncAnthropicAWS(base_url=url, workspace_id="w", **CREDENTIALS, **options)


HAIKU_ON_BEDROCK: Final = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
OPUS_ON_BEDROCK: Final = "global.anthropic.claude-opus-5-5-v1:0"

PLATFORMS: Final = {
    "bedrock": Platform(bedrock, HAIKU_ON_BEDROCK, OPUS_ON_BEDROCK),
    "mantle": Platform(mantle, "anthropic.claude-haiku-4-5", "anthropic.claude-opus-5-5"),
    "vertex": Platform(vertex, "claude-haiku-4-5@20251001"),
    "foundry": Platform(foundry),
    "aws": Platform(aws),
}
SIGNING: Final = {
    "bedrock": Platform(signing_bedrock, HAIKU_ON_BEDROCK, OPUS_ON_BEDROCK),
    "aws": Platform(signing_aws),
}

ONE_EACH: Final = Policy(initial_backoff=0, max_attempts_per_route=1)


@asynccontextmanager
async def serving_at(platform: Platform, script: Script | Answer | str) -> AsyncIterator[tuple[FaultServer, Any]]:
    """A server in this event loop, and that platform's client of it."""
    async with FaultServer(script, api_keys={"test"}) as server:
        async with platform.make(server.url, http_client=DefaultAsyncHttpxClient(verify=TLS)) as client:
            yield server, client
        await all_closed(server)


def assert_accepted(*servers: FaultServer) -> None:
    """No request was one that the API would reject."""
    assert [request.status for server in servers for request in server.requests if request.status == 400] == []


# -- alone


PLACES: Final = [BEFORE_MESSAGE_START, AFTER_MESSAGE_START, *(after_characters(n) for n in range(1, len(TEXT), 13))]


@pytest.mark.sample
@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("name", "model", "api"), list(product(PLATFORMS, [PREFILL, CONTINUE], ["messages", "beta"])), ids=str
)
async def test_every_client_survives_cuts_anywhere(name: str, model: str, api: Any) -> None:
    """By `messages` and by `beta.messages`; a frame is cut in two as well."""
    platform = PLATFORMS[name]
    faults: list[Fault] = [Reset(), CutFrame(end="eof")]
    for fault, place in product(faults, PLACES):
        async with serving_at(platform, Script(TEXT, faults=[replace(fault, at=place)])) as (server, client):  # type: ignore[arg-type]
            reading = await read(client, model=platform.name(model), api=api)
            assert_unbroken(reading, TEXT)
            assert reading.message.model == platform.name(model)
            assert type(reading.message).__module__.startswith("anthropic.types.beta") is (api == "beta")
            assert len(server.requests) == 2
            assert_accepted(server)


#: Faults that can strike anywhere in the body.
FAULTS: Final[dict[str, Fault]] = {
    "overloaded": ErrorEvent("overloaded_error"),
    "api_error": ErrorEvent("api_error"),
    "timeout": ErrorEvent("timeout_error"),
    "rate_limit": ErrorEvent("rate_limit_error"),
    "model_stream_error": ErrorEvent("modelStreamErrorException"),
    "unknown_error": ErrorEvent("somethingNewException"),
    "reset": Reset(),
    "drop": Drop(),
    "end_of_file": EndOfFile(),
    "frame_cut_then_drop": CutFrame(end="drop"),
    "frame_cut_then_reset": CutFrame(end="reset"),
    "malformed_json": BadJson(),
}


@pytest.mark.sample
@pytest.mark.asyncio
@pytest.mark.parametrize(("name", "fault"), list(product(PLATFORMS, FAULTS)))
async def test_a_fault_of_any_kind_costs_the_reader_nothing(name: str, fault: str) -> None:
    """In the words, and the frames, of each platform."""
    platform = PLATFORMS[name]
    for place in (BEFORE_MESSAGE_START, AFTER_MESSAGE_START, after_fraction(0.5)):
        script = Script(TEXT, faults=[replace(FAULTS[fault], at=place)])  # type: ignore[arg-type]
        async with serving_at(platform, script) as (server, client):
            reading = await read(client, model=platform.continues)
            assert_unbroken(reading, TEXT)
            assert len(server.requests) == len(reading.report.request_ids) == 2


STATUSES: Final = [
    *(Status(status) for status in (408, 429, 500, 503, 504, 529)),
    Status(424, "ModelErrorException"),
    Status(429, "ModelNotReadyException"),
    Status(400, "ServiceQuotaExceededException"),
]


@pytest.mark.asyncio
@pytest.mark.parametrize("name", PLATFORMS)
async def test_a_status_that_may_pass_is_asked_again(name: str) -> None:
    """Each platform's own way to say that it is overloaded; every request has its id in the report."""
    platform = PLATFORMS[name]
    for status in STATUSES if name == "bedrock" else STATUSES[:6]:
        async with serving_at(platform, Script(TEXT, faults=[status, status])) as (server, client):
            reading = await read(client, model=platform.continues)
            assert_unbroken(reading, TEXT)
            assert len(server.requests) == len(reading.report.request_ids) == 3


@pytest.mark.anyio
@pytest.mark.parametrize("name", PLATFORMS)
async def test_every_client_runs_on_every_event_loop(name: str) -> None:
    """Twice cut, and thinking and a call in it, once each."""
    platform = PLATFORMS[name]
    cuts = [Reset(at=after_fraction(0.3)), EndOfFile(at=after_fraction(0.6))]
    async with serving_at(platform, Script(WHOLE, faults=cuts)) as (server, client):
        reading = await read(client, model=platform.continues, tools=TOOLS)
        assert_whole_once(reading)
        assert len(server.requests) == 3
        assert_accepted(server)


@pytest.mark.anyio
@pytest.mark.parametrize("name", SIGNING)
async def test_each_attempt_is_signed(name: str) -> None:
    """In a thread, on every event loop; the server knows the key that signed it."""
    platform = SIGNING[name]
    cuts = [Reset(at=after_fraction(0.3)), EndOfFile(at=after_fraction(0.6))]
    async with serving_at(platform, Script(TEXT, faults=cuts)) as (server, client):
        assert_unbroken(await read(client, model=platform.continues), TEXT)
        signatures = {request.headers["authorization"] for request in server.requests}
        assert len(signatures) == len(server.requests) == 3
        assert all(signature.startswith("AWS4-HMAC-SHA256 Credential=test/") for signature in signatures)


@pytest.mark.asyncio
async def test_a_prefill_that_bedrock_refuses_becomes_a_continuation() -> None:
    """The words of the 400 are those of the API, in Amazon's envelope; a model that is in no table says so itself."""
    platform = PLATFORMS["bedrock"]
    words = "This model does not support assistant message prefill. The conversation must end with a user message."
    script = Script(TEXT, faults=[Reset(at=after_fraction(0.5)), Status(400, "ValidationException", words)])
    async with serving_at(platform, script) as (server, client):
        reading = await read(client, model=platform.prefill)
        assert_unbroken(reading, TEXT)
        assert reading.forms == ["request", "prefill", "continue"]
        assert "prefill_unsupported" in reading.codes
        assert len(server.requests) == 3


@pytest.mark.asyncio
async def test_text_comes_without_the_sdks_own_decoder() -> None:
    """`text_stream` and `response` of a binary stream; the request id is Amazon's."""
    platform = PLATFORMS["bedrock"]
    async with serving_at(platform, Script(TEXT, faults=[Reset(at=after_fraction(0.5))])) as (server, client):
        async with resilient_stream(
            client,
            model=platform.continues,
            max_tokens=4096,
            messages=[{"role": "user", "content": "Tell me."}],
            policy=ONE_EACH,
        ) as stream:
            assert "".join([text async for text in stream.text_stream]) == TEXT
            assert stream.request_id == stream.response.headers["x-amzn-requestid"] == server.requests[1].id


@pytest.mark.anyio
@pytest.mark.backends("virtual")
async def test_bedrock_may_think_in_silence_as_long_as_others_with_pings() -> None:
    """It sends none, so that not `idle_timeout` but `progress_timeout` says when it is dead."""
    platform = PLATFORMS["bedrock"]
    for seconds, requests in ((290.0, 1), (310.0, 2)):
        script = Script(TEXT, faults=[Silence(seconds, at=AFTER_MESSAGE_START)])
        async with serving_at(platform, script) as (server, client):
            assert_unbroken(await read(client, model=platform.continues), TEXT)
            assert len(server.requests) == requests


# -- as a route


def assert_whole_once(reading: Reading) -> None:
    """The text exact, the call whole and once, and thinking that is whole, or none at all."""
    assert_unbroken(reading, WHOLE, stop_reason="tool_use")
    blocks = [block.to_dict() for block in reading.message.content]
    calls = [(block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"]
    assert calls == [(CALL.name, dict(CALL.input))]
    thoughts = [block["signature"] for block in blocks if block["type"] == "thinking"]
    assert all(thoughts)
    assert len(thoughts) <= 1


async def send_back(client: Any, model: str, reading: Reading, tools: list[Any]) -> None:
    """The conversation goes on with the message that was read."""
    content = [block.to_dict() for block in reading.message.content]
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": "Rain."}
        for block in content
        if block["type"] == "tool_use"
    ]
    turns = [{"role": "user", "content": "Tell me."}, {"role": "assistant", "content": content}]
    turns.append({"role": "user", "content": results or "Thank you."})
    await client.messages.create(model=model, max_tokens=500, messages=turns, tools=tools)


@pytest.mark.sample
@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("name", "model", "first"), list(product(PLATFORMS, [PREFILL, CONTINUE], [True, False])), ids=str
)
async def test_one_platform_goes_on_where_the_other_broke_off(name: str, model: str, first: bool) -> None:
    """From the first-party API to another, and the other way round, wherever it is cut; nothing twice."""
    here, there = PLATFORMS[name], Platform(first_party)
    if first:
        here, there = there, here
    for place in PLACES:
        dying = Script(WHOLE, faults=[ErrorEvent("overloaded_error", at=place)], then=Status(529))
        async with serving_at(here, dying) as (one, client), serving_at(there, WHOLE) as (other, fallback):
            route = Route(client=fallback, model=there.name(model))
            reading = await read(client, model=here.name(model), tools=TOOLS, fallback_models=[route], policy=ONE_EACH)
            assert_whole_once(reading)
            assert [attempt.route for attempt in reading.report.attempts] == [0, 1]
            assert reading.outcomes[0] == "overloaded"
            assert_accepted(one, other)
            await send_back(fallback, there.name(model), reading, TOOLS)


@pytest.mark.anyio
@pytest.mark.parametrize("name", PLATFORMS)
async def test_an_overloaded_api_is_left_for_another_platform_at_once(name: str) -> None:
    """Before a word of it; the message is the other platform's own."""
    there = PLATFORMS[name]
    async with serving(Script(then=Status(529))) as (_, client), serving_at(there, Answer(TEXT)) as (other, fallback):
        route = Route(client=fallback, model=there.continues)
        reading = await read(client, fallback_models=[route], policy=ONE_EACH)
        assert_unbroken(reading, TEXT)
        assert reading.message.model == there.continues
        assert len(other.requests) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("name", PLATFORMS)
async def test_platforms_race(name: str) -> None:
    """The same model on two of them; when the winner dies, the race goes on where it broke off."""
    there = PLATFORMS[name]
    dying = Script(TEXT, faults=[Reset(at=after_fraction(0.4))], then=Status(529))
    dead = Script(TEXT, faults=[Status(529)])
    async with serving(dying) as (_, client), serving_at(there, dead) as (other, fallback):
        route = Route(client=fallback, model=there.continues)
        policy = Policy(initial_backoff=0, hedging=Hedging(delay=60))
        reading = await read(client, fallback_models=[route], policy=policy)
        assert_unbroken(reading, TEXT)
        assert_accepted(other)
        assert {attempt.route for attempt in reading.report.attempts} == {0, 1}


# -- what rules a platform out


def refusing(token: Exception) -> Any:
    """A client that has no credentials: it cannot even ask."""

    async def provide() -> str:
        raise token

    return anthropic.AsyncAnthropicFoundry(base_url="http://127.0.0.1:9/", azure_ad_token_provider=provide)


@pytest.mark.asyncio
@pytest.mark.parametrize("place", [BEFORE_MESSAGE_START, after_fraction(0.5)], ids=repr)
async def test_a_fallback_without_credentials_does_not_end_the_stream(place: Any) -> None:
    """Its client is left alone; the primary is asked again, and what had arrived is not lost."""
    async with serving(Script(TEXT, faults=[Reset(at=place)])) as (_, client), refusing(LookupError()) as other:
        reading = await read(client, fallback_models=[Route(client=other, model=PREFILL)], policy=ONE_EACH)
        assert_unbroken(reading, TEXT)
        assert [attempt.route for attempt in reading.report.attempts] == [0, 1, 0]
        assert reading.outcomes[1] == "not_sent"  # what the provider raises says nothing of credentials


@pytest.mark.asyncio
async def test_a_primary_without_credentials_raises_what_the_bare_sdk_raises() -> None:
    """The very error, where no other client is left."""
    error = LookupError("there is no token")
    async with refusing(error) as client:
        with pytest.raises(LookupError) as caught:
            await read(client)
    assert caught.value is error


@pytest.mark.asyncio
async def test_a_stream_that_breaks_for_good_on_a_client_without_credentials_is_a_stream_failed() -> None:
    """With the partial, and the reason among its causes."""
    error = LookupError("there is no token")
    dying = Script(TEXT, faults=[Reset(at=after_characters(20))], then=Status(401))
    async with serving(dying) as (_, client), refusing(error) as other:
        with pytest.raises(StreamFailed) as caught:
            await read(client, fallback_models=[Route(client=other, model=PREFILL)], policy=ONE_EACH)
    assert caught.value.partial.text == TEXT[:20]
    assert isinstance(caught.value.__cause__, ExceptionGroup)
    assert error in caught.value.__cause__.exceptions


@pytest.mark.asyncio
async def test_bedrock_denies_one_model_and_not_the_other() -> None:
    """Access is given model by model there: a 403 rules out the model, and not the key."""
    platform = PLATFORMS["bedrock"]
    denied = Script(then=Status(403, "AccessDeniedException"))
    models: Mapping[str, Script] = {platform.continues: denied}
    async with serving_at(platform, Script(TEXT, models=models)) as (server, client):
        reading = await read(client, model=platform.continues, fallback_models=[platform.prefill])
        assert_unbroken(reading, TEXT)
        assert reading.outcomes == ["permission", "complete"]
        assert len(server.requests) == 2


@pytest.mark.asyncio
@pytest.mark.parametrize("name", PLATFORMS)
async def test_what_a_platform_never_takes_is_the_sdks_own_error_at_once(name: str) -> None:
    """One request, and the class that the bare client raises."""
    platform = PLATFORMS[name]
    async with serving_at(platform, Script(then=Status(400))) as (server, client):
        with pytest.raises(anthropic.BadRequestError):
            await read(client, model=platform.continues)
        assert len(server.requests) == 1


@pytest.mark.asyncio
async def test_a_stream_that_bedrock_calls_invalid_in_its_middle_is_asked_for_in_another_way() -> None:
    """`validationException` after the first words: what was asked is at fault, and not asked again as it was."""
    platform = PLATFORMS["bedrock"]
    faults = [Reset(at=after_fraction(0.3)), ErrorEvent("invalid_request_error", at=BEFORE_MESSAGE_START)]
    async with serving_at(platform, Script(TEXT, faults=faults)) as (_, client):
        reading = await read(client, model=platform.prefill)
        assert_unbroken(reading, TEXT)
        assert reading.outcomes == ["connection", "invalid_request", "complete"]
        assert reading.forms[1:] == ["prefill", "continue"]
