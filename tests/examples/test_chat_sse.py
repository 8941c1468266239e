"""The log as server-sent events: wherever a connection breaks, the next one goes on exactly there."""

from __future__ import annotations

import anyio
import pytest
from chat.chats import Chat, Event
from chat.sse import BEAT, GONE, EventStream, merged
from visiting import Frame, frames

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

TEXTS = ["The lig", "hthouse\n\n", "", "\r\ndata: 灯台 ", "\ud83d", "\ude00", "."]


def chat() -> Chat:
    """A chat with two answers, texts that could break the framing among them."""
    log = Chat()
    for question in ("Who is there?", "And then?"):
        log.ask(question)
        log.add("text", text="I ")
        log.add("waiting", words="reconnecting…")
        for text in TEXTS:
            log.add("text", text=text)
        log.add("end", reason="end_turn", words="")
    return log


async def stream_of(log: Chat, seen: int = 0) -> str:
    """All that a reader of a log that does not grow any more gets, before the first heartbeat."""
    stream = ""
    if seen < len(log.events):
        async for piece in EventStream(log, seen):
            stream += piece
            if any(frame.id == len(log.events) for frame in frames(stream)):
                break
    return stream


def shown(seen: list[Frame]) -> list[tuple[str, object]]:
    """What a page makes of the events: texts that follow each other are one."""
    page: list[tuple[str, object]] = []
    for frame in seen:
        if frame.type == "text" and page and page[-1][0] == "text":
            page[-1] = ("text", _joined(str(page[-1][1]) + frame.data["text"]))
        else:
            page.append((frame.type, frame.data.get("text", frame.data)))
    return page


def _joined(text: str) -> str:
    """JavaScript knows no difference between a character and its two surrogates side by side."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


async def test_a_connection_cut_at_any_byte_loses_and_doubles_nothing() -> None:
    """The stream is cut at each index, and read on after the last event that came whole."""
    log = chat()
    whole = await stream_of(log)
    truth = shown(frames(whole))
    for cut in range(len(whole)):
        before = frames(whole[:cut])
        seen = before[-1].id or 0 if before else 0
        assert shown(before + frames(await stream_of(log, seen))) == truth


async def test_the_log_can_be_read_on_from_any_event() -> None:
    """Also from inside a text that another reader got in one piece."""
    log = chat()
    for seen in range(len(log.events)):
        rest = frames(await stream_of(log, seen))
        assert shown([Frame(e.type, dict(e.data)) for e in log.events[seen:]]) == shown(rest)
        assert rest[-1].id == len(log.events)


def test_texts_that_wait_together_are_one_event() -> None:
    """Whoever lags gets fewer events, and each is counted once."""
    a, b, wait = Event("text", {"text": "a"}), Event("text", {"text": "b"}), Event("waiting", {"words": "…"})
    assert list(merged([a, b, wait, b])) == [(2, Event("text", {"text": "ab"})), (3, wait), (4, b)]


async def test_a_heartbeat_comes_when_nothing_else_does() -> None:
    """Every 15 seconds of silence, and without an id: it is no part of the log."""
    began = anyio.current_time()
    reader = EventStream(Chat(), 0)
    assert await anext(reader) == "retry: 1000\n\n"
    for beat in (1, 2, 3):
        assert frames(await anext(reader)) == [Frame("beat", {})]
        assert anyio.current_time() - began == pytest.approx(beat * BEAT)


async def test_what_is_added_wakes_every_reader() -> None:
    """Two readers wait at the same log, and both get the event."""
    log = Chat()
    got: list[str] = []

    async def read() -> None:
        async for piece in EventStream(log, 0):
            if found := frames(piece):
                got.append(found[0].data["text"])
                return

    async with anyio.create_task_group() as readers:
        readers.start_soon(read)
        readers.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        log.ask("Who is there?")
    assert got == ["Who is there?"] * 2


async def test_a_server_that_ends_lets_go_of_its_readers() -> None:
    """Also of those who wait: what they have not seen they get from whoever serves next."""
    log = chat()
    reader = EventStream(log, len(log.events))
    await anext(reader)
    ended = anyio.Event()

    async def read() -> None:
        with pytest.raises(StopAsyncIteration):
            await anext(reader)
        ended.set()

    async with anyio.create_task_group() as readers:
        readers.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        assert not ended.is_set()
        log.hang_up()
    assert ended.is_set()


def test_gone_is_an_event_without_an_id() -> None:
    """A page that hears it forgets nothing of what it has."""
    assert frames(GONE) == [Frame("gone", {})]
