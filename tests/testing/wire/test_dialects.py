"""The real clients of every platform, bare, against the server: what they read, and what they make of each fault."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import anthropic
import httpx2
import pytest
from serving import ask
from tests.corpus.grammar import SHAPES, request_for

from unbroken.testing import (
    AFTER_MESSAGE_START,
    Answer,
    BadJson,
    CutFrame,
    Drop,
    EndOfFile,
    ErrorEvent,
    Event,
    Fault,
    FaultServer,
    Pings,
    Reset,
    Script,
    Silence,
    Slow,
    Status,
    after_characters,
)
from unbroken.testing.wire.dialects import BEDROCK, FIRST_PARTY, VERTEX
from unbroken.testing.wire.eventstream import chunk_message

pytest.importorskip("botocore", reason="Bedrock's frames are read by botocore")

TEXT = "The lighthouse at Rua Point was lit for the first time in March."
CUT = after_characters(21)
FIRST_PARTY_MODEL = "claude-haiku-4-5"


def bedrock(url: str) -> Any:
    return anthropic.AsyncAnthropicBedrock(base_url=url, aws_region="us-east-1", api_key="test", max_retries=0)


def signing_bedrock(url: str) -> Any:
    return anthropic.AsyncAnthropicBedrock(
        base_url=url, aws_region="us-east-1", aws_access_key="test", aws_secret_key="s", max_retries=0
    )


def mantle(url: str) -> Any:
    url = f"{url}/anthropic"
    return anthropic.AsyncAnthropicBedrockMantle(base_url=url, aws_region="us-east-1", api_key="test", max_retries=0)


def vertex(url: str) -> Any:
    return anthropic.AsyncAnthropicVertex(
        base_url=url, region="global", project_id="p", access_token="test", max_retries=0
    )


def foundry(url: str) -> Any:
    return anthropic.AsyncAnthropicFoundry(base_url=url, api_key="test", max_retries=0)


def aws(url: str) -> Any:
    return anthropic.AsyncAnthropicAWS(
        base_url=url, aws_region="us-east-1", workspace_id="w", api_key="test", max_retries=0
    )


def first_party(url: str) -> Any:
    return anthropic.AsyncAnthropic(base_url=url, api_key="test", max_retries=0)


#: Each client, and what it calls a model that the Claude API calls `claude-haiku-4-5`.
CLIENTS: dict[Callable[[str], Any], str] = {
    first_party: FIRST_PARTY_MODEL,
    bedrock: "us.anthropic.claude-haiku-4-5-20251001-v1:0",
    mantle: "anthropic.claude-haiku-4-5",
    vertex: "claude-haiku-4-5@20251001",
    foundry: FIRST_PARTY_MODEL,
    aws: FIRST_PARTY_MODEL,
}
BINARY = (bedrock, signing_bedrock)


@asynccontextmanager
async def serving(script: Script | Answer, make: Callable[[str], Any]) -> AsyncIterator[tuple[FaultServer, Any]]:
    """A server in this event loop, and a client of some platform."""
    async with FaultServer(script, api_keys={"test"}) as server:
        async with make(server.url) as client:
            # The SDK asks for it in a thread, of which a virtual clock knows nothing.
            client._platform = "Linux"
            yield server, client
        await server.all_closed()


async def read(api: Any, **request: Any) -> tuple[str, Any, Exception | None]:
    """The text that arrives, the final message, and what is raised."""
    text = ""
    try:
        async with api.stream(**ask(**request)) as stream:
            async for piece in stream.text_stream:
                text += piece
            return text, await stream.get_final_message(), None
    except Exception as error:
        return text, None, error


@pytest.mark.asyncio
@pytest.mark.parametrize("api", ["messages", "beta"])
@pytest.mark.parametrize("make", CLIENTS)
async def test_every_client_reads_the_whole(make: Callable[[str], Any], api: str) -> None:
    """Streamed and plain, by `messages` and by `beta.messages`, and with its betas where each platform has them."""
    answer = SHAPES["a search, then a call"]
    request = {"model": CLIENTS[make], **request_for(answer)}
    async with serving(answer, make) as (server, client):
        messages = client.beta.messages if api == "beta" else client.messages
        betas = {"betas": ["some-beta-2026-01-01"]} if api == "beta" else {}
        text, message, error = await read(messages, **request, **betas)
        plain = await messages.create(**ask(**request, **betas))
    assert (text, error) == (answer.text, None)
    assert [block.type for block in message.content] == [block.type for block in plain.content]
    assert message.content[-1].input == plain.content[-1].input == answer.blocks[-1].input  # type: ignore[union-attr]
    assert [entry.status for entry in server.requests] == [200, 200]
    assert all(entry.model == CLIENTS[make] for entry in server.requests)


@pytest.mark.asyncio
async def test_credentials_of_aws_can_sign() -> None:
    """Who signed is known by the access key's id."""
    async with serving(Answer(TEXT), signing_bedrock) as (server, client):
        assert (await read(client.messages, model=CLIENTS[bedrock]))[0] == TEXT
    assert server.requests[0].headers["authorization"].startswith("AWS4-HMAC-SHA256")
    assert server.requests[0].path.endswith("/invoke-with-response-stream")


