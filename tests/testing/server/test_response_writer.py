"""What the bare SDK does with each fault: the table of the API notes, which makes it the test of the server."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import anyio
import httpx2
import pytest
from serving import ask, frames_of, serving

from unbroken.testing import (
    AFTER_CONTENT,
    AFTER_LAST_TEXT,
    AFTER_MESSAGE_DELTA,
    AFTER_MESSAGE_START,
    AFTER_MESSAGE_STOP,
    BEFORE_MESSAGE_START,
    BEFORE_RESPONSE,
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
    after_blocks,
    after_characters,
    after_events,
)

TEXT = "One two three four five six seven eight nine ten, and so on to the end."


async def read(sdk: anthropic.AsyncAnthropic) -> tuple[str, anthropic.types.Message | None, Exception | None]:
    """The text that arrives, the final message, and what is raised."""
    text = ""
    try:
        async with sdk.messages.stream(**ask()) as stream:
            async for piece in stream.text_stream:
                text += piece
            return text, await stream.get_final_message(), None
    except Exception as error:
        return text, None, error


def overloaded(error: Exception) -> bool:
    return type(error) is anthropic.APIStatusError and (error.status_code, error.type) == (200, "overloaded_error")


RAISES: dict[str, tuple[Fault, type[Exception], str]] = {
    "529": (Status(529), anthropic.OverloadedError, ""),
    "closed without a response": (Drop(at=BEFORE_RESPONSE), anthropic.APIConnectionError, ""),
    "reset without a response": (Reset(at=BEFORE_RESPONSE), anthropic.APIConnectionError, ""),
    "end without a response": (EndOfFile(at=BEFORE_RESPONSE), anthropic.APIConnectionError, ""),
    "error event": (ErrorEvent(at=after_characters(20)), anthropic.APIStatusError, TEXT[:20]),
    "error event first": (ErrorEvent(at=BEFORE_MESSAGE_START), anthropic.APIStatusError, ""),
    "error event after the answer": (ErrorEvent(at=AFTER_MESSAGE_DELTA), anthropic.APIStatusError, TEXT),
    "FIN in a chunk": (Drop(at=after_characters(20)), httpx2.RemoteProtocolError, TEXT[:20]),
    "FIN in the chunk of a cut frame": (
        CutFrame(at=after_characters(20), end="drop"),
        httpx2.RemoteProtocolError,
        TEXT[:20],
    ),
    "FIN after everything": (Drop(at=AFTER_MESSAGE_STOP), httpx2.RemoteProtocolError, TEXT),
    "RST": (Reset(at=after_characters(20)), httpx2.ReadError, TEXT[:20]),
    "RST in a frame": (CutFrame(at=after_characters(20), end="reset"), httpx2.ReadError, TEXT[:20]),
    "malformed JSON": (BadJson(at=after_characters(20)), json.JSONDecodeError, TEXT[:20]),
    "silence": (Silence(at=after_characters(20)), httpx2.ReadTimeout, TEXT[:20]),
    "empty body": (EndOfFile(at=BEFORE_MESSAGE_START), AssertionError, ""),
}


@pytest.mark.asyncio  # on trio, whose clock can jump, the SDK leaves generators behind
@pytest.mark.parametrize("name", RAISES)
async def test_the_sdk_raises(name: str) -> None:
    """Each of these reaches the caller as the exception that the notes name, after the text that was sent."""
    fault, kind, arrives = RAISES[name]
    timeout = 3 if isinstance(fault, Silence) else 120
    async with serving(Script(TEXT, faults=[fault]), timeout=timeout) as (server, sdk):
        text, _, error = await read(sdk)
    assert isinstance(error, kind), error
    assert text == arrives
    assert server.requests[0].faults == [fault]
    assert server.requests[0].sent_text.startswith(arrives)


@pytest.mark.asyncio
async def test_an_error_event_is_a_bare_status_error_of_200() -> None:
    """The class tells nothing; the type does, and the request id comes from the header."""
    async with serving(Script(TEXT, faults=[ErrorEvent(at=AFTER_MESSAGE_START)])) as (server, sdk):
        _, _, error = await read(sdk)
    assert isinstance(error, anthropic.APIStatusError)
    assert overloaded(error)
    assert error.request_id == server.requests[0].id
    assert error.body == {
        "type": "error",
        "error": {"details": None, "type": "overloaded_error", "message": "Overloaded"},
        "request_id": server.requests[0].id,
    }


ENDS_SILENTLY: dict[str, tuple[Fault, str, str | None]] = {
    "clean end": (EndOfFile(at=after_characters(20)), TEXT[:20], None),
    "clean end of a body without length": (EndOfFile(at=after_characters(20), framing="close"), TEXT[:20], None),
    "last frame cut": (CutFrame(at=after_characters(20)), TEXT[:20], None),
    "last frame cut in its first byte": (CutFrame(at=after_characters(20), keep=1), TEXT[:20], None),
    "error event without its blank line": (
        ErrorEvent(at=after_characters(20), blank_line=False),
        TEXT[:20],
        None,
    ),
    "end after the last text": (EndOfFile(at=AFTER_LAST_TEXT), TEXT, None),
    "end after the content": (EndOfFile(at=AFTER_CONTENT), TEXT, None),
    "end after the first block": (EndOfFile(at=after_blocks(1)), TEXT, None),
    "end after message_delta": (EndOfFile(at=AFTER_MESSAGE_DELTA), TEXT, "end_turn"),
    "an unknown event": (Event("brand_new", {"x": 1}, at=after_characters(20)), TEXT, "end_turn"),
    "a place that never comes": (Reset(at=after_characters(10_000)), TEXT, "end_turn"),
    "slowly": (Slow(0.0001), TEXT, "end_turn"),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ENDS_SILENTLY)
async def test_the_sdk_returns_a_message(name: str) -> None:
    """None of these raises, although most of them lost the end of the answer."""
    fault, arrives, stop_reason = ENDS_SILENTLY[name]
    async with serving(Script(TEXT, faults=[fault])) as (_, sdk):
        text, message, error = await read(sdk)
    assert error is None
    assert message is not None
    assert (text, message.stop_reason) == (arrives, stop_reason)


@pytest.mark.asyncio
@pytest.mark.parametrize("n", range(8))
async def test_an_error_event_after_any_number_of_events(n: int) -> None:
    """The raw stream has exactly that many events before the error."""
    async with serving(Script(TEXT, faults=[ErrorEvent("api_error", at=after_events(n))])) as (server, _):
        lines = await raw_lines(server)
    assert [line for line in lines if line.startswith("event: ")][n:] == ["event: error"]


@pytest.mark.asyncio
async def test_the_events_of_a_healthy_stream() -> None:
    """Their order is the API's; the output tokens are those of the first piece at first."""
    async with serving(Script(Answer(TEXT, pieces=(10, 10)))) as (server, _):
        lines = await raw_lines(server)
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    whole = ["message_start", "content_block_start", *["content_block_delta"] * 8]
    whole += ["content_block_stop", "message_delta", "message_stop"]
    assert [name for name in names if name != "ping"] == whole
    data = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert data[0]["message"]["usage"]["output_tokens"] == 2
    assert data[-2]["usage"]["output_tokens"] == -(-len(TEXT) // 4)
    assert server.requests[0].whole


@pytest.mark.asyncio
async def test_most_events_are_padded() -> None:
    """With none to 15 spaces before the last bracket, always the same ones for one seed; a ping never is."""
    padded: list[list[int]] = []
    for seed in (1, 1, 2):
        async with serving(Script(Answer("Of this and that. " * 60), seed=seed)) as (server, _):
            data = [line for line in await raw_lines(server) if line.startswith("data: ")]
        assert all(json.loads(line.removeprefix("data: ")) for line in data)
        assert {line for line in data if "ping" in line} <= {'data: {"type": "ping"}'}
        told = [line for line in data if "ping" not in line]
        padded.append([len(line[:-1]) - len(line[:-1].rstrip(" ")) for line in told])
    assert padded[0] == padded[1] != padded[2]
    assert set(padded[0]) == set(range(16))


@pytest.mark.asyncio
async def test_an_error_event_is_padded_too() -> None:
    """Its frame is one like the others."""
    seen: set[str] = set()
    for seed in range(8):
        async with serving(Script(faults=[ErrorEvent(at=BEFORE_MESSAGE_START)], seed=seed)) as (server, _):
            seen.update(line for line in await raw_lines(server) if line.startswith("data: "))
    assert len({line.replace(" ", "") for line in seen}) == 1 < len(seen)


async def raw_lines(server: FaultServer) -> list[str]:
    """The lines of the body, as they stand on the wire."""
    async with httpx2.AsyncClient() as http:
        response = await http.post(
            f"{server.url}/v1/messages?beta=true",
            json=ask(stream=True),
            headers={"x-api-key": "test", "anthropic-version": "2026-10-21"},
        )
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["request-id"] == "req_00000001"
    assert response.headers["anthropic-workspace-id"]
    return response.text.split("\n")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "kind", "name"),
    [
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (401, anthropic.AuthenticationError, "authentication_error"),
        (403, anthropic.PermissionDeniedError, "permission_error"),
        (404, anthropic.NotFoundError, "not_found_error"),
        (413, anthropic.APIStatusError, "request_too_large"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
        (503, anthropic.InternalServerError, "api_error"),
        (529, anthropic.OverloadedError, "overloaded_error"),
    ],
)
async def test_a_status_has_its_own_error_type(status: int, kind: type[anthropic.APIStatusError], name: str) -> None:
    """Unless the script says otherwise."""
    async with serving(Script(faults=[Status(status)])) as (_, sdk):
        with pytest.raises(kind) as caught:
            await sdk.messages.create(**ask())
    assert caught.value.status_code == status
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["error"]["type"] == name


