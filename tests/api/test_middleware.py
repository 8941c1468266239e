"""The second door: a client with the middleware, used as if there were none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import anthropic
import pytest
from anthropic import AsyncAnthropic, AsyncAnthropicBedrock, DefaultAsyncHttpxClient

from harness import CONTINUE, PREFILL, all_closed
from unbroken import Health, Hedging, Notice, Policy, ResilienceMiddleware, Route, StreamFailed, resilient_stream
from unbroken.testing import (
    BEFORE_MESSAGE_START,
    Answer,
    BadJson,
    CutFrame,
    Drop,
    EndOfFile,
    ErrorEvent,
    Fault,
    FaultServer,
    Pings,
    Reset,
    Script,
    Silence,
    Status,
    Text,
    Thinking,
    ToolUse,
    after_characters,
    after_events,
    after_fraction,
)

pytestmark = [pytest.mark.anyio, pytest.mark.backends("asyncio", "trio")]

TEXT: Final = "Code that was written years ago calls the SDK itself, and knows nothing of what goes on below it."
LOOK: Final = {"name": "look", "input_schema": {"type": "object"}}
AT_ONCE: Final = Policy(initial_backoff=0)


def ask(**changes: Any) -> dict[str, Any]:
    """The arguments of a plain request."""
    return {"model": CONTINUE, "max_tokens": 2_000, "messages": [{"role": "user", "content": "Tell me."}], **changes}


@asynccontextmanager
async def behind(
    script: Script | Answer | str, *others: Any, client: type[Any] = AsyncAnthropic, **options: Any
) -> AsyncIterator[tuple[FaultServer, Any]]:
    """A server, and a client of it with the middleware last; afterwards no connection may be open."""
    ours = ResilienceMiddleware(**{"policy": AT_ONCE, **options})
    region = {"aws_region": "us-east-1"} if client is AsyncAnthropicBedrock else {}
    async with FaultServer(script, api_keys={"test"}) as server:
        http_client = DefaultAsyncHttpxClient()
        async with client(
            base_url=server.url, api_key="test", http_client=http_client, middleware=[*others, ours], **region
        ) as sdk:
            yield server, sdk
        await all_closed(server)


async def stream_text(client: Any, **changes: Any) -> str:
    """By the SDK's own stream helper."""
    async with client.messages.stream(**ask(**changes)) as stream:
        return "".join([piece async for piece in stream.text_stream])


FAULTS: Final[dict[str, list[Fault]]] = {
    "none": [],
    "529": [Status(529)],
    "an error at once": [ErrorEvent("overloaded_error", at=BEFORE_MESSAGE_START)],
    "an error": [ErrorEvent("overloaded_error", at=after_fraction(0.5))],
    "a reset": [Reset(at=after_fraction(0.5))],
    "an end of file": [EndOfFile(at=after_fraction(0.5))],
    "half a frame": [CutFrame(at=after_fraction(0.3), end="drop")],
    "nonsense": [BadJson(at=after_fraction(0.7))],
    "twice": [Drop(at=after_characters(9)), EndOfFile(at=after_fraction(0.9))],
}


@pytest.mark.parametrize("model", [CONTINUE, PREFILL])
@pytest.mark.parametrize("fault", FAULTS)
async def test_the_sdks_stream_is_whole(fault: str, model: str) -> None:
    """With the SDK's own events and final message, and no request that the API rejects."""
    async with behind(Script(TEXT, faults=FAULTS[fault])) as (server, client):
        async with client.messages.stream(**ask(model=model)) as stream:
            types = [event.type async for event in stream]
            message = await stream.get_final_message()
        assert message.content[0].text == TEXT
        assert (message.stop_reason, types[0], types[-1]) == ("end_turn", "message_start", "message_stop")
        assert types.count("content_block_start") == types.count("content_block_stop") == 1
        assert len(server.requests) == len(FAULTS[fault]) + 1
        assert [request.status for request in server.requests if request.status == 400] == []