def is_overload(error: Exception) -> bool:
    return isinstance(error, anthropic.APIStatusError) and error.status_code == 200


#: What goes wrong in the middle, the error to which it leads if any, and whether the text goes on after it.
FAULTS: dict[str, tuple[Fault, Callable[[Exception], bool] | None, bool]] = {
    "an error": (ErrorEvent(at=CUT), is_overload, False),
    "an error that nobody sees": (ErrorEvent(at=CUT, blank_line=False), None, False),
    "a reset": (Reset(at=CUT), lambda error: isinstance(error, httpx2.ReadError), False),
    "a drop": (Drop(at=CUT), lambda error: isinstance(error, httpx2.RemoteProtocolError), False),
    "an end": (EndOfFile(at=CUT), None, False),
    "an end of the connection": (EndOfFile(at=CUT, framing="close"), None, False),
    "a cut frame": (CutFrame(at=CUT), None, False),
    "a cut frame, and a reset": (
        CutFrame(at=CUT, end="reset"),
        lambda error: isinstance(error, httpx2.ReadError),
        False,
    ),
    "a cut frame, and a drop": (
        CutFrame(at=CUT, end="drop"),
        lambda error: isinstance(error, httpx2.RemoteProtocolError),
        False,
    ),
    "malformed JSON": (BadJson(at=CUT), lambda error: isinstance(error, json.JSONDecodeError), False),
    "an unknown event": (Event("future", {"x": 1}, at=CUT), None, True),
}
#: The same for what takes time.
WAITS: dict[str, tuple[Fault, Callable[[Exception], bool] | None, bool]] = {
    "a silence": (Silence(seconds=30, at=CUT), None, True),
    "too long a silence": (Silence(at=CUT), lambda error: isinstance(error, httpx2.ReadTimeout), False),
    "pings": (Pings(seconds=60, at=AFTER_MESSAGE_START), None, True),
    "slowness": (Slow(1), None, True),
}


OLD_SDK = anthropic.__version__.startswith("1.")


@pytest.mark.sample
@pytest.mark.asyncio
@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("make", CLIENTS)
async def test_every_fault_reaches_every_client(make: Callable[[str], Any], name: str) -> None:
    """As what it is: the text before it is whole, and what follows is the fault's own."""
    if make is bedrock and name == "an error" and OLD_SDK:
        pytest.skip("SDK 1.0 raises a plain ValueError for an exception in Bedrock's stream")
    await reaches(make, *FAULTS[name])


@pytest.mark.sample
@pytest.mark.anyio
@pytest.mark.parametrize("name", WAITS)
@pytest.mark.parametrize("make", CLIENTS)
async def test_every_wait_reaches_every_client(make: Callable[[str], Any], name: str) -> None:
    """On a clock that jumps."""
    await reaches(make, *WAITS[name])


async def reaches(
    make: Callable[[str], Any], fault: Fault, expected: Callable[[Exception], bool] | None, goes_on: bool
) -> None:
    async with serving(Script(TEXT, faults=[fault]), make) as (server, client):
        text, message, error = await read(client.messages, model=CLIENTS[make])
    assert text == (TEXT if goes_on else TEXT[:21])
    assert (error is None) == (expected is None)
    assert expected is None or (error is not None and expected(error))
    assert message is None or (message.stop_reason == "end_turn") == goes_on
    assert server.requests[0].faults == [fault]


