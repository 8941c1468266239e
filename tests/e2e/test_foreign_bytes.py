"""Bytes that the API would not send, from gateways and from hostile peers: read as they are meant, or survived."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import anthropic
import anyio
import anyio.lowlevel
import httpx2
import pytest

from unbroken import Health, Policy, ResilienceMiddleware, StreamFailed, resilient_stream
from unbroken.core.wire.frames import encode, encode_chunk
from unbroken.core.wire.sse import MAX_FRAME

pytestmark = pytest.mark.anyio

TEXT: Final = "The quick brown fox jumps over the lazy dog, and is happy about it."
HEAD, TAIL = TEXT[:20], TEXT[20:]


def frame(name: str | None, data: str) -> bytes:
    """A frame of any name and any data."""
    return (f"event: {name}\n" if name is not None else "").encode() + f"data: {data}\n\n".encode()


def text_delta(text: str) -> dict[str, Any]:
    """A piece of the text."""
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


def opening(**usage: Any) -> list[dict[str, Any]]:
    """The events before the text."""
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-5-5", "content": []}
    stops = {"stop_reason": None, "stop_sequence": None}
    counted = {"usage": usage or {"input_tokens": 10, "output_tokens": 1}}
    return [
        {"type": "message_start", "message": {**message, **stops, **counted}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    ]


ENDING: Final[list[dict[str, Any]]] = [
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 20}},
    {"type": "message_stop"},
]


def body(*pieces: dict[str, Any] | bytes, binary: bool = False) -> bytes:
    """Events and bytes, one after the other."""
    return b"".join(piece if isinstance(piece, bytes) else encode(piece, binary=binary) for piece in pieces)


def around(*pieces: dict[str, Any] | bytes) -> bytes:
    """A whole answer with these between the two halves of its text."""
    return body(*opening(), text_delta(HEAD), *pieces, text_delta(TAIL), *ENDING)


class InPieces(httpx2.AsyncByteStream):
    """A body in these pieces."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


@dataclass
class Read:
    """What came of a stream."""

    text: str = ""
    message: Any = None
    error: Exception | None = None
    partial: Any = None
    requests: list[dict[str, Any]] = field(default_factory=list)
    types: list[str] = field(default_factory=list)


async def read(*bodies: bytes | Sequence[bytes], headers: dict[str, str] | None = None, **changes: Any) -> Read:
    """Read one stream of events whose responses have these bodies; the last one comes again and again."""
    found = Read()

    def answer(request: httpx2.Request) -> httpx2.Response:
        found.requests.append(json.loads(request.content))
        given = bodies[min(len(found.requests), len(bodies)) - 1]
        stream = InPieces([given] if isinstance(given, bytes) else given)
        return httpx2.Response(200, headers={"content-type": "text/event-stream", **(headers or {})}, stream=stream)

    http = anthropic.DefaultAsyncHttpxClient(transport=httpx2.MockTransport(answer))
    arguments = {"model": "claude-opus-5-5", "max_tokens": 1_000, "messages": [{"role": "user", "content": "Hi"}]}
    policy = changes.pop("policy", Policy(initial_backoff=0))
    async with anthropic.AsyncAnthropic(api_key="test", http_client=http) as client:
        try:
            async with resilient_stream(client, **arguments, policy=policy, health=Health(), **changes) as stream:
                async for event in stream:
                    found.types.append(event.type)
                    if event.type == "text":
                        found.text += event.text
                found.message = await stream.get_final_message()
                stream.report.cost()
                found.partial = stream.partial
        except Exception as error:
            found.error = error
            found.partial = getattr(error, "partial", None)
    return found


ONCE: Final = Policy(max_attempts=1, resume="never")


def in_two(event: dict[str, Any], between: bytes) -> bytes:
    """A frame with something between its two lines."""
    name, _, data = encode(event).partition(b"\n")
    return name + b"\n" + between + data


READ_IN_ONE_REQUEST: Final = {
    "a keep-alive": around(frame("keepalive", "{}")),
    "a ping in capitals": around(frame("PING", "{}")),
    "a heartbeat": around(frame("heartbeat", "null")),
    "a type that is a number": around(frame("x", '{"type": 3}')),
    "plain text": around(frame("metadata", "plain text")),
    "the end of another API": around(frame("data", "[DONE]"), frame(None, "[DONE]")),
    "no name": body(*opening(), frame(None, json.dumps(text_delta(HEAD))), text_delta(TAIL), *ENDING),
    "a keep-alive within a frame": body(*opening(), in_two(text_delta(HEAD), b": k\n\n"), text_delta(TAIL), *ENDING),
    "counts as floats": body(*opening(input_tokens=10.0), text_delta(TEXT), *ENDING),
    "counts as strings": body(*opening(input_tokens="10"), text_delta(TEXT), *ENDING),
    "no usage": around().replace(b',"usage":{"output_tokens":20}', b"").replace(b'"usage"', b'"used"'),
    "indices as floats": around().replace(b'"index":0', b'"index":0.0'),
    "indices as strings": around().replace(b'"index":0', b'"index":"0"'),
    "a block without its text": around().replace(b',"text":""}', b"}"),
    "a byte order mark": b"\xef\xbb\xbf" + around(),
    "carriage returns": around().replace(b"\n", b"\r\n"),
}


