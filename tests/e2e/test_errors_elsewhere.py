"""What an error shows and takes along: nothing of the request, whatever the stream died of, through every door."""

from __future__ import annotations

import base64
import copy
import multiprocessing
import pickle
import traceback
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Final

import anthropic
import pytest
from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient

import failing
from harness import CONTINUE, PREFILL, all_closed
from unbroken import (
    BatchErrored,
    Policy,
    ResilienceMiddleware,
    Route,
    StreamFailed,
    resilient_message,
    resilient_stream,
)
from unbroken.testing import (
    AFTER_MESSAGE_START,
    BEFORE_RESPONSE,
    Answer,
    BadJson,
    Batches,
    CutFrame,
    Drop,
    EndOfFile,
    ErrorEvent,
    FaultServer,
    Pings,
    Reset,
    Script,
    Silence,
    Status,
    Thinking,
    after_characters,
)

TEXT: Final = "Whoever reads this error was not in the conversation, and has no business with it either."
CUT: Final = after_characters(30)

#: Put together, so that no line of this file, which a traceback quotes, has it.
CANARY: Final = "canary" + "4711"
KEY: Final = f"sk-ant-{CANARY}"


def asked(**changes: Any) -> dict[str, Any]:
    """A request with the canary wherever there may be content or a secret."""
    return {
        "model": CONTINUE,
        "max_tokens": 4_000,
        "system": [{"type": "text", "text": f"Be {CANARY}."}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": f"Tell me of {CANARY}."}]},
            {"role": "assistant", "content": [{"type": "text", "text": f"Of {CANARY}?"}]},
            {"role": "user", "content": f"Yes, of {CANARY}."},
        ],
        "tools": [
            {
                "name": "look",
                "description": f"Looks at {CANARY}.",
                "input_schema": {"type": "object", "properties": {"at": {"enum": [CANARY]}}},
            }
        ],
        "extra_headers": {"x-tenant": CANARY},
        "extra_query": {"token": CANARY},
        "extra_body": {"metadata": {"user_id": CANARY}},
        **changes,
    }


MCP: Final = {
    "betas": ["mcp-client-2025-11-20"],
    "mcp_servers": [
        {"type": "url", "name": "files", "url": f"https://mcp.test/{CANARY}", "authorization_token": CANARY}
    ],
    "tools": [{"type": "mcp_toolset", "mcp_server_name": "files"}],
}


def client_of(url: str, *middleware: Any, **options: Any) -> AsyncAnthropic:
    """A client whose key, headers, address and query have the canary."""
    return AsyncAnthropic(
        base_url=url.replace("http://", f"http://user:{CANARY}@"),
        default_headers={"x-gateway": CANARY},
        default_query={"team": CANARY},
        middleware=list(middleware),
        **{"api_key": KEY, "http_client": DefaultAsyncHttpxClient(), **options},
    )


def assert_nothing_of_the_request(error: BaseException) -> None:
    """In no text of the error, in no pickle of it, and in nothing that can be read from one."""
    coded = base64.b64encode(f"user:{CANARY}".encode()).decode()
    shown = [str(error), repr(error), *traceback.format_exception(error)]
    assert not [text for text in shown if CANARY in text or coded in text]
    for again in (error, copy.copy(error), copy.deepcopy(error)):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            data = pickle.dumps(again, protocol)
            assert CANARY.encode() not in data
            assert coded.encode() not in data
            assert str(pickle.loads(data)) == str(error)


ANSWER: Final = Answer([Thinking("Who asks?"), TEXT])