@pytest.mark.asyncio
@pytest.mark.parametrize(("end", "step"), [("eof", 1), ("reset", 11)])
async def test_a_binary_frame_is_cut_at_every_byte(end: Any, step: int) -> None:
    """None of the frame is seen, and all of what came before it."""
    async with serving(Script(TEXT), bedrock) as (server, client):
        size = len(chunk_message({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta"}}))
        for keep in range(0, size, step):
            await server.play(Script(TEXT, faults=[CutFrame(at=CUT, keep=keep, end=end)]))
            text, message, error = await read(client.messages, model=CLIENTS[bedrock])
            # A reset may overtake what was sent before it.
            assert text == TEXT[:21] or (end == "reset" and TEXT.startswith(text)), keep
            assert (message is None, error is None) == (end == "reset", end == "eof"), keep


@pytest.mark.asyncio
@pytest.mark.parametrize("make", [bedrock, vertex])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, anthropic.BadRequestError),
        (403, anthropic.PermissionDeniedError),
        (404, anthropic.NotFoundError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (503, anthropic.ServiceUnavailableError),
        (529, anthropic.InternalServerError),
    ],
)
async def test_errors_instead_of_a_stream(make: Callable[[str], Any], status: int, kind: type[Exception]) -> None:
    """Each in its platform's own form, and each one of the SDK's classes; an overloaded Bedrock says 503."""
    async with serving(Script(then=Status(status, headers={"retry-after": "3"})), make) as (_, client):
        _, _, error = await read(client.messages, model=CLIENTS[make])
    # In SDK 1.0 a 503 and a 529 were no `InternalServerError`.
    assert isinstance(error, anthropic.APIStatusError if OLD_SDK else kind)
    assert isinstance(error, anthropic.APIStatusError)
    assert error.status_code == (503 if make is bedrock and status == 529 else status)
    assert error.response.headers["retry-after"] == "3"
    if make is bedrock:
        assert error.response.headers["x-amzn-errortype"].endswith("Exception")
        assert set(error.response.json()) == {"message"}


@pytest.mark.asyncio
@pytest.mark.parametrize("make", CLIENTS)
async def test_a_wrong_key_and_a_wrong_request(make: Callable[[str], Any]) -> None:
    """Are refused by every platform, before the script is looked at."""
    async with serving(Script(then=Reset()), make) as (server, client):
        server._api._api_keys = {"another"}
        _, _, denied = await read(client.messages, model=CLIENTS[make])
        server._api._api_keys = None
        _, _, refused = await read(client.messages, model=CLIENTS[make], messages=[])
    assert isinstance(denied, anthropic.AuthenticationError | anthropic.PermissionDeniedError)
    assert isinstance(refused, anthropic.BadRequestError)
    assert "at least one message" in str(refused)


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (ErrorEvent(), b"serviceUnavailableException"),
        (ErrorEvent("rate_limit_error"), b"throttlingException"),
        (ErrorEvent("api_error"), b"internalServerException"),
        (ErrorEvent("modelTimeoutException", "Too slow."), b"modelTimeoutException"),
        (ErrorEvent("something_else"), b"modelStreamErrorException"),
    ],
)
def test_errors_in_the_middle_of_a_binary_stream(fault: ErrorEvent, named: bytes) -> None:
    """An exception of AWS's own may be named; the Claude API's have theirs."""
    assert named in BEDROCK.error_frame(fault, "req_1", Random(0))


def test_errors_by_name() -> None:
    """An exception that is named stands in the header; so does one for a status that AWS does not list."""
    named = BEDROCK.error(Status(400, "ModelNotReadyException"), "req_1")
    assert named == (400, {"x-amzn-errortype": "ModelNotReadyException"}, {"message": "The request is invalid."})
    assert BEDROCK.error(Status(418), "req_1")[1] == {"x-amzn-errortype": "ValidationException"}
    assert BEDROCK.error(Status(599), "req_1")[1] == {"x-amzn-errortype": "InternalServerException"}
    assert VERTEX.error(Status(429), "req_1")[2]["error"]["status"] == "RESOURCE_EXHAUSTED"
    assert VERTEX.error(Status(429, "rate_limit_error"), "req_1")[2]["request_id"] == "req_vrtx_1"


def test_malformed_json_is_a_whole_frame() -> None:
    """In every dialect."""
    event = {"type": "ping"}
    assert FIRST_PARTY.malformed(event).endswith(b"\n\n")
    assert BEDROCK.malformed(event) != chunk_message(event)


@pytest.mark.asyncio
async def test_the_key_decides_whether_it_is_foundry() -> None:
    """It has Azure's headers, and no request id of the Claude API's."""
    async with serving(Script(TEXT), foundry) as (server, client):
        response = await client.messages.with_raw_response.create(**ask(model=CLIENTS[foundry]))
    assert response.headers["apim-request-id"] == server.requests[0].id
    assert "request-id" not in response.headers


def test_what_should_be_retried_is_said_of_some_errors() -> None:
    """Of those of which it was recorded; the script has the last word."""
    told = {status: FIRST_PARTY.error(Status(status), "req_1")[1].get("x-should-retry") for status in (400, 429, 500)}
    assert told == {400: "false", 429: "true", 500: None}
    scripted = Status(529, headers={"x-should-retry": "false"})
    assert FIRST_PARTY.error(scripted, "req_1")[1]["x-should-retry"] == "false"


def test_whose_key_is_wrong_has_no_request_id() -> None:
    """Nor an organisation; who has no key at all has the id."""
    _, headers, body = FIRST_PARTY.error(Status(401), "req_1")
    assert body["request_id"] is None
    assert "anthropic-organization-id" not in headers
    assert FIRST_PARTY.error(Status(401, message="x-api-key header is required"), "req_1")[2]["request_id"] == "req_1"


@pytest.mark.asyncio
async def test_malformed_json_is_no_ping() -> None:
    """Vertex AI sends one right after the message's start; what breaks is the event behind it."""
    script = Script(TEXT, faults=[BadJson(at=AFTER_MESSAGE_START)])
    async with serving(script, vertex) as (_, client):
        _, _, error = await read(client.messages, model=CLIENTS[vertex])
    assert isinstance(error, json.JSONDecodeError)