@pytest.mark.parametrize("fault", FAULTS)
async def test_raw_events_are_whole(fault: str) -> None:
    """Those of `create(stream=True)`, on the beta API."""
    async with behind(Script(TEXT, faults=FAULTS[fault])) as (_, client):
        text = ""
        async for event in await client.beta.messages.create(**ask(), stream=True):
            if event.type == "content_block_delta":
                text += event.delta.text
        assert text == TEXT


@pytest.mark.parametrize("cut", range(2, 30, 3))
async def test_a_tool_call_comes_once_and_whole(cut: int) -> None:
    """It is held until it is: this reader keeps its own books, and cannot be told to forget one."""
    answer = Answer([Thinking("Where?"), Text("Let me look. "), ToolUse("look", {"where": "north", "far": [1, 2]})])
    async with behind(Script(answer, faults=[Reset(at=after_events(cut))])) as (_, client):
        async with client.messages.stream(**ask(tools=[LOOK])) as stream:
            started = [event.content_block.type async for event in stream if event.type == "content_block_start"]
            message = await stream.get_final_message()
        assert [block.input for block in message.content if block.type == "tool_use"] == [answer.blocks[2].input]
        assert started.count("tool_use") == 1
        assert "".join(block.text for block in message.content if block.type == "text") == "Let me look. "
        assert message.stop_reason == "tool_use"


@pytest.mark.backends("asyncio")
@pytest.mark.parametrize("fault", FAULTS)
async def test_binary_frames_stay_binary_frames(fault: str) -> None:
    """A client of Bedrock reads what Bedrock sends."""
    model = "anthropic.claude-opus-5-5"
    async with behind(Script(TEXT, faults=FAULTS[fault]), client=AsyncAnthropicBedrock) as (_, client):
        assert await stream_text(client, model=model) == TEXT


async def test_a_request_that_does_not_stream_is_retried_and_fails_over() -> None:
    """On the same model, on a fallback, and on another client."""
    async with FaultServer("Elsewhere.") as other:
        async with AsyncAnthropic(base_url=other.url, api_key="test") as elsewhere:
            for fallback, wanted in (
                ("claude-sonnet-5-5", TEXT),
                (Route(model="claude-sonnet-5-5", client=elsewhere), "Elsewhere."),
            ):
                faults: list[Any] = [Status(529)] * 3
                async with behind(Script(TEXT, faults=faults), fallback_models=[fallback]) as (asked, sdk):
                    message = await sdk.messages.create(**ask())
                    assert message.content[0].text == wanted
                    assert 2 <= len(asked.requests) <= 4
                    assert "stream" not in asked.requests[0].body


async def test_streams_fail_over_to_another_model_and_another_client() -> None:
    """In the middle of the text."""
    async with FaultServer(TEXT) as other, AsyncAnthropic(base_url=other.url, api_key="test") as elsewhere:
        for fallback in ("claude-sonnet-5-5", Route(model="claude-sonnet-5-5", client=elsewhere)):
            script = Script(TEXT, faults=[Reset(at=after_fraction(0.5)), Status(529), Status(529)])
            async with behind(script, fallback_models=[fallback]) as (_, client):
                assert await stream_text(client) == TEXT


async def test_models_race() -> None:
    """The winner's body is read, and the loser's is closed."""
    policy = Policy(initial_backoff=0, hedging=Hedging(delay=0))
    script = Script(TEXT, faults=[Silence(at=BEFORE_MESSAGE_START)])
    async with behind(script, policy=policy, fallback_models=["claude-sonnet-5-5"]) as (_, client):
        assert await stream_text(client) == TEXT


async def test_everything_else_passes_through_untouched() -> None:
    """Counting tokens is no message."""
    notices: list[Notice] = []
    async with behind(Script(TEXT, faults=[Status(529)]), on_notice=notices.append) as (server, client):
        assert (await client.messages.count_tokens(model=CONTINUE, messages=ask()["messages"])).input_tokens > 0
        assert await stream_text(client) == TEXT
        assert [notice.code for notice in notices] == ["retry"]
        paths = [request.path for request in server.requests]
        assert paths == ["/v1/messages/count_tokens", "/v1/messages", "/v1/messages"]