@pytest.mark.parametrize("sent", READ_IN_ONE_REQUEST.values(), ids=READ_IN_ONE_REQUEST)
async def test_what_a_gateway_writes_otherwise_is_read_as_it_is_meant(sent: bytes) -> None:
    """After one request, with nothing lost."""
    found = await read(sent)
    assert (found.text, len(found.requests), found.error) == (TEXT, 1, None)
    assert found.message.stop_reason == "end_turn"
    assert found.types[-1] == "message_stop"


@pytest.mark.parametrize("type_", ["message_metadata", "content_block_meta", "an_event_of_next_year"])
async def test_an_event_of_tomorrow_is_passed_on_in_its_place(type_: str) -> None:
    """Whatever its name begins with."""
    found = await read(around({"type": type_, "x": 1}))
    assert (found.text, len(found.requests)) == (TEXT, 1)
    assert found.types.index(type_) == found.types.index("text") + 1


async def test_a_misfit_delta_is_no_text() -> None:
    """The SDK leaves out what a block does not have."""
    thought = {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "XX"}}
    found = await read(around(thought))
    assert (found.text, found.message.content[0].text, found.partial.text) == (TEXT, TEXT, TEXT)


DEEP: Final = "[" * 5_000 + "]" * 5_000
DEEP_EVENT: Final = f'{{"type":"content_block_delta","x":{DEEP}}}'

