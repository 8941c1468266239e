"""One response, in virtual time: when it begins, what it says, how it ends, and who it waits for."""

from __future__ import annotations

from functools import partial
from typing import Any

import anyio
import pytest
from tests.web.fakes import Client, FakeStream, failure_of
from tests.web.golden import WIRES
from tests.web.messages import STREAMS
from tests.web.wires import FAILED, body_of, chunks_of, frames_of

from unbroken.durable.errors import StreamMissing
from unbroken.journal import JournalUnavailable
from unbroken.web import BrokenOff, StreamApp
from unbroken.web.problem import CANCELLED
from unbroken.web.sse import retry_line

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual", "asyncio")]

TEXT = STREAMS["text"]
RETRY = retry_line(1.0)


def body_on(name: str, wire: str) -> bytes:
    """What a whole response has."""
    made = body_of(WIRES[wire](), STREAMS[name])
    assert made is not None
    return made if wire == "text" else RETRY + made


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("name", [name for name, stream in STREAMS.items() if stream.end == "complete"])
async def test_a_whole_answer(name: str, wire: Any) -> None:
    """It is what the wire makes of it, and the stream is closed afterwards."""
    stream, client = FakeStream(STREAMS[name]), Client()
    await client.get(StreamApp(stream, wire))
    assert client.body == body_on(name, wire)
    assert client.is_complete
    assert (stream.closed, stream.readers) == (1, 0)


@pytest.mark.parametrize(
    ("wire", "headers"),
    [
        ("anthropic", {"content-type": "text/event-stream"}),
        ("text", {"content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff"}),
        (
            "ui-message",
            {
                "content-type": "text/event-stream",
                "x-vercel-ai-ui-message-stream": "v1",
                "x-workflow-run-id": "c7/3",
            },
        ),
    ],
)
async def test_its_headers(wire: Any, headers: dict[str, str]) -> None:
    """No cache keeps it, and no proxy waits for more of it."""
    client = Client()
    await client.get(StreamApp(FakeStream(TEXT), wire))
    assert client.status == 200
    assert client.headers == {"cache-control": "no-cache, no-transform", "x-accel-buffering": "no", **headers}


async def test_what_the_caller_says_in_the_head_goes_before() -> None:
    """Under whatever case."""
    client = Client()
    app = StreamApp(FakeStream(TEXT))
    await client.get(partial(app.respond, headers=[(b"Cache-Control", b"no-store"), (b"x-request", b"1")]))
    assert client.headers["Cache-Control"] == "no-store"
    assert client.headers["x-request"] == "1"
    assert "cache-control" not in client.headers


# -- where it begins


@pytest.mark.parametrize(
    ("query", "header", "own", "after"),
    [
        ("", None, None, None),
        ("after=1-5", None, None, "1-5"),
        ("after=1-5", "1-6", None, "1-6"),
        ("after=1-5", "1-6", "1-4", "1-4"),
        ("after=nonsense", None, None, "0"),
        ("", "what?", None, "0"),
    ],
)
async def test_where_the_stream_is_read_from(query: str, header: str | None, own: str | None, after: str) -> None:
    """What the caller has said; else the header, else the address. A bad value is the start, and no error."""
    for wire in ("anthropic", "text"):
        stream = FakeStream(TEXT, after=own)
        await Client().get(StreamApp(stream, wire), query, {} if header is None else {"last-event-id": header})
        assert stream.after == after


async def test_every_place_to_come_back_from() -> None:
    """What a reader has, and what it gets when it comes back with the last id that it had, is the whole."""
    for name in ("citations", "text, failed", "text, stopped", "no stop"):
        whole = body_on(name, "anthropic").removeprefix(RETRY)
        had = b""
        for frame in [*whole.split(b"\n\n")[:-1]]:
            had += frame + b"\n\n"
            client = Client()
            stream = FakeStream(STREAMS[name])
            await client.get(StreamApp(stream), headers={"last-event-id": frames_of(had)[-1].id or ""})
            assert had + client.body.removeprefix(RETRY) == whole
            assert client.status == (204 if had == whole else 200)