@pytest.mark.asyncio
async def test_a_status_with_everything_said() -> None:
    """Headers, type, message and details are the script's."""
    spent = Status(
        429,
        "rate_limit_error",
        "Spent.",
        headers={"retry-after": "7", "x-should-retry": "false"},
        details={"error_code": "enforced_spend_limit_reached"},
    )
    async with serving(Script(faults=[spent]), max_retries=2) as (server, sdk):
        with pytest.raises(anthropic.RateLimitError) as caught:
            await sdk.messages.create(**ask())
    assert len(server.requests) == 1
    assert caught.value.response.headers["retry-after"] == "7"
    body: Any = caught.value.body
    assert body["error"] == {"type": "rate_limit_error", "message": "Spent.", "details": dict(spent.details or {})}


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", [Drop(), Reset(), EndOfFile(), CutFrame(), ErrorEvent()])
async def test_a_message_that_is_not_streamed_is_cut_too(fault: Fault) -> None:
    """A fault of a stream cuts the JSON body in the middle."""
    async with serving(Script(TEXT, faults=[fault])) as (server, sdk):
        with pytest.raises((anthropic.APIConnectionError, httpx2.TransportError)):
            await sdk.messages.create(**ask())
        message = await sdk.messages.create(**ask())
    assert message.content[0].text == TEXT
    assert [request.whole for request in server.requests] == [False, True]