#: What the stream dies of: the first request of it, and every other one.
DEATHS: Final[dict[str, Script]] = {
    "overloaded": Script(ANSWER, then=Status(529)),
    "rate limited": Script(ANSWER, then=Status(429, headers={"retry-after": "300"})),
    "internal errors": Script(ANSWER, then=Status(500)),
    "unauthorized after a cut": Script(ANSWER, faults=[ErrorEvent(at=CUT)], then=Status(401)),
    "rejected after a cut": Script(ANSWER, faults=[Drop(at=CUT)], then=Status(400)),
    "too large after a cut": Script(ANSWER, faults=[EndOfFile(at=CUT)], then=Status(413)),
    "error events": Script(ANSWER, faults=[Reset(at=CUT)], then=ErrorEvent("api_error", at=AFTER_MESSAGE_START)),
    "half a frame": Script(ANSWER, faults=[CutFrame(at=CUT)], then=Drop(at=BEFORE_RESPONSE)),
    "nonsense": Script(ANSWER, faults=[BadJson(at=CUT)], then=BadJson(at=AFTER_MESSAGE_START)),
    "silence": Script(ANSWER, faults=[Silence(at=CUT)], then=Silence(at=BEFORE_RESPONSE)),
    "pings": Script(ANSWER, faults=[Pings(at=CUT)], then=Pings(at=AFTER_MESSAGE_START)),
    "truncated": Script(ANSWER, faults=[EndOfFile(at=CUT)], then=EndOfFile(at=AFTER_MESSAGE_START)),
}
DYING: Final = Policy(initial_backoff=0, max_attempts=2, allow_replay=True)


async def by_stream(client: Any, policy: Policy, request: dict[str, Any]) -> None:
    """`resilient_stream`, with fallbacks that bring secrets of their own."""
    other = Route(client=client_of(str(client.base_url)), model=PREFILL, patch={"system": CANARY})
    patch = {"model": "claude-sonnet-5-5", "metadata": {"user_id": f"another {CANARY}"}}
    async with resilient_stream(client, **request, policy=policy, fallback_models=[patch, other]) as stream:
        try:
            await stream.get_final_message()
        finally:
            await other.client.close()


async def by_message(client: Any, policy: Policy, request: dict[str, Any]) -> None:
    """`resilient_message`."""
    await resilient_message(client, **request, policy=policy)


async def by_middleware(client: Any, policy: Policy, request: dict[str, Any]) -> None:
    """The SDK's own stream; the `StreamFailed` of one that did not begin is attached to the SDK's error."""
    async with client_of(str(client.base_url), ResilienceMiddleware(policy=policy)) as sdk:
        try:
            async with sdk.messages.stream(**request) as stream:
                await stream.get_final_message()
        except anthropic.APIStatusError as error:
            raise error.response.extensions["unbroken"] from None


DOORS: Final = {"stream": by_stream, "message": by_message, "middleware": by_middleware}


@pytest.mark.sample
@pytest.mark.anyio
@pytest.mark.backends("virtual")
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("death", DEATHS)
async def test_nothing_of_the_request_is_in_an_error(death: str, door: str) -> None:
    """Keys, headers, the address, the prompt, the tools: they stay where they are."""
    async with FaultServer(DEATHS[death]) as server:
        async with client_of(server.url) as client:
            with pytest.raises(StreamFailed) as caught:
                await DOORS[door](client, DYING, asked())
        await all_closed(server)
        assert CANARY in server.requests[0].raw.decode()
        assert CANARY in str(server.requests[0].headers)
    assert_nothing_of_the_request(caught.value)
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.partial.text == caught.value.partial.text
    assert again.report.request_ids == [each.id for each in server.requests if each.status is not None]


async def failure(client: Any, **changes: Any) -> Any:
    """What a stream that cannot be finished raises."""
    request = {"policy": DYING, **asked(**changes)}
    with pytest.raises(anthropic.APIError) as caught:
        async with resilient_stream(client, **request) as stream:
            await stream.get_final_message()
    return caught.value


@pytest.mark.anyio
@pytest.mark.backends("virtual")
async def test_the_tokens_of_mcp_servers_stay() -> None:
    """As an argument, and in what the SDK does not know."""
    for changes in (MCP, {"betas": MCP["betas"], "extra_body": {n: MCP[n] for n in ("mcp_servers", "tools")}}):
        async with FaultServer(Script(ANSWER, faults=[Drop(at=CUT)], then=Status(529))) as server:
            async with client_of(server.url) as client:
                error = await failure(client, api="beta", **changes)
            await all_closed(server)
            assert CANARY in str(server.requests[0].body["mcp_servers"])
        assert error.partial.text == TEXT[:30]
        assert_nothing_of_the_request(error)