async def test_chunks_are_counted_from_the_first_event() -> None:
    """So the stream is read from there, whatever the caller has said; what the reader has is not sent."""
    whole = body_on("thinking and calls", "ui-message").removeprefix(RETRY)
    frames = whole.split(b"\n\n")[:-1]
    for index in range(len(frames) - 1):
        stream, client = FakeStream(STREAMS["thinking and calls"], after="1-7"), Client()
        await client.get(StreamApp(stream, "ui-message"), f"startIndex={index}")
        assert stream.after == "0"
        assert client.body.removeprefix(RETRY) == b"".join(frame + b"\n\n" for frame in frames[index:])


async def test_a_reader_of_chunks_may_come_back_by_position() -> None:
    """As an `EventSource` does."""
    whole = frames_of(body_on("text", "ui-message"))
    for source in ({"last-event-id": "2-9"}, None):
        stream, client = FakeStream(TEXT, after=None if source else "2-9"), Client()
        await client.get(StreamApp(stream, "ui-message"), headers=source)
        at = next(number for number, frame in enumerate(whole) if frame.id == "2-9")
        assert frames_of(client.body) == whole[at + 1 :]


@pytest.mark.parametrize(("index", "left"), [(-1, 1), (-3, 3), (-100, None)])
async def test_chunks_are_counted_from_the_end(index: int, left: int | None) -> None:
    """The header says where the end was, so that the reader knows the numbers of what it gets."""
    count = len(chunks_of(TEXT))
    client = Client()
    await client.get(StreamApp(FakeStream(TEXT), "ui-message"), f"startIndex={index}")
    *frames, _ = frames_of(client.body)
    assert [frame.json for frame in frames] == chunks_of(TEXT)[-left if left else 0 :]
    assert client.headers["x-workflow-stream-tail-index"] == str(count - 1)


async def test_the_end_of_a_stream_that_goes_on() -> None:
    """It is where it is when the reader asks; what comes then is sent as it comes."""
    stream, client = FakeStream(TEXT, live=4), Client()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.get, StreamApp(stream, "ui-message"), "startIndex=-1")
        await client.until(lambda: b"data:" in client.body)
        seen = int(client.headers["x-workflow-stream-tail-index"]) + 1
        assert frames_of(client.body)[-1].json == chunks_of(TEXT)[seen - 1]
        stream.come()
    assert [frame.json for frame in frames_of(client.body)[:-1]] == chunks_of(TEXT)[seen - 1 :]


@pytest.mark.backends("virtual")
async def test_a_stream_of_which_nothing_is_there_yet_has_no_end() -> None:
    """The reader of its last chunks gets all of them."""
    stream, client = FakeStream(TEXT, live=0), Client()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.get, StreamApp(stream, "ui-message"), "startIndex=-5")
        await anyio.sleep(2)
        stream.come()
    assert client.headers["x-workflow-stream-tail-index"] == "-1"
    assert [frame.json for frame in frames_of(client.body)[:-1]] == chunks_of(TEXT)


# -- nothing to read


@pytest.mark.parametrize("wire", WIRES)
async def test_there_is_no_such_stream(wire: Any) -> None:
    """Nobody learns whether there ever was one, or whose it is."""
    stream, client = FakeStream(None), Client()
    await client.get(StreamApp(stream, wire))
    assert (client.status, client.body, client.is_complete) == (204, b"", True)
    assert "content-type" not in client.headers
    assert stream.closed == 1


async def test_there_is_nothing_left() -> None:
    """Whoever has all of it is to stop coming back."""
    position, _ = TEXT.entries[-1]
    for wire in ("anthropic", "text"):
        client = Client()
        await client.get(StreamApp(FakeStream(TEXT, after=position), wire))
        assert (client.status, client.body) == (204, b"")
    for query in (f"startIndex={len(chunks_of(TEXT))}", f"after={position}"):
        client = Client()
        await client.get(StreamApp(FakeStream(TEXT), "ui-message"), query)
        assert (client.status, client.body) == (204, b"")


# -- a stream that goes on


