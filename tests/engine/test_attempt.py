"""One request: every way in which a peer fails comes out as a value, of the right kind, with the right error."""

from __future__ import annotations

import base64
import errno
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from struct import pack
from typing import Any, Final
from zlib import crc32

import anthropic
import anyio
import httpx2
import pytest

from harness import CONTINUE, all_closed, serving
from unbroken import StreamStalled, StreamTruncated
from unbroken.core.failure import Failure, Kind, Verdict
from unbroken.core.message.partial import Partial
from unbroken.engine.attempt import Attempt
from unbroken.sdk.timeouts import Timeouts
from unbroken.testing import (
    AFTER_MESSAGE_START,
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
    Status,
    after_characters,
)

pytestmark = pytest.mark.anyio

TEXT: Final = "One request, from its first byte to its last."
WATCH: Final = Timeouts(idle=90, progress=300, first_content=300)
REQUEST: Final[dict[str, Any]] = {
    "model": CONTINUE,
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Tell me."}],
}


@asynccontextmanager
async def attempting(
    *faults: Fault, timeouts: Timeouts = WATCH
) -> AsyncIterator[tuple[FaultServer, Attempt, Failure | None, Any]]:
    """A request that was opened, and why it could not be."""
    async with serving(Script(TEXT, faults=[faults])) as (server, client):
        attempt = Attempt(timeouts)
        request = {**REQUEST, "timeout": timeouts.beside(client.timeout)[1]}
        failure = await attempt.open(client.with_options(max_retries=0).messages, request)
        yield server, attempt, failure, client
        await attempt.aclose()


async def drain(attempt: Attempt) -> tuple[list[dict[str, Any]], Failure]:
    """Everything that it brings, and why it ends."""
    events: list[dict[str, Any]] = []
    while True:
        more, failure = await attempt.receive()
        events += more
        if failure is not None:
            return events, failure


async def test_it_brings_decoded_events_and_no_pings() -> None:
    """As the wire has them; the end of the body is a clean end."""
    async with attempting() as (server, attempt, failure, _):
        assert failure is None
        assert attempt.request_id == server.requests[0].id
        events, end = await drain(attempt)
        types = [event["type"] for event in events]
        assert types[:2] == ["message_start", "content_block_start"]
        assert types[-1] == "message_stop"
        assert "ping" not in types
        assert "".join(event["delta"]["text"] for event in events if event["type"] == "content_block_delta") == TEXT
        assert attempt.content
        assert (end.kind, end.clean_end) == (Kind.TRUNCATED, True)


STATUSES: Final = {
    401: (Kind.AUTHENTICATION, Verdict.CLIENT),
    403: (Kind.PERMISSION, Verdict.CLIENT),
    404: (Kind.NOT_FOUND, Verdict.ELSEWHERE),
    400: (Kind.INVALID_REQUEST, Verdict.REJECTED),
    429: (Kind.RATE_LIMITED, Verdict.RETRY),
    500: (Kind.SERVER_ERROR, Verdict.RETRY),
    504: (Kind.TIMED_OUT, Verdict.RETRY),
    529: (Kind.OVERLOADED, Verdict.RETRY),
}


@pytest.mark.parametrize("status", STATUSES)
async def test_a_status_is_a_failure_of_its_kind(status: int) -> None:
    """With the SDK's own error in it, and the request id."""
    async with attempting(Status(status)) as (server, _, failure, _):
        assert failure is not None
        assert (failure.kind, failure.verdict) == STATUSES[status]
        assert isinstance(failure.error, anthropic.APIStatusError)
        assert failure.status == failure.error.status_code == status
        assert failure.error.request_id == server.requests[0].id


@pytest.mark.parametrize("fault", [Drop(at=BEFORE_RESPONSE), Reset(at=BEFORE_RESPONSE)], ids=repr)
async def test_no_response_is_a_connection_failure(fault: Fault) -> None:
    """There is no status and no request id."""
    async with attempting(fault) as (_, attempt, failure, _):
        assert failure is not None
        assert (failure.kind, failure.status) == (Kind.CONNECTION, None)
        assert isinstance(failure.error, anthropic.APIConnectionError)
        assert attempt.request_id is None


async def test_nobody_listening_is_a_connection_failure() -> None:
    """The port is closed."""
    async with serving(TEXT) as (server, client):
        await server.stop_listening()
        attempt = Attempt(WATCH)
        failure = await attempt.open(client.with_options(max_retries=0).messages, REQUEST)
        assert failure is not None
        assert failure.kind is Kind.CONNECTION
        await attempt.aclose()