@pytest.mark.anyio
async def test_waits_take_virtual_time() -> None:
    """Under trio's clock slow bytes, slow content, silence, pings and a slow stream cost exactly what they say."""
    faults = [
        Silence(100, at=BEFORE_RESPONSE),
        Silence(200, at=AFTER_MESSAGE_START),
        Pings(300, every=15, at=after_characters(5)),
        Pings(10, every=15, at=after_characters(5)),
        [Slow(2), Silence(1, at=after_characters(3))],
    ]
    spent = []
    async with serving(Script(Answer("short answer", pieces=(4, 4)), faults=faults), timeout=1_000) as (server, sdk):
        for _ in faults[:-1]:
            assert (await read(sdk))[0] == "short answer"
        frames = await frames_of(sdk)
    assert server.requests[-1].sent_text == "short answer"
    for request in server.requests:
        assert request.ended_at is not None
        spent.append(request.ended_at - request.arrived_at)
    assert spent[:4] == [100, 200, 300, 10]
    # Two seconds for each event, and one for the silence among them.
    assert spent[4] == 2 * len(frames) + 1


@pytest.mark.anyio
async def test_pings_without_end_never_time_out_by_themselves() -> None:
    """The SDK's read timeout does not see them, which is why a library must."""
    async with serving(Script(TEXT, faults=[Pings(at=after_characters(20))]), timeout=60) as (server, sdk):
        with anyio.move_on_after(3_600):
            async with sdk.messages.stream(**ask()) as stream:
                iterator = aiter(stream.response.aiter_lines())
                async for _ in iterator:
                    pass
        assert anyio.current_time() >= 3_600
    assert server.requests[0].abandoned