@pytest.mark.backends("virtual")
async def test_it_says_that_it_is_there() -> None:
    """The head comes after a second at the latest; then a comment after each 15 seconds without an event."""
    stream, client = FakeStream(TEXT, live=0), Client()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.get, StreamApp(stream))
        await anyio.sleep(40)
        stream.come(1)
        await anyio.sleep(16)
        stream.come()
    times = [round(at, 6) for at, _ in client.messages]
    assert times == [1, 1, 16, 31, 40, 55, 56]
    assert [m.get("body") for _, m in client.messages][1:4] == [RETRY, b":\n\n", b":\n\n"]
    assert client.body.replace(b":\n\n", b"") == body_on("text", "anthropic")


@pytest.mark.backends("virtual")
async def test_text_has_no_comments() -> None:
    """The head comes all the same, so that the client knows that it is answered."""
    stream, client = FakeStream(TEXT, live=0), Client()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.get, StreamApp(stream, "text"))
        await anyio.sleep(40)
        assert [round(at, 6) for at, _ in client.messages] == [1]
        stream.come()
    assert client.body == TEXT.text.encode()


async def test_what_comes_is_sent_as_it_comes() -> None:
    """Each event by itself, where the next one is not there yet."""
    stream, client = FakeStream(TEXT, live=0), Client()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.get, StreamApp(stream))
        for count in range(1, len(TEXT.entries) + 1):
            stream.come(1)
            await client.until(lambda count=count: len(frames_of(client.body)) == count)
        stream.come()
    assert client.is_complete


async def test_what_is_there_is_sent_at_once() -> None:
    """A long answer that a late reader asks for is not sent event by event."""
    client = Client()
    await client.get(StreamApp(FakeStream(TEXT)))
    assert len(client.messages) == 2


# -- how it ends


@pytest.mark.parametrize(("name", "type"), [("text, failed", "overloaded_error"), ("text, stopped", CANCELLED.type)])
async def test_what_is_not_whole_is_told(name: str, type: str) -> None:
    """By a last frame; the body ends cleanly behind it. Nothing of the error's own text is in it."""
    client = Client()
    await client.get(StreamApp(FakeStream(STREAMS[name])))
    error = frames_of(client.body)[-1]
    assert (error.event, error.json["error"]["type"]) == ("error", type)
    assert client.is_complete
    client = Client()
    await client.get(StreamApp(FakeStream(STREAMS[name]), "ui-message"))
    kinds = [frame.json["type"] for frame in frames_of(client.body)[:-1]]
    assert ("error" in kinds, "abort" in kinds) == (type != CANCELLED.type, type == CANCELLED.type)
    assert client.is_complete
    assert b"secret" not in client.body


async def test_the_caller_may_say_what_is_told() -> None:
    """Of an answer that failed."""
    client = Client()
    app = StreamApp(FakeStream(STREAMS["text, failed"]), "ui-message", error_text=lambda error: f"Sorry: {error.type}.")
    await client.get(app)
    assert frames_of(client.body)[-2].json == {"type": "error", "errorText": "Sorry: overloaded_error."}


async def test_a_type_that_says_too_much_is_not_told() -> None:
    """A gateway may have made it."""
    client = Client()
    await client.get(StreamApp(FakeStream(TEXT, error=failure_of(type="see https://internal"), live=None)))
    assert frames_of(client.body)[-1].event == "message_stop"  # the message was whole
    client = Client()
    stream = FakeStream(STREAMS["text, failed"], error=failure_of(type="see https://internal"))
    await client.get(StreamApp(stream))
    assert frames_of(client.body)[-1].json["error"]["type"] == "not_asked"  # its diagnosis: no request was sent


@pytest.mark.parametrize("name", ["text, failed", "text, stopped", "failed before anything"])
async def test_half_a_text_breaks_off(name: str) -> None:
    """It has no frame that could say it; what there is of it is sent first."""
    stream, client = FakeStream(STREAMS[name]), Client()
    with pytest.raises(BrokenOff):
        await client.get(StreamApp(stream, "text"))
    assert client.body == STREAMS[name].text.encode()
    assert (client.status, client.is_complete) == (200, False)
    assert stream.closed == 1