BROKEN: Final = {
    "nested without end": frame("content_block_delta", DEEP_EVENT),
    "nested without end, without a name": frame(None, DEEP_EVENT),
    "an error that is nested without end": frame("error", f'{{"type":"error","error":{DEEP}}}'),
    "cut, and nested without end": f"event: error\ndata: {DEEP}".encode(),
    "no UTF-8": b"event: content_block_delta\ndata: \xff\n\n",
    "no JSON": frame("content_block_delta", "{"),
    "the answer's own, called a ping": frame("ping", json.dumps(text_delta("lost"))),
    "a delta that is no text": encode({**text_delta(""), "delta": {"type": "text_delta", "text": None}}),
    "an error without words": b"event: error\n\n",
    "an error that only its type tells": frame("x", '{"type":"error","error":{"type":"overloaded_error"}}'),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("whole", [True, False])
async def test_what_came_before_what_cannot_be_read_is_delivered(broken: bytes, whole: bool) -> None:
    """In the same read, or in one before it. The failure has a name, and holds nothing of what was sent."""
    before = body(*opening(), text_delta(TEXT))
    found = await read(before + broken if whole else [before, broken], policy=ONCE)
    assert isinstance(found.error, StreamFailed)
    assert found.text == found.partial.text == TEXT
    assert "lost" not in repr(found.error.last)


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_what_cannot_be_read_is_resumed_from(broken: bytes) -> None:
    """Like any other failure of a stream."""
    again = body(*opening(), text_delta(TEXT[30:]), *ENDING)
    found = await read(body(*opening(), text_delta(TEXT[:50])) + broken, again)
    assert (found.text, len(found.requests), found.error) == (TEXT, 2, None)


async def test_bedrocks_messages_that_are_nested_without_end_are_malformed() -> None:
    """What came before is delivered."""
    sent = body(*opening(), text_delta(TEXT), binary=True) + encode_chunk(DEEP_EVENT.encode())
    found = await read(sent, headers={"content-type": "application/vnd.amazon.eventstream"}, policy=ONCE)
    assert isinstance(found.error, StreamFailed)
    assert found.partial.text == TEXT


async def test_a_frame_that_never_ends_is_not_waited_for() -> None:
    """What had arrived is in hand, and the failure says what it is; a few kilobytes may be that long when inflated."""
    sent = gzip.compress(body(*opening(), text_delta(TEXT)) + b"data: " + b"x" * (MAX_FRAME + 1_000_000))
    assert len(sent) < 100_000
    found = await read(sent, headers={"content-encoding": "gzip"}, policy=ONCE)
    assert isinstance(found.error, StreamFailed)
    assert found.partial.text == TEXT
    assert "larger than 33,554,432 bytes" in str(found.error.last)


async def test_others_run_while_a_large_chunk_is_read() -> None:
    """However much an inflated one holds: it is read piece by piece."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(count)
        found = await read(around(b":\n\n" * 500_000))
        tasks.cancel_scope.cancel()
    assert found.text == TEXT
    assert turns > 1_500_000 / 65_536


@pytest.mark.parametrize("size", [1_400, 65_536])
async def test_an_event_of_megabytes_is_read_in_packets(size: int) -> None:
    """Of the size that search results have."""
    large = body(*opening(), text_delta("x" * 4_000_000), *ENDING)
    found = await read([large[at : at + size] for at in range(0, len(large), size)])
    assert found.text == "x" * 4_000_000


async def test_a_character_that_is_cut_in_two_deltas_is_one() -> None:
    """Its halves are in no text, and no request."""
    found = await read(around(text_delta("\ud83d"), text_delta("\ude00")))
    assert found.text == f"{HEAD}\U0001f600{TAIL}" == found.message.content[0].text


async def test_a_stream_that_is_cut_in_the_middle_of_a_character_is_gone_on_with() -> None:
    """Without that half, which the model writes again."""
    said = f"{TEXT[:60]} "
    cut = body(*opening(), text_delta(said), text_delta("\ud83d"))
    again = body(*opening(), text_delta(said[-30:]), text_delta("\ud83d"), text_delta("\ude00 indeed."), *ENDING)
    found = await read(cut, again)
    assert (found.text, len(found.requests), found.error) == (f"{said}\U0001f600 indeed.", 2, None)
    failed = await read(cut, policy=ONCE)
    assert failed.partial.to_json().encode()
    assert failed.partial.text == said


async def test_the_middleware_hands_on_what_was_read() -> None:
    """To the SDK, which could not have read it."""
    sent = around(frame("heartbeat", "null"), text_delta("\ud83d"), text_delta("\ude00")).replace(b'"usage"', b'"used"')

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=sent)

    http = anthropic.DefaultAsyncHttpxClient(transport=httpx2.MockTransport(answer))
    middleware = [ResilienceMiddleware()]
    async with anthropic.AsyncAnthropic(api_key="test", http_client=http, middleware=middleware) as client:
        asked = {"model": "claude-opus-5-5", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}
        async with client.messages.stream(**asked) as stream:  # type: ignore[arg-type]
            message = await stream.get_final_message()
    assert message.content[0].text == f"{HEAD}\U0001f600{TAIL}"  # type: ignore[union-attr]


NASTY: Final[list[Any]] = [None, True, -1, 0.5, "", "x", "\ud800", [], [None], {}, {"type": "x"}, 10**3_999]


def fields(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The paths of all fields."""
    if not isinstance(value, dict):
        return []
    return [each for name, inner in value.items() for each in ((*path, name), *fields(inner, (*path, name)))]


def changed(events: list[dict[str, Any]], at: int, path: tuple[str, ...], value: Any) -> bytes:
    """The body with one field of one event set to the value; `...` for a field that is gone."""
    event = json.loads(json.dumps(events[at]))
    holder = event
    for name in path[:-1]:
        holder = holder[name]
    if value is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    frames = [*map(encode, events[:at]), frame(events[at]["type"], json.dumps(event)), *map(encode, events[at + 1 :])]
    return b"".join(frames)


EVERYTHING: Final[list[dict[str, Any]]] = [
    *opening(input_tokens=1, output_tokens=1, cache_creation={"ephemeral_1h_input_tokens": 1}),
    {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": {"type": "x"}}},
    text_delta(TEXT),
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "thinking_delta", "thinking": "Hm."}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "signature_delta", "signature": "c2ln"}},
    {"type": "content_block_stop", "index": 1},
    {
        "type": "content_block_start",
        "index": 2,
        "content_block": {"type": "tool_use", "id": "t", "name": "n", "input": {}},
    },
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
    {"type": "content_block_stop", "index": 2},
    *ENDING[1:],
]


@pytest.mark.slow
@pytest.mark.parametrize("value", [..., *NASTY], ids=lambda value: repr(value)[:12])
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
async def test_no_shape_comes_out_as_an_error_without_a_name(value: Any) -> None:
    """Each field of each event, one after the other: a message whose cost can be told, or a failure."""
    for at, event in enumerate(EVERYTHING):
        for path in fields(event):
            found = await read(changed(EVERYTHING, at, path, value), policy=ONCE)
            named = isinstance(found.error, anthropic.APIError) or "tool parameter JSON" in str(found.error)
            assert found.error is None or named, (event["type"], path, value, found.error)
            if found.partial is not None:
                assert found.partial.to_json().encode()