BROKEN: Final[dict[str, tuple[Fault, Kind, type[Exception]]]] = {
    "reset": (Reset(), Kind.CONNECTION, anthropic.APIConnectionError),
    "drop": (Drop(), Kind.CONNECTION, anthropic.APIConnectionError),
    "end_of_file": (EndOfFile(), Kind.TRUNCATED, StreamTruncated),
    "end_of_connection": (EndOfFile(framing="close"), Kind.TRUNCATED, StreamTruncated),
    "empty_body": (EndOfFile(at=BEFORE_MESSAGE_START), Kind.TRUNCATED, StreamTruncated),
    "cut_frame": (CutFrame(), Kind.TRUNCATED, StreamTruncated),
    "bad_json": (BadJson(), Kind.MALFORMED, anthropic.APIResponseValidationError),
    "overloaded": (ErrorEvent("overloaded_error"), Kind.OVERLOADED, anthropic.APIStatusError),
    "overloaded_at_once": (
        ErrorEvent("overloaded_error", at=BEFORE_MESSAGE_START),
        Kind.OVERLOADED,
        anthropic.APIStatusError,
    ),
    "error_without_its_blank_line": (
        ErrorEvent("api_error", blank_line=False),
        Kind.SERVER_ERROR,
        anthropic.APIStatusError,
    ),
    "unknown_error": (ErrorEvent("some_new_error"), Kind.SERVER_ERROR, anthropic.APIStatusError),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_breaks_while_reading_is_a_failure_of_its_kind(name: str) -> None:
    """What came before it is handed over first; the error is one of the SDK's, and names the request."""
    fault, kind, error = BROKEN[name]
    async with attempting(fault) as (server, attempt, failure, _):
        assert failure is None
        events, died = await drain(attempt)
        assert died.kind is kind
        assert type(died.error) is error
        assert died.status == 200
        assert died.clean_end == (kind is Kind.TRUNCATED)
        text = "".join(e["delta"]["text"] for e in events if e["type"] == "content_block_delta")
        assert TEXT.startswith(text)
        if kind is not Kind.CONNECTION:
            assert getattr(died.error, "request_id", server.requests[0].id) == server.requests[0].id


async def test_an_error_event_keeps_its_type_and_its_status_of_200() -> None:
    """As the bare SDK raises it."""
    async with attempting(ErrorEvent("overloaded_error")) as (_, attempt, _, _):
        _, died = await drain(attempt)
        assert (died.type, died.status) == ("overloaded_error", 200)


async def test_the_connection_of_an_error_event_is_used_again() -> None:
    """The API has ended its answer properly, and a new connection is two round trips or more."""
    async with attempting(ErrorEvent("overloaded_error")) as (server, attempt, _, client):
        await drain(attempt)
        await attempt.aclose()
        await client.messages.create(**REQUEST)
        assert len(server.connections) == 1


async def test_an_answer_that_goes_on_after_its_error_is_not_waited_for() -> None:
    """Its connection is closed like any other that was left in the middle."""
    error = Event("error", {"error": {"type": "overloaded_error", "message": "Overloaded"}})
    async with attempting(error, Silence()) as (server, attempt, _, client):
        _, died = await drain(attempt)
        assert died.kind is Kind.OVERLOADED
        await attempt.aclose()
        await client.messages.create(**REQUEST)
        assert len(server.connections) == 2


async def test_what_no_connection_would_carry_is_not_the_networks_trouble() -> None:
    """A key with a line break in it is refused here, and would be again."""
    async with serving(TEXT) as (server, client):
        attempt = Attempt(WATCH)
        broken = client.with_options(api_key="key\n", max_retries=0)
        failure = await attempt.open(broken.messages, {**REQUEST, "timeout": 10})
        await attempt.aclose()
    assert failure is not None
    assert (failure.kind, failure.verdict) == (Kind.NOT_SENT, Verdict.CLIENT)
    assert server.requests == []


async def test_the_transports_error_is_the_cause() -> None:
    """Nothing is swallowed."""
    async with attempting(Reset()) as (_, attempt, _, _):
        _, died = await drain(attempt)
        assert isinstance(died.error.__cause__, httpx2.TransportError)


# -- watchdogs


@pytest.mark.backends("virtual")
@pytest.mark.parametrize(
    ("fault", "after"),
    [
        (Silence(), 7.0),
        (Silence(at=AFTER_MESSAGE_START), 7.0),
        (Pings(every=2), 20.0),
        (Pings(every=2, at=AFTER_MESSAGE_START), 12.0),
        (Pings(every=2, at=BEFORE_MESSAGE_START), 12.0),
    ],
    ids=repr,
)
async def test_an_attempt_that_stops_moving_is_a_stall_after_its_time(fault: Fault, after: float) -> None:
    """Without a byte: idle. With pings and no content: first content, then progress."""
    async with attempting(fault, timeouts=Timeouts(idle=7, progress=20, first_content=12)) as (_, attempt, failure, _):
        assert failure is None
        _, died = await drain(attempt)
        assert anyio.current_time() == pytest.approx(after)
        assert died.kind is Kind.STALLED
        assert isinstance(died.error, StreamStalled)


@pytest.mark.backends("virtual")
async def test_headers_count_towards_the_first_content() -> None:
    """Eight seconds to the headers leave four for the first word."""
    timeouts = Timeouts(idle=9, progress=20, first_content=12)
    faults = (Silence(8, at=BEFORE_RESPONSE), Pings(every=1, at=AFTER_MESSAGE_START))
    async with attempting(*faults, timeouts=timeouts) as (_, attempt, failure, _):
        assert failure is None
        await drain(attempt)
        assert anyio.current_time() == pytest.approx(12.0)


@pytest.mark.backends("virtual")
async def test_headers_that_stay_away_are_a_stall() -> None:
    """After the first of the two limits."""
    for timeouts, after in [(Timeouts(7, 20, 12), 7.0), (Timeouts(90, 20, 12), 12.0)]:
        started = anyio.current_time()
        async with attempting(Silence(at=BEFORE_RESPONSE), timeouts=timeouts) as (_, _, failure, _):
            assert failure is not None
            assert failure.kind is Kind.STALLED
            assert anyio.current_time() - started == pytest.approx(after)


@pytest.mark.backends("virtual")
async def test_the_time_between_two_reads_is_the_callers_own() -> None:
    """Whoever reads late loses nothing."""
    async with attempting(Pings(10, every=1), timeouts=Timeouts(idle=7, progress=12, first_content=12)) as (
        _,
        attempt,
        _,
        _,
    ):
        while True:
            _, failure = await attempt.receive()
            if failure is not None:
                break
            await anyio.sleep(100)
        assert failure.clean_end


# -- a pace


def at_least(chars_per_second: float, window: float, *, idle: float = 90, progress: float = 300) -> Timeouts:
    """A timeouts over the pace of an attempt."""
    return Timeouts(idle, progress, first_content=300, chars_per_second=chars_per_second, pace_window=window)


@asynccontextmanager
async def writing(answer: Answer, timeouts: Timeouts, *faults: Fault) -> AsyncIterator[Attempt]:
    """An attempt whose answer comes at its own pace."""
    async with serving(Script(answer, faults=[faults])) as (_, client):
        attempt = Attempt(timeouts)
        assert await attempt.open(client.with_options(max_retries=0).messages, REQUEST) is None
        yield attempt
        await attempt.aclose()


def written(events: list[dict[str, Any]]) -> str:
    """The text in these events."""
    return "".join(e["delta"].get("text", "") for e in events if e["type"] == "content_block_delta")


@pytest.mark.backends("virtual")
async def test_an_attempt_that_crawls_is_given_up_when_its_window_ends() -> None:
    """What it has written is handed over first; the error says what was asked for."""
    async with writing(Answer(TEXT, pieces=(2, 2), pace=1.0), at_least(5, 8)) as attempt:
        events: list[dict[str, Any]] = []
        while not attempt.content:
            events += (await attempt.receive())[0]
        began = anyio.current_time()
        more, died = await drain(attempt)
        events += more
        assert died.kind is Kind.SLOW
        assert isinstance(died.error, StreamStalled)
        assert "fewer than 5 characters a second for 8 s" in str(died.error)
        assert anyio.current_time() - began == pytest.approx(8.0)
        assert written(events) == TEXT[: len(written(events))]
        assert 0 < len(written(events)) < 5 * 8


@pytest.mark.backends("virtual")
async def test_an_attempt_that_writes_fast_enough_is_left_alone() -> None:
    """It may rest between two bursts, if there is enough in each window."""
    async with writing(Answer(TEXT, pieces=(10, 10), pace=2.0), at_least(2, 8)) as attempt:
        events, died = await drain(attempt)
        assert died.clean_end
        assert written(events) == TEXT


@pytest.mark.backends("virtual")
async def test_an_attempt_that_stops_writing_is_slow_before_it_stalls() -> None:
    """The end of the window is known without another byte."""
    async with writing(Answer(TEXT), at_least(1, 8), Silence(at=after_characters(4))) as attempt:
        _, died = await drain(attempt)
        assert died.kind is Kind.SLOW
        assert anyio.current_time() == pytest.approx(8.0)


@pytest.mark.backends("virtual")
@pytest.mark.parametrize(("limits", "after"), [({"idle": 5.0}, 5.0), ({"progress": 6.0}, 6.0)])
async def test_the_other_watchdogs_still_bite_first(limits: dict[str, float], after: float) -> None:
    """A window that has not ended yet keeps nobody waiting."""
    timeouts = at_least(1, 60, **limits)
    fault = Silence(at=after_characters(4)) if "idle" in limits else Pings(every=1, at=after_characters(4))
    async with serving(Script(TEXT, faults=[fault])) as (_, client):
        attempt = Attempt(timeouts)
        request = {**REQUEST, "timeout": timeouts.beside(client.timeout)[1]}
        assert await attempt.open(client.with_options(max_retries=0).messages, request) is None
        _, died = await drain(attempt)
        assert died.kind is Kind.STALLED
        assert anyio.current_time() == pytest.approx(after)
        await attempt.aclose()


@pytest.mark.backends("virtual")
async def test_a_slow_reader_is_no_slow_stream() -> None:
    """Only waiting for the network counts."""
    async with writing(Answer(TEXT, pieces=(10, 10), pace=1.0), at_least(5, 4)) as attempt:
        while True:
            _, failure = await attempt.receive()
            if failure is not None:
                break
            await anyio.sleep(60)
        assert failure.clean_end


@pytest.mark.backends("virtual")
async def test_the_first_content_may_take_as_long_as_it_likes() -> None:
    """The pace is measured from then on; before, there is a watchdog of its own."""
    async with writing(Answer(TEXT), at_least(100, 1), Silence(50, at=AFTER_MESSAGE_START)) as attempt:
        events, died = await drain(attempt)
        assert died.clean_end
        assert written(events) == TEXT


# -- the end


@pytest.mark.parametrize("fault", [Silence(), Silence(at=AFTER_MESSAGE_START), Reset()], ids=repr)
async def test_closing_releases_the_connection_and_may_be_done_twice(fault: Fault) -> None:
    """Also when it was not read to its end."""
    async with attempting(fault) as (server, attempt, _, _):
        await attempt.receive()
        await attempt.aclose()
        await attempt.aclose()
        await all_closed(server)


async def test_closing_under_cancellation_still_closes() -> None:
    """The close is shielded."""
    async with attempting(Silence(at=after_characters(5))) as (server, attempt, _, _):
        with anyio.CancelScope() as scope:
            scope.cancel()
            await attempt.aclose()
        await all_closed(server)


async def test_closing_what_was_never_opened_is_harmless() -> None:
    """An attempt that was cancelled while it was being made."""
    await Attempt(WATCH).aclose()


# -- bodies of any kind, from a transport that answers whatever it is told to


@asynccontextmanager
async def told(
    body: bytes | AsyncIterator[bytes], status: int = 200, content_type: str | None = None, timeouts: Timeouts = WATCH
) -> AsyncIterator[Attempt]:
    """A request that is answered with this body."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        headers = {} if content_type is None else {"content-type": content_type}
        return httpx2.Response(status, headers={"request-id": "req_1", **headers}, content=body)

    http_client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    async with anthropic.AsyncAnthropic(api_key="test", max_retries=0, http_client=http_client) as client:
        attempt = Attempt(timeouts)
        assert await attempt.open(client.messages, REQUEST) is None
        yield attempt
        await attempt.aclose()


SSE: Final = "text/event-stream; charset=utf-8"
JSON: Final = "application/json"
UNAUTHORIZED: Final = {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}
WHOLE: Final[dict[str, Any]] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": CONTINUE,
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 5, "output_tokens": 9},
    "content": [{"type": "text", "text": TEXT}, {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": 1}}],
}


@pytest.mark.parametrize("content_type", [JSON, SSE, "text/plain", None])
@pytest.mark.parametrize(
    ("body", "kind", "verdict", "type_"),
    [
        (UNAUTHORIZED, Kind.AUTHENTICATION, Verdict.CLIENT, "authentication_error"),
        ({"error": {"type": "overloaded_error"}}, Kind.OVERLOADED, Verdict.RETRY, "overloaded_error"),
        ({"error": {"type": "validationException"}}, Kind.INVALID_REQUEST, Verdict.REJECTED, "validationException"),
    ],
)
async def test_a_200_that_is_an_error_is_that_error(
    body: object, kind: Kind, verdict: Verdict, type_: str, content_type: str | None
) -> None:
    """By its type, whatever it calls itself; pretty, too."""
    for indent in (None, 2):
        async with told(json.dumps(body, indent=indent).encode(), content_type=content_type) as attempt:
            events, died = await drain(attempt)
        assert events == []
        assert (died.kind, died.verdict, died.type, died.status) == (kind, verdict, type_, 200)
        assert isinstance(died.error, anthropic.APIStatusError)


@pytest.mark.parametrize("content_type", [JSON, SSE])
async def test_a_200_that_is_a_whole_message_is_the_message(content_type: str) -> None:
    """A gateway that does not stream has answered all the same."""
    async with told(json.dumps(WHOLE).encode(), content_type=content_type) as attempt:
        events, end = await drain(attempt)
        assert attempt.content
    assert (end.kind, end.clean_end) == (Kind.TRUNCATED, True)
    held = Partial()
    for event in events:
        held.apply(event)
    assert held.content == WHOLE["content"]
    assert (held.stop_reason, held.stopped) == ("end_turn", True)


PAGE: Final = b"<!doctype html><title>Sign in</title>\n\n<p>data: none</p>"
NO_STREAMS: Final[dict[str, tuple[bytes, int, str | None, str]]] = {
    "a login page": (PAGE, 200, "text/html; charset=utf-8", "text/html"),
    "plain text": (b"upstream connect error", 200, "text/plain", "text/plain"),
    "an empty page": (b"", 200, "text/html", "text/html"),
    "JSON of somebody else's": (b'{"detail": "Not Found"}', 200, JSON, JSON),
    "an unknown error": (b'{"error": {"type": "gateway_mood"}}', 200, JSON, JSON),
    "half a message": (json.dumps({**WHOLE, "stop_reason": None}).encode(), 200, JSON, JSON),
    "a message of no blocks": (json.dumps({**WHOLE, "content": [7]}).encode(), 200, JSON, JSON),
    "JSON that is deep": (b"[" * 100_000, 200, JSON, JSON),
    "no content": (b"", 204, None, "of no content type, with status 204"),
    "bytes": (b"\xff\xfe", 200, "a\tb", "of a content type that is none"),
}


@pytest.mark.parametrize("name", NO_STREAMS)
async def test_a_200_that_is_no_stream_is_told_by_its_content_type(name: str) -> None:
    """And it is marked: the same again is not asked for a third time."""
    body, status, content_type, words = NO_STREAMS[name]
    async with told(body, status, content_type) as attempt:
        events, died = await drain(attempt)
    assert events == []
    assert (died.kind, died.status, died.verdict) == (Kind.NOT_A_STREAM, status, Verdict.RETRY)
    assert str(died.error) == f"The answer was no stream of events, but {words}."
    assert died.mark is not None


@pytest.mark.parametrize("content_type", ["text/plain", JSON, None, "application/octet-stream"])
async def test_a_stream_is_one_whatever_it_calls_itself(content_type: str | None) -> None:
    """The SDK does not look either."""
    events = [event for event in EVENTS if event["type"] != "message_start"]
    frames = b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)
    async with told(b": hello\n\n" + frames, content_type=content_type) as attempt:
        came, end = await drain(attempt)
    assert came == events
    assert end.kind is Kind.TRUNCATED


async def test_a_stream_that_is_empty_was_cut() -> None:
    """It called itself one, or nothing."""
    for content_type in (SSE, None):
        async with told(b"", content_type=content_type) as attempt:
            assert (await drain(attempt))[1].kind is Kind.TRUNCATED


async def test_what_is_malformed_says_where() -> None:
    """The same way and place has the same mark, and another has not."""
    good = b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in EVENTS[:3])
    marks = []
    for body in (good + b"event: x\ndata: {\n\n", good + b"event: content_block_stop\ndata: {\n\n", good + good):
        async with told(body.replace(b"event: x", b"event: content_block_delta"), content_type=SSE) as attempt:
            marks.append((await drain(attempt))[1].mark)
    assert marks[0] == marks[1] != marks[2]


# -- floods: what comes fast is too slow all the same

PING: Final = b'event: ping\ndata: {"type": "ping"}\n\n'
EMPTY: Final = (
    b'event: content_block_delta\ndata: {"type": "content_block_delta", "index": 0, '
    b'"delta": {"type": "text_delta", "text": ""}}\n\n'
)
FLOODS: Final = {
    "pings": PING,
    "comments": b": hello\n\n",
    "blank lines": b"\n\n\n",
    "a line without an end": b"data",
    "unknown events": b'event: x\ndata: {"type": "x"}\n\n',
    "empty deltas": EMPTY,
    "white space": EMPTY.replace(b'""', b'"\\n"'),
    "blocks": b'event: content_block_start\ndata: {"type": "content_block_start", "index": 0, '
    b'"content_block": {"type": "text", "text": ""}}\n\n',
    "signatures": EMPTY.replace(b'"text_delta", "text": ""', b'"signature_delta", "signature": "a"'),
    "message_delta": b'event: message_delta\ndata: {"type": "message_delta", "delta": {}}\n\n',
}


@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood_is_a_stall(name: str) -> None:
    """With a clock that goes on a little with each look at it, and data that is always there."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"event: content_block_start\ndata: " + json.dumps(EVENTS[0]).encode() + b"\n\n"
        while True:
            yield FLOODS[name]

    looks = 0

    def now() -> float:
        nonlocal looks
        looks += 1
        return looks / 100

    async with told(pieces(), content_type=SSE, timeouts=Timeouts(idle=90, progress=20, first_content=20)) as attempt:
        attempt._now = now
        _, died = await drain(attempt)
    assert died.kind is Kind.STALLED
    assert looks < 7000


async def test_what_comes_in_one_large_chunk_is_read_whole() -> None:
    """It is read in several pieces, and each event of it comes once, in order."""
    deltas = [{**EVENTS[1], "delta": {"type": "text_delta", "text": str(n)}} for n in range(5_000)]
    frames = [b"event: content_block_delta\ndata: %b\n\n" % json.dumps(delta).encode() for delta in deltas]
    assert len(b"".join(frames)) > 4 * 64 * 1024

    async def pieces() -> AsyncIterator[bytes]:
        yield b"".join(frames)

    async with told(pieces(), content_type=SSE) as attempt:
        events, died = await drain(attempt)
    assert [event["delta"]["text"] for event in events] == [str(n) for n in range(5_000)]
    assert died.kind is Kind.TRUNCATED


async def test_an_answer_has_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is in it, and however it was packed."""
    monkeypatch.setattr("unbroken.engine.attempt._LARGEST_BODY", 100_000)
    text = json.dumps(EVENTS[1]).encode()

    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield b"event: content_block_delta\ndata: " + text + b"\n\n"

    async with told(pieces(), content_type=SSE) as attempt:
        events, died = await drain(attempt)
    assert len(events) * len(text) < 100_000
    assert (died.kind, str(died.error)) == (Kind.MALFORMED, "The answer was larger than 0 MiB.")
    assert died.mark


# -- what never reached the server


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx2.PoolTimeout("full"), Kind.NO_RESOURCES),
        (OSError(errno.EMFILE, "Too many open files"), Kind.NO_RESOURCES),
        (RuntimeError("Cannot send a request, as the client has been closed."), Kind.NOT_SENT),
        (AttributeError("'NoneType' object has no attribute 'id'"), Kind.NOT_SENT),
        (httpx2.ConnectTimeout("slow"), Kind.STALLED),
        (httpx2.ConnectError("refused"), Kind.CONNECTION),
        (RuntimeError("unable to perform operation on <TCPTransport closed=True>"), Kind.CONNECTION),
    ],
    ids=repr,
)
async def test_our_own_trouble_is_told_from_the_networks(error: Exception, kind: Kind) -> None:
    """The SDK raises the same for all of it."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        raise error

    http_client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    async with anthropic.AsyncAnthropic(api_key="test", max_retries=0, http_client=http_client) as client:
        attempt = Attempt(WATCH)
        failure = await attempt.open(client.messages, REQUEST)
    assert failure is not None
    assert failure.kind is kind


async def test_text_that_cannot_be_encoded_is_no_matter_of_credentials() -> None:
    """Half a surrogate pair, which JSON may hold; the error is as it was."""
    async with serving(TEXT) as (server, client):
        attempt = Attempt(WATCH)
        request = {**REQUEST, "messages": [{"role": "user", "content": "\ud83d"}]}
        failure = await attempt.open(client.with_options(max_retries=0).messages, request)
        await attempt.aclose()
    assert failure is not None
    assert (failure.kind, type(failure.error)) == (Kind.NOT_SENT, UnicodeEncodeError)
    assert server.requests == []


async def test_without_credentials_it_is_one() -> None:
    """As the SDK says it."""
    async with anthropic.AsyncAnthropic(max_retries=0) as client:
        attempt = Attempt(WATCH)
        failure = await attempt.open(client.messages, REQUEST)
    assert failure is not None
    assert failure.kind is Kind.AUTHENTICATION


# -- Bedrock's binary frames, from a transport that answers whatever it is told to


def message(headers: dict[str, str], payload: bytes) -> bytes:
    """A message of `application/vnd.amazon.eventstream`."""
    head = b"".join(pack("!B", len(k)) + k.encode() + pack("!BH", 7, len(v)) + v.encode() for k, v in headers.items())
    lengths = pack("!II", 16 + len(head) + len(payload), len(head))
    told = lengths + pack("!I", crc32(lengths)) + head + payload
    return told + pack("!I", crc32(told))


def chunk(event: dict[str, Any]) -> bytes:
    """An event of the Messages API, as Bedrock sends it."""
    data = base64.b64encode(json.dumps(event).encode()).decode()
    headers = {":event-type": "chunk", ":message-type": "event"}
    return message(headers, json.dumps({"bytes": data}).encode())


def exception(name: str) -> bytes:
    """What goes wrong in the middle of a stream."""
    headers = {":exception-type": name, ":message-type": "exception"}
    return message(headers, b'{"message": "It went wrong."}')


EVENTS: Final[list[dict[str, Any]]] = [
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": char}} for char in TEXT),
    {"type": "content_block_stop", "index": 0},
]
BODY: Final = b"".join(map(chunk, EVENTS))


@asynccontextmanager
async def answered(
    body: bytes, status: int = 200, size: int = 1000, **headers: str
) -> AsyncIterator[tuple[Attempt, Failure | None]]:
    """A request of Bedrock's client that is answered with these bytes, so many at a time; then the body ends."""

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body), size):
            yield body[at : at + size]

    def answer(_: httpx2.Request) -> httpx2.Response:
        given = {"content-type": "application/vnd.amazon.eventstream", "x-amzn-requestid": "ca47"}
        given.update({name.replace("_", "-"): value for name, value in headers.items()})
        return httpx2.Response(status, headers=given, content=pieces())

    http_client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    options: dict[str, Any] = {"aws_region": "eu-west-1", "api_key": "test", "max_retries": 0}
    async with anthropic.AsyncAnthropicBedrock(http_client=http_client, **options) as client:
        attempt = Attempt(WATCH)
        failure = await attempt.open(client.messages, REQUEST)
        yield attempt, failure
        await attempt.aclose()


