"""Real web servers in processes of their own, on one journal; clients that are no friends of theirs."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from anthropic import APIStatusError, AsyncAnthropic
from tests.web.messages import STREAMS, Recorded
from tests.web.served import Line, Worker, worker, write
from tests.web.wires import chunks_of, frames_of
from tests.web.written import Author

from unbroken.core.message.partial import Partial
from unbroken.journal import SQLiteJournal
from unbroken.web.sse import retry_line

pytestmark = pytest.mark.slow

#: By what may stand in an address.
NAMES = {name.replace(", ", "-").replace(" ", "-"): stream for name, stream in STREAMS.items()}
RETRY = retry_line(1.0)
#: So long that it does not fit into what lies between a server and a client that does not read.
LONG = Recorded(
    [
        STREAMS["text"].entries[0],
        STREAMS["text"].entries[1],
        *(("", {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x" * 20_000}}),)
        * 300,
        *STREAMS["text"].entries[-3:],
    ]
)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file with all streams, for all workers of this module."""
    path = tmp_path_factory.mktemp("web") / "answers.db"
    write(path, {**NAMES, "long": LONG, "impatient": LONG})
    return path


@pytest.fixture(scope="module", params=["fastapi", "starlette"])
def site(request: pytest.FixtureRequest, journal: Path) -> Iterator[Worker]:
    """One worker."""
    with worker(request.param, journal) as site:
        yield site


@pytest.fixture(scope="module")
def two(journal: Path) -> Iterator[Line]:
    """Two workers of different kinds, behind a line that can be cut."""
    with worker("fastapi", journal) as a, worker("starlette", journal) as b, Line([a.port, b.port]).open() as line:
        yield line


def curl(url: str, *arguments: str) -> tuple[int, bytes]:
    """What curl ends with, and what it got."""
    program = shutil.which("curl")
    if program is None:
        pytest.skip("there is no curl")
    done = subprocess.run([program, "-sS", "--http1.1", "-m", "60", *arguments, url], capture_output=True, check=False)
    return done.returncode, done.stdout