@pytest.mark.parametrize("stream", [True, False])
async def test_when_nothing_helps_the_sdk_says_so_and_does_not_start_over(stream: bool) -> None:
    """Its own error, from what the API said last; our own report comes with its response."""
    async with behind(Script(TEXT, then=Status(529)), policy=Policy(initial_backoff=0, max_attempts=3)) as (
        server,
        client,
    ):
        with pytest.raises(anthropic.OverloadedError) as caught:
            await client.messages.create(**ask(), stream=stream)
        assert len(server.requests) == 3
        failed = caught.value.response.extensions["unbroken"]
        assert isinstance(failed, StreamFailed)
        assert len(failed.report.attempts) == 3


async def test_what_the_api_never_accepts_is_raised_at_once() -> None:
    """As without us."""
    async with behind(Script(TEXT, faults=[Status(400, message="no")])) as (server, client):
        with pytest.raises(anthropic.BadRequestError):
            await stream_text(client)
        assert len(server.requests) == 1


async def test_a_stream_that_fails_for_good_raises_with_the_partial() -> None:
    """Out of the SDK's own iteration."""
    script = Script(TEXT, faults=[Reset(at=after_fraction(0.5))], then=Status(529))
    async with behind(script) as (_, client):
        text = ""
        with pytest.raises(StreamFailed) as caught:
            async with client.messages.stream(**ask()) as stream:
                async for piece in stream.text_stream:
                    text += piece
        assert text
        assert TEXT.startswith(text)
        assert caught.value.partial.text == text


async def test_leaving_a_stream_early_leaves_nothing_open() -> None:
    """The connection is closed, and the report knows it."""
    async with behind(Script(TEXT, then=Pings(at=after_fraction(0.5)))) as (_, client):
        async with client.messages.stream(**ask()) as stream:
            async for _ in stream.text_stream:
                break


async def test_resilient_stream_over_such_a_client_runs_one_engine() -> None:
    """The inner one stands aside; each failure costs one request, and one notice."""
    inner: list[Notice] = []
    outer: list[Notice] = []
    script = Script(TEXT, faults=[Reset(at=after_fraction(0.5)), Status(529)])
    async with behind(script, on_notice=inner.append) as (server, client):
        async with resilient_stream(client, **ask(), policy=AT_ONCE, on_notice=outer.append) as stream:
            assert await stream.get_final_text() == TEXT
        assert len(server.requests) == 3
    assert inner == []
    assert "resume" in [notice.code for notice in outer]


@pytest.mark.parametrize("inside", [True, False])
async def test_other_middleware_may_stand_on_either_side(inside: bool) -> None:
    """Inside it sees each request of ours; outside it sees one."""
    seen: list[int] = []

    async def count(request: Any, call_next: Any) -> Any:
        response = await call_next(request)
        seen.append(response.status_code)
        return response

    ours = ResilienceMiddleware(policy=AT_ONCE)
    middleware = [ours, count] if inside else [count, ours]
    async with FaultServer(Script(TEXT, faults=[Status(529), Reset(at=after_fraction(0.5))])) as server:
        async with AsyncAnthropic(base_url=server.url, api_key="test", middleware=middleware) as client:
            assert await stream_text(client) == TEXT
    assert seen == ([529, 200, 200] if inside else [200])


@pytest.mark.parametrize(
    "wrong",
    [{"policy": 1}, {"health": "well"}, {"fallback_models": "claude-opus-5-5"}, {"fallback_models": [1]}],
    ids=str,
)
async def test_bad_arguments_are_told_at_once(wrong: dict[str, Any]) -> None:
    """In one sentence."""
    with pytest.raises(TypeError):
        ResilienceMiddleware(**wrong)


async def test_it_does_not_end_in_a_batch() -> None:
    """A response has no place for one, so the policy is refused where it is given."""
    with pytest.raises(ValueError, match="a middleware cannot defer"):
        ResilienceMiddleware(policy=Policy(on_exhausted="defer"))


async def test_health_is_its_own_or_shared() -> None:
    """Streams of one client learn from each other."""
    health = Health()
    async with behind(Script(TEXT, faults=[Status(529)]), health=health) as (_, client):
        await stream_text(client)
    assert [route["requests"] for route in health.snapshot()["routes"]] == [2]