@pytest.mark.parametrize("size", [1, 7, 1000, 100_000])
async def test_binary_frames_bring_the_same_events(size: int) -> None:
    """However many bytes come at a time; pings of a gateway's are left out; the end of the body is a clean end."""
    async with answered(chunk({"type": "ping"}) + BODY, size=size) as (attempt, failure):
        assert failure is None
        assert attempt.request_id == "ca47"
        events, end = await drain(attempt)
        assert events == EVENTS
        assert attempt.content
        assert (end.kind, end.clean_end) == (Kind.TRUNCATED, True)


@pytest.mark.parametrize("size", [7, 100_000])
@pytest.mark.parametrize("encoded", [lambda body: body, gzip.compress], ids=["plain", "gzip"])
async def test_binary_frames_that_are_cut_anywhere_bring_the_whole_ones(encoded: Any, size: int) -> None:
    """Of the frame that was cut, nothing; under a content encoding, what can be unpacked."""
    body = encoded(BODY)
    headers = {} if body is BODY else {"content_encoding": "gzip"}
    for cut in range(1, len(body), 389):
        async with answered(body[:cut], size=size, **headers) as (attempt, _):
            events, end = await drain(attempt)
            assert events == EVENTS[: len(events)]
            assert body is not BODY or len(events) == sum(len(BODY[:cut]) >= end for end in ENDS)
            assert end.kind in (Kind.TRUNCATED, Kind.CONNECTION)
            assert end.status == 200