def raw(site: Worker, path: str) -> bytes:
    """All bytes of a response, as they come over the socket."""
    with socket.create_connection(("127.0.0.1", site.port)) as line:
        line.settimeout(60)
        line.sendall(f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
        data = b""
        while more := line.recv(65536):
            data += more
    return data


@pytest.mark.parametrize("name", NAMES)
def test_curl_reads_every_stream(name: str, site: Worker) -> None:
    """A whole one, and one whose end is told, end cleanly."""
    recorded = NAMES[name]
    code, body = curl(f"{site.url}/anthropic/{name}?after=0")
    assert code == 0
    assert [frame.json for frame in frames_of(body) if frame.event != "error"] == [e for _, e in recorded.entries]
    code, body = curl(f"{site.url}/ui-message/{name}")
    assert code == 0
    assert [frame.json for frame in frames_of(body)[:-1]] == chunks_of(recorded)
    code, body = curl(f"{site.url}/text/{name}")
    assert code == (0 if recorded.end == "complete" else 18)
    assert body == recorded.text.encode()


def test_a_body_that_breaks_off_has_no_end(site: Worker) -> None:
    """No last chunk goes over the socket; that of a whole one does."""
    assert raw(site, "/text/text").endswith(b"0\r\n\r\n")
    broken = raw(site, "/text/text-failed")
    assert b"transfer-encoding: chunked" in broken.lower()
    assert STREAMS["text, failed"].text.encode() in broken
    assert not broken.endswith(b"0\r\n\r\n")


def test_heads(site: Worker) -> None:
    """As of a GET, without its body; 204 where there is nothing."""
    for path, status in (("text/text", b"200"), ("anthropic/nothing", b"204")):
        code, head = curl(f"{site.url}/{path}", "--head")
        assert code == 0
        assert head.split(b" ")[1] == status
    code, body = curl(f"{site.url}/anthropic/nothing", "-w", "%{http_code}")
    assert (code, body) == (0, b"204")


def test_a_request_that_asks_for_nonsense(site: Worker) -> None:
    """It gets the whole, and no error."""
    for arguments in (["-H", "Last-Event-ID: ' OR 1"], ["-H", "Last-Event-ID: 99999999999999999999999-1"]):
        code, body = curl(f"{site.url}/anthropic/text", *arguments)
        assert code == 0
        assert [frame.json for frame in frames_of(body)] == [event for _, event in STREAMS["text"].entries]


def test_halves_of_one_response_from_two_workers(two: Line) -> None:
    """Cut at every chunk, they are the whole to the byte, under two frameworks."""
    for name in ("thinking-and-calls", "a-search"):
        whole = b""
        count = len(chunks_of(NAMES[name])) + 1
        for cut in range(count):
            code, first = curl(f"{two.url}/ui-message/{name}", "-H", f"x-cut: {cut}")
            assert code == 18
            code, rest = curl(f"{two.url}/ui-message/{name}?startIndex={cut}")
            assert code == 0
            body = first.removeprefix(RETRY) + (rest.removeprefix(RETRY) or b"data: [DONE]\n\n")
            assert body == (whole := whole or body)
        assert [frame.json for frame in frames_of(whole)[:-1]] == chunks_of(NAMES[name])


# -- the SDK


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
@pytest.mark.parametrize("name", [name for name, stream in NAMES.items() if stream.end == "complete"])
async def test_the_sdk_reads_a_worker_as_it_reads_the_api(name: str, site: Worker) -> None:
    """The message that it makes, event by event, is that of the events."""
    partial = Partial()
    for _, event in NAMES[name].entries:
        partial.apply(event)
    async with AsyncAnthropic(api_key="test", base_url=site.url, max_retries=0) as client:
        async with client.messages.stream(model=name, max_tokens=1, messages=[]) as stream:
            message = await stream.get_final_message()
    assert "".join(block.text for block in message.content if block.type == "text") == partial.text
    assert (message.id, message.stop_reason) == ((partial.message or {})["id"], partial.stop_reason)
    assert [block.type for block in message.content] == [block.type for block in partial.blocks]


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
@pytest.mark.parametrize(("name", "type"), [("text-failed", "overloaded_error"), ("text-stopped", "stream_cancelled")])
async def test_the_sdk_raises_as_it_does_for_the_api(name: str, type: str, site: Worker) -> None:
    """Of an answer that is not whole."""
    async with AsyncAnthropic(api_key="test", base_url=site.url, max_retries=0) as client:
        async with client.messages.stream(model=name, max_tokens=1, messages=[]) as stream:
            with pytest.raises(APIStatusError) as caught:
                await stream.until_done()
    assert caught.value.type == type
    assert "secret" not in str(caught.value)


# -- a stream that goes on


class Reading:
    """A response that is read while it comes."""

    def __init__(self, url: str, path: str, **headers: str) -> None:
        self.body = b""
        self.error: Exception | None = None
        self._url, self._path, self._headers = url, path, headers
        self._changed = anyio.Event()

    async def run(self) -> None:
        """Read to the end, or until it breaks off."""
        try:
            async with (
                httpx2.AsyncClient(timeout=60) as client,
                client.stream("GET", self._url + self._path, headers=self._headers) as response,
            ):
                async for data in response.aiter_bytes():
                    self.body += data
                    self._changed.set()
        except httpx2.HTTPError as error:
            self.error = error
        self._changed.set()

    async def until(self, count: int) -> None:
        """Wait for so many frames."""
        with anyio.fail_after(60):
            while len(frames_of(self.body)) < count:
                self._changed = anyio.Event()
                await self._changed.wait()


EVENTS = [event for _, event in STREAMS["thinking and calls"].entries]


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
@pytest.mark.parametrize("end", ["kill", "terminate"])
@pytest.mark.parametrize("kind", ["fastapi", "starlette"])
async def test_a_worker_that_goes(kind: str, end: str, tmp_path: Path) -> None:
    """Its reader's body breaks off; from the other worker it gets the rest. What was told to go does so at once."""
    path = tmp_path / "answers.db"
    async with SQLiteJournal(path) as journal:
        author = await Author.begin(journal, "live")
        await author.add(*EVENTS[:4])
        with worker(kind, path) as first, worker("starlette", path) as second:
            reading = Reading(first.url, "/anthropic/live?after=0")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(reading.run)
                await reading.until(4)
                getattr(first, end)()
            assert isinstance(reading.error, httpx2.RemoteProtocolError | httpx2.ReadError)
            if end == "terminate":
                assert "left" in first.said()
            rest = Reading(second.url, "/anthropic/live", **{"last-event-id": frames_of(reading.body)[-1].id or ""})
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(rest.run)
                await author.add(*EVENTS[4:])
                await author.end()
            assert rest.error is None
    frames = [*frames_of(reading.body), *frames_of(rest.body)]
    assert [frame.json for frame in frames] == EVENTS


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
async def test_a_reader_that_leaves_changes_nothing(journal: Path, site: Worker, tmp_path: Path) -> None:
    """Neither for the stream nor for who reads along."""
    path = tmp_path / "answers.db"
    async with SQLiteJournal(path) as written:
        author = await Author.begin(written, "live")
        with worker("starlette", path) as worker_:
            stays = Reading(worker_.url, "/anthropic/live?after=0")
            leaves = Reading(worker_.url, "/anthropic/live?after=0")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(stays.run)
                async with anyio.create_task_group() as some:
                    some.start_soon(leaves.run)
                    await author.add(*EVENTS[:4])
                    await leaves.until(4)
                    some.cancel_scope.cancel()
                await author.add(*EVENTS[4:])
                await author.end()
            worker_.terminate()
            assert "Exception" not in worker_.said()
    assert [frame.json for frame in frames_of(stays.body)] == EVENTS


def test_a_client_that_does_not_read_is_dropped(journal: Path) -> None:
    """After its time, while others read; what it finds later is a body that broke off."""
    with worker("fastapi", journal) as site:
        with socket.socket() as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.settimeout(60)
            line.connect(("127.0.0.1", site.port))
            line.sendall(b"GET /text/impatient HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert curl(f"{site.url}/text/long") == (0, LONG.text.encode())
            said = ""
            while "BrokenOff: the client has taken nothing for 0.3 seconds" not in said:
                said = site.line()
            data = b""
            while more := line.recv(65536):
                data += more
        assert data.startswith(b"HTTP/1.1 200")
        assert len(data) < len(LONG.text)
        assert not data.endswith(b"0\r\n\r\n")


def test_hypercorn_breaks_bodies_off_too(journal: Path) -> None:
    """Without a framework."""
    pytest.importorskip("hypercorn")
    with worker("hypercorn", journal) as site:
        assert curl(f"{site.url}/text/text") == (0, STREAMS["text"].text.encode())
        code, body = curl(f"{site.url}/text/text-failed")
        assert (code, body) == (18, STREAMS["text, failed"].text.encode())
        code, body = curl(f"{site.url}/ui-message/a-search")
        assert code == 0
        assert [frame.json for frame in frames_of(body)[:-1]] == chunks_of(NAMES["a-search"])


def test_the_journal_is_shared(journal: Path, site: Worker) -> None:
    """What one worker says of a stream is what the other says."""
    bodies: list[Any] = [curl(f"{site.url}/anthropic/{name}?after=0") for name in ("text", "a-call")]
    with worker("starlette", journal) as other:
        assert bodies == [curl(f"{other.url}/anthropic/{name}?after=0") for name in ("text", "a-call")]
