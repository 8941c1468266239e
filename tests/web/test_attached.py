"""What `attach` returns, in responses: a real journal, and every place to come back to."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from tests.web.fakes import Client
from tests.web.golden import WIRES
from tests.web.messages import STREAMS
from tests.web.wires import chunks_of, frames_of
from tests.web.written import Author

from unbroken import attach
from unbroken.durable.request import owner_hash
from unbroken.journal import Journal, MemoryJournal
from unbroken.web import BrokenOff, StreamApp
from unbroken.web.sse import retry_line

pytestmark = [pytest.mark.anyio, pytest.mark.backends("asyncio", "trio")]

RETRY = retry_line(1.0)


async def got(
    journal: Journal, wire: Any = "anthropic", after: str | None = None, query: str = "", *, breaks: bool = False
) -> Client:
    """A response."""
    client = Client()
    app = StreamApp(attach(journal, "c7/3"), wire)
    with anyio.fail_after(60):
        try:
            await client.get(app, query, {} if after is None else {"last-event-id": after})
        except BrokenOff:
            assert breaks
    return client


@pytest.mark.parametrize(
    "name", ["thinking and calls", "no stop", "text, failed", "text, stopped", "failed before anything"]
)
async def test_every_place_to_come_back_to(name: str) -> None:
    """From each id that a reader may have it gets the rest, once; with all of it there is nothing left."""
    journal = MemoryJournal()
    await Author.write(journal, "c7/3", STREAMS[name])
    whole = (await got(journal, after="0")).body.removeprefix(RETRY)
    frames = [frame + b"\n\n" for frame in whole.split(b"\n\n")[:-1]]
    for at, frame in enumerate(frames):
        (read,) = frames_of(frame)
        rest = await got(journal, after=read.id)
        assert rest.body.removeprefix(RETRY) == b"".join(frames[at + 1 :])
        assert rest.status == (200 if at + 1 < len(frames) else 204)


@pytest.mark.parametrize("name", ["thinking and calls", "no stop", "text, failed", "text, stopped"])
async def test_a_late_reader_gets_a_snapshot(name: str) -> None:
    """In fewer frames; who has a part of it begins anew, and who has all of it gets nothing."""
    journal = MemoryJournal()
    await Author.write(journal, "c7/3", STREAMS[name])
    snapshot, whole = await got(journal), await got(journal, after="0")
    *begun, last = frames_of(snapshot.body)
    assert len(begun) < len(frames_of(whole.body))
    assert {frame.id for frame in begun[:-1]} == {"0"}
    assert (await got(journal, after="0")).body == whole.body
    assert (await got(journal, after=last.id)).status == 204
    if last.event == "error":
        assert frames_of((await got(journal, after=begun[-1].id)).body) == [last]


@pytest.mark.parametrize("wire", WIRES)
async def test_no_such_stream(wire: Any) -> None:
    """204: there is nothing that could be said of it."""
    assert (await got(MemoryJournal(), wire)).status == 204


async def test_a_stream_of_another() -> None:
    """Nobody learns that it is there."""
    journal = MemoryJournal()
    author = await Author.begin(journal, "c7/3", owner=owner_hash("ines"))
    await author.add(*(event for _, event in STREAMS["text"].entries))
    await author.end()
    for owner, status in (("ines", 200), ("somebody", 204)):
        client = Client()
        await client.get(StreamApp(attach(journal, "c7/3", owner=owner)))
        assert client.status == status


@pytest.mark.parametrize("wire", WIRES)
async def test_it_goes_on_under_another_writer(wire: Any) -> None:
    """Every event comes once, behind the takeover too."""
    recorded = STREAMS["thinking and calls"]
    events = [event for _, event in recorded.entries]
    journal = MemoryJournal()
    author = await Author.begin(journal, "c7/3")
    await author.add(*events[:5])
    client = Client()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.get, StreamApp(attach(journal, "c7/3", after="0"), wire))
        if wire != "text":
            await client.until(lambda: client.body.count(b"data:") >= 4)
        author = await author.taken_over()
        await author.add(*events[5:])
        await author.end()
    await _same(client, wire, recorded)


async def _same(client: Client, wire: Any, recorded: Any) -> None:
    if wire == "text":
        assert client.body == recorded.text.encode()
    elif wire == "anthropic":
        assert [frame.json for frame in frames_of(client.body)] == [event for _, event in recorded.entries]
    else:
        assert [frame.json for frame in frames_of(client.body)[:-1]] == chunks_of(recorded)


@pytest.mark.parametrize("wire", WIRES)
async def test_the_journal_has_lost_its_end(wire: Any) -> None:
    """The reader is told so, or comes back to a body that begins anew."""
    journal = MemoryJournal()
    author = await Author.begin(journal, "c7/3")
    events = [event for _, event in STREAMS["text"].entries]
    await author.add(*events[:4])
    client = Client()
    broke = False

    async def read() -> None:
        nonlocal broke
        try:
            await client.get(StreamApp(attach(journal, "c7/3", after="0"), wire))
        except BrokenOff:
            broke = True

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            await client.until(lambda: b"lighthouse" in client.body)
            stream = journal._streams["c7/3"]
            del stream.entries[3:]  # as where a server comes back without its last second
            journal._notify()
            author._lease.head = 3
            author = await author.taken_over()
            await author.add(*events[2:])
            await author.end()
    assert broke is (wire == "text")
    frames = frames_of(client.body)
    if wire == "anthropic":
        at = [frame.event for frame in frames].index("rewind")
        assert frames[at + 1].event == "message_start"
        assert frames[-1].event == "message_stop"
    elif wire == "ui-message":
        assert frames[-2].json["type"] == "error"


async def test_a_position_that_the_journal_does_not_have() -> None:
    """It is rewound at once: the message begins again."""
    journal = MemoryJournal()
    await Author.write(journal, "c7/3", STREAMS["text"])
    client = await got(journal, after="7-4000")
    assert [frame.event for frame in frames_of(client.body)][:2] == ["rewind", "message_start"]
    client = await got(journal, "text", after="7-4000")
    assert client.body == STREAMS["text"].text.encode()


async def test_chunks_from_any_number() -> None:
    """Counted from the first event, or from the end."""
    journal = MemoryJournal()
    await Author.write(journal, "c7/3", STREAMS["thinking and calls"])
    chunks = chunks_of(STREAMS["thinking and calls"])
    for index in (0, 3, len(chunks) - 1, -1, -4, -1000):
        client = await got(journal, "ui-message", query=f"startIndex={index}")
        assert [frame.json for frame in frames_of(client.body)[:-1]] == chunks[index:]
    assert (await got(journal, "ui-message", query=f"startIndex={len(chunks)}")).status == 204