@pytest.mark.anyio
@pytest.mark.backends("virtual")
async def test_what_the_api_says_of_the_request_stays() -> None:
    """Its words may quote it. They are in the SDK's exceptions, which are the cause, and nowhere else."""
    said = f"messages.0.content.0.text: {CANARY} is not supported. This model does not support the effort parameter."
    scripts = [
        Script(ANSWER, then=Status(529, message=said)),
        Script(
            ANSWER, faults=[ErrorEvent(message=said, at=CUT)], then=ErrorEvent(message=said, at=AFTER_MESSAGE_START)
        ),
        Script(ANSWER, faults=[Status(529), Status(400, message=said), Drop(at=CUT)], then=Status(400, message=said)),
    ]
    for script in scripts:
        policy = Policy(initial_backoff=0, max_attempts=4, max_attempts_per_route=1)
        config = {"output_config": {"effort": "low"}, "fallback_models": ["claude-sonnet-5"]}
        async with FaultServer(script) as server, client_of(server.url) as client:
            error = await failure(client, policy=policy, **config)
        assert CANARY in "".join(traceback.format_exception(error))
        assert CANARY in str(error.body)
        again = pickle.loads(pickle.dumps(error))
        assert_nothing_of_the_request(again)
        assert CANARY not in f"{error!s} {error!r} {error.report} {error.diagnosis} {vars(again)}"
    assert "request_adapted" in [notice.code for notice in error.report.notices]


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
async def test_a_key_that_cannot_be_sent_is_not_shown() -> None:
    """One that was read from a file with its line break, of the client or of a fallback's."""
    async with FaultServer(Script(ANSWER, then=Status(529))) as server, client_of(server.url) as client:
        broken = AsyncAnthropic(base_url=server.url, api_key=f"{KEY}\n")
        async with broken:
            first = await failure(broken)
            error = await failure(client, fallback_models=[Route(client=broken, model=CONTINUE)])
            headers = await failure(client, extra_headers={"x-tenant": f"{CANARY}\n"})
    assert isinstance(error, StreamFailed)
    for each in (first, error, headers):
        assert CANARY not in "".join(traceback.format_exception(each))
    assert_nothing_of_the_request(error)


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
async def test_a_proxys_password_is_not_shown() -> None:
    """Nobody listens there any more."""
    async with FaultServer("") as server:
        url = server.url
    proxy = DefaultAsyncHttpxClient(proxy=url.replace("http://", f"http://user:{CANARY}@"))
    async with client_of("http://127.0.0.1:9", http_client=proxy) as client:
        error = await failure(client)
    assert error.diagnosis.code.startswith("connection")
    assert_nothing_of_the_request(error)


@pytest.mark.anyio
@pytest.mark.backends("virtual")
async def test_a_batch_that_failed_shows_no_more() -> None:
    """Nor does the handle of one that goes on."""
    batches = Batches(errors=[Status(500, message=f"Of {CANARY}.")])
    script = Script(ANSWER, faults=[Drop(at=CUT)], then=Status(529), batches=batches)
    async with FaultServer(script) as server, client_of(server.url) as client:
        error = await failure(client, policy=Policy(initial_backoff=0, max_attempts=1, on_exhausted="defer"))
        assert_nothing_of_the_request(error)
        with pytest.raises(BatchErrored) as caught:
            await error.deferred.result()
        for again in (caught.value, pickle.loads(pickle.dumps(caught.value))):
            assert (again.type, again.partial.text, again.deferred.id) == ("api_error", TEXT[:30], error.deferred.id)
        assert_nothing_of_the_request(again)


@pytest.mark.slow
def test_a_worker_hands_over_no_more() -> None:
    """A pool sends the error and its printed traceback."""
    script = Script(TEXT, faults=[Drop(at=CUT)], then=Status(529))
    with FaultServer.in_thread(script) as server:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            error = pool.submit(failing.fail, server.url, KEY, f"Tell me of {CANARY}.").exception(60)
    assert isinstance(error, StreamFailed)
    assert error.partial.text == TEXT[:30]
    assert (error.status_code, error.type, error.diagnosis.code) == (529, "overloaded_error", "overloaded")
    assert "StreamFailed" in str(error.__cause__)
    assert_nothing_of_the_request(error)