async def _broken_off(client: Client, app: StreamApp) -> None:
    with pytest.raises(BrokenOff):
        await client.get(app)


def _away() -> Exception:
    error = failure_of(type=None)
    error.__cause__ = JournalUnavailable("it does not answer")
    return error


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("error", [_away, lambda: StreamMissing("deleted"), lambda: None])
async def test_in_the_middle_of_an_answer_that_may_go_on(error: Any, wire: Any) -> None:
    """The journal is away, the stream is deleted, or somebody has closed the reading: the reader is to come back."""
    stream, client = FakeStream(TEXT, live=5), Client()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_broken_off, client, StreamApp(stream, wire))
        await client.until(lambda: TEXT.text[:5].encode() in client.body)
        stream.break_with(error())
    assert not client.is_complete
    assert (stream.closed, stream.readers) == (1, 0)


@pytest.mark.parametrize("wire", WIRES)
async def test_the_journal_is_away_from_the_start(wire: Any) -> None:
    """A browser comes back after a body that broke off, and never after an error's status."""
    client = Client()
    with pytest.raises(BrokenOff):
        await client.get(StreamApp(FakeStream(STREAMS["failed before anything"], error=_away()), wire))
    assert (client.status, client.body) == (200, b"")


@pytest.mark.parametrize("wire", WIRES)
async def test_what_nobody_expects_is_raised(wire: Any) -> None:
    """It is a fault of ours, and goes into the server's log; the body breaks off, or never begins."""
    for entries in (STREAMS["failed before anything"], STREAMS["text, failed"]):
        client = Client()
        with pytest.raises(ZeroDivisionError):
            await client.get(StreamApp(FakeStream(entries, error=ZeroDivisionError()), wire))
        assert client.status is None or not client.is_complete


@pytest.mark.backends("virtual")
async def test_a_stream_that_goes_away_in_silence() -> None:
    """The head was sent already: it cannot be 204 any more."""
    for error in (StreamMissing("deleted"), None):
        stream, client = FakeStream(TEXT, live=0), Client()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_broken_off, client, StreamApp(stream))
            await anyio.sleep(2)
            stream.break_with(error)
        assert client.body == RETRY


async def test_a_rewind_breaks_text_off() -> None:
    """What was shown cannot be taken back there; the other wires say it."""
    position, _ = TEXT.entries[-1]
    entries = [*TEXT.entries[:5], ("0", {"type": "rewind"}), *TEXT.entries]
    rewound = type(TEXT)(entries)
    client = Client()
    with pytest.raises(BrokenOff):
        await client.get(StreamApp(FakeStream(rewound), "text"))
    client = Client()
    await client.get(StreamApp(FakeStream(rewound)))
    assert [frame.event for frame in frames_of(client.body)].count("rewind") == 1
    assert frames_of(client.body)[-1].id == position
    client = Client()
    await client.get(StreamApp(FakeStream(rewound), "ui-message"))
    assert frames_of(client.body)[-2].json["type"] == "error"
    assert client.is_complete


# -- HEAD


@pytest.mark.parametrize("wire", WIRES)
async def test_only_the_head(wire: Any) -> None:
    """It says what a GET would say, and reads no more than that takes."""
    client, other = Client(), Client()
    await client.get(StreamApp(FakeStream(TEXT), wire), method="HEAD")
    await other.get(StreamApp(FakeStream(TEXT), wire))
    assert (client.status, client.body, client.is_complete) == (200, b"", True)
    assert client.headers == other.headers
    client = Client()
    await client.get(StreamApp(FakeStream(None), wire), method="HEAD")
    assert (client.status, client.body, client.is_complete) == (204, b"", True)


@pytest.mark.backends("virtual")
async def test_only_the_head_of_a_stream_that_is_silent() -> None:
    """It lives: 200."""
    client = Client()
    await client.get(StreamApp(FakeStream(TEXT, live=0)), method="HEAD")
    assert (client.status, client.body) == (200, b"")


def test_what_is_told_is_ours() -> None:
    """The sentence of a failure has the name of the error alone."""
    assert FAILED.text == "The answer could not be finished (overloaded_error)."