#: Where each event of `BODY` is whole.
ENDS: Final = [len(b"".join(map(chunk, EVENTS[: count + 1]))) for count in range(len(EVENTS))]

_WRONG: Final = BODY[:-2] + bytes([BODY[-2] ^ 1]) + BODY[-1:]

BROKEN_FRAMES: Final[dict[str, tuple[bytes, Kind, Verdict, str | None]]] = {
    "a wrong CRC": (_WRONG[ENDS[-2] :], Kind.MALFORMED, Verdict.RETRY, None),
    "an unknown message type": (message({":message-type": "new"}, b"{}"), Kind.MALFORMED, Verdict.RETRY, None),
    "an event of another shape": (chunk({"type": "content_block_delta"}), Kind.MALFORMED, Verdict.RETRY, None),
    "internalServerException": (
        exception("internalServerException"),
        Kind.SERVER_ERROR,
        Verdict.RETRY,
        "internalServerException",
    ),
    "modelStreamErrorException": (
        exception("modelStreamErrorException"),
        Kind.SERVER_ERROR,
        Verdict.RETRY,
        "modelStreamErrorException",
    ),
    "modelTimeoutException": (
        exception("modelTimeoutException"),
        Kind.TIMED_OUT,
        Verdict.RETRY,
        "modelTimeoutException",
    ),
    "serviceUnavailableException": (
        exception("serviceUnavailableException"),
        Kind.OVERLOADED,
        Verdict.RETRY,
        "serviceUnavailableException",
    ),
    "throttlingException": (
        exception("throttlingException"),
        Kind.RATE_LIMITED,
        Verdict.RETRY,
        "throttlingException",
    ),
    "validationException": (
        exception("validationException"),
        Kind.INVALID_REQUEST,
        Verdict.REJECTED,
        "validationException",
    ),
    "an error event of the API's": (
        chunk({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
        Kind.OVERLOADED,
        Verdict.RETRY,
        "overloaded_error",
    ),
    "an error without a code": (message({":message-type": "error"}, b""), Kind.SERVER_ERROR, Verdict.RETRY, None),
}


@pytest.mark.parametrize("size", [7, 100_000])
@pytest.mark.parametrize("name", BROKEN_FRAMES)
async def test_a_binary_frame_that_breaks_the_stream_is_a_failure_of_its_kind(name: str, size: int) -> None:
    """All that came before it, in the same chunk too, is handed over; the error is one of the SDK's."""
    body, kind, verdict, type_ = BROKEN_FRAMES[name]
    async with answered(BODY[: ENDS[-2]] + body + BODY, size=size) as (attempt, _):
        events, died = await drain(attempt)
        assert events == EVENTS[:-1]
        assert (died.kind, died.verdict, died.type, died.status) == (kind, verdict, type_, 200)
        assert not died.clean_end
        assert isinstance(died.error, anthropic.APIResponseValidationError | anthropic.APIStatusError)
        if isinstance(died.error, anthropic.APIStatusError):
            assert died.error.request_id == "ca47"


async def test_an_exception_of_amazons_instead_of_a_stream_has_its_name_and_its_request_id() -> None:
    """Where the SDK looks for the first-party API's header alone."""
    headers = {"content_type": "application/json", "x_amzn_errortype": "ModelNotReadyException"}
    async with answered(b'{"message": "Not yet."}', status=429, **headers) as (_, failure):
        assert failure is not None
        assert (failure.kind, failure.type) == (Kind.OVERLOADED, "ModelNotReadyException")
        assert isinstance(failure.error, anthropic.RateLimitError)
        assert failure.error.request_id == "ca47"


async def test_a_client_that_cannot_sign_is_a_failure_and_its_error_is_kept() -> None:
    """Nothing was sent; on another client the stream may go on."""

    async def provide() -> str:
        raise error

    error = LookupError("there is no token")
    client = anthropic.AsyncAnthropicFoundry(resource="r", azure_ad_token_provider=provide, max_retries=0)
    async with client:
        attempt = Attempt(WATCH)
        failure = await attempt.open(client.messages, REQUEST)
        await attempt.aclose()
    assert failure is not None
    assert (failure.verdict, failure.error, failure.status) == (Verdict.CLIENT, error, None)
