"""The status page, asked and remembered: what comes of every answer, and what it costs those who do not wait for it."""

from __future__ import annotations

import gc
import gzip
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import anyio.abc
import pytest

from harness import all_closed, tasks, until
from unbroken import Status, StatusPage, StatusPageError
from unbroken.health import status_page as status_module
from unbroken.testing import BEFORE_RESPONSE, BadJson, Drop, FaultServer, ServiceIncident, ServiceStatus, Silence
from unbroken.testing import Status as Answers
from unbroken.testing.services import service_status

INCIDENT = ServiceIncident("Elevated errors on Claude Opus 5.5")
NEVER = Silence(at=BEFORE_RESPONSE)

everywhere = pytest.mark.anyio
virtual = pytest.mark.backends("virtual")


@asynccontextmanager
async def page_of(status: ServiceStatus | None = None, **options: Any) -> AsyncIterator[tuple[FaultServer, StatusPage]]:
    """A server whose status page says this, and what asks it; afterwards no connection may be open."""
    async with FaultServer("Hello.") as server:
        server.status = status or ServiceStatus()
        yield server, StatusPage(server.url, **options)
        await all_closed(server)


def asked(server: FaultServer) -> list[str]:
    """What the page was asked for."""
    return [request.path for request in server.requests]


# -- asking


@everywhere
async def test_what_it_says_is_handed_over_and_kept() -> None:
    """Nothing is known before the first answer."""
    async with page_of(ServiceStatus(incidents=[INCIDENT])) as (server, page):
        assert page.latest is None
        status = await page.fetch()
        assert page.latest is status
        assert (status.indicator, status.description) == ("major", "Partial System Outage")
        assert [incident.name for incident in status.incidents] == [INCIDENT.name]
        assert status.incidents[0].url is not None
        assert asked(server) == ["/api/v2/status.json", "/api/v2/incidents/unresolved.json"]


@everywhere
async def test_it_always_asks() -> None:
    """However new the copy is; of two answers the newer is kept."""
    async with page_of() as (server, page):
        assert (await page.fetch()).indicator == "none"
        server.status = ServiceStatus(incidents=[INCIDENT])
        assert (await page.fetch()).indicator == "major"
        assert page.latest is not None
        assert page.latest.incidents


@everywhere
async def test_nothing_of_the_caller_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, even if there is one in the environment, no cookie and no body."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    async with page_of() as (server, page):
        await page.fetch()
        await page.fetch()
        for request in server.requests:
            assert set(request.headers) <= {"host", "accept", "accept-encoding", "connection", "user-agent"}
            assert not request.body


@everywhere
async def test_a_page_without_a_list_of_incidents_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """That document may not be there."""
    monkeypatch.delitem(service_status._DOCUMENTS, "/api/v2/incidents/unresolved.json")  # type: ignore[arg-type]  # a dict
    async with page_of(ServiceStatus(indicator="minor", incidents=[INCIDENT])) as (_, page):
        assert await page.fetch() == Status("minor", "Minor Service Outage")


@everywhere
async def test_a_page_that_has_moved_is_followed() -> None:
    """As that of the Claude API has."""
    async with page_of(ServiceStatus(indicator="minor")) as (new, _):
        location = {"location": f"{new.url}/api/v2/status.json"}
        async with page_of(ServiceStatus(fault=Answers(302, headers=location))) as (_, page):
            assert (await page.fetch()).indicator == "minor"


@everywhere
@pytest.mark.parametrize(
    ("status", "says"),
    [
        (ServiceStatus(fault=Answers(503)), "answered with HTTP status 503"),
        (ServiceStatus(fault=Answers(404)), "answered with HTTP status 404"),
        (ServiceStatus(fault=BadJson()), "answered with something that is no JSON"),
        (ServiceStatus(raw=["no", "status"]), "answered with something that is no status"),
        (ServiceStatus(raw={"status": "up"}), "answered with something that is no status"),
        (ServiceStatus(fault=Drop(at=BEFORE_RESPONSE)), r"could not be reached \(RemoteProtocolError\)"),
    ],
)
async def test_every_failure_is_one_error_with_one_sentence(status: ServiceStatus, says: str) -> None:
    """And changes nothing of what is known."""
    async with page_of() as (server, page):
        before = await page.fetch()
        server.status = status
        with pytest.raises(StatusPageError, match=rf"^The status page 127\.0\.0\.1 {says}\.$"):
            await page.fetch()
        assert page.latest is before


@everywhere
async def test_a_page_that_is_not_there_could_not_be_reached() -> None:
    """Nobody listens."""
    async with FaultServer("Hello.") as server:
        url = server.url
    with pytest.raises(StatusPageError, match=r"could not be reached \(ConnectError\)"):
        await StatusPage(url).fetch()


@everywhere
@virtual
@pytest.mark.parametrize(
    "fault", [NEVER, Silence(2.6, at=BEFORE_RESPONSE)], ids=["never answers", "both answers together are too late"]
)
async def test_one_look_takes_no_longer_than_its_timeout_in_all(fault: Silence) -> None:
    """To the second."""
    async with page_of(ServiceStatus(fault=fault)) as (_, page):
        began = anyio.current_time()
        with pytest.raises(StatusPageError, match=r"did not answer within 5 s\.$"):
            await page.fetch()
        assert anyio.current_time() - began == pytest.approx(5.0)
        assert page.latest is None


@everywhere
async def test_one_that_is_cancelled_leaves_nothing() -> None:
    """Neither a connection nor a task."""
    async with page_of(ServiceStatus(fault=NEVER)) as (server, page):
        async with anyio.create_task_group() as group:
            group.start_soon(page.fetch)
            await until(lambda: len(server.requests) == 1)
            group.cancel_scope.cancel()


# -- remembering


@everywhere
@virtual
async def test_keeping_it_fresh_asks_once_and_does_not_wait() -> None:
    """However often it is called, until the copy is as old as `max_age`."""
    async with page_of(ServiceStatus(incidents=[INCIDENT], fault=Silence(1.0, at=BEFORE_RESPONSE))) as (server, page):
        before = anyio.current_time()
        for _ in range(3):
            page.keep_fresh()
        assert anyio.current_time() == before
        assert page.latest is None
        await anyio.sleep(3)
        assert page.latest is not None
        assert len(server.requests) == 2
        await anyio.sleep(58)  # the answer came after 2 s
        page.keep_fresh()
        await anyio.sleep(0.5)
        assert len(server.requests) == 2
        await anyio.sleep(0.5)
        page.keep_fresh()
        await anyio.sleep(0.5)
        assert len(server.requests) == 3
        await anyio.sleep(3)


@everywhere
@virtual
async def test_a_failed_refresh_changes_nothing_and_is_not_made_again_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The next one comes `max_age` later, and what was known holds meanwhile; only DEBUG hears of it."""
    caplog.set_level(logging.DEBUG, "unbroken")
    async with page_of(ServiceStatus(incidents=[INCIDENT])) as (server, page):
        known = await page.fetch()
        server.status = ServiceStatus(fault=Answers(500))
        await anyio.sleep(60)
        for _ in range(59):
            page.keep_fresh()
            await anyio.sleep(1)
        assert len(server.requests) == 3
        assert page.latest is known
        await anyio.sleep(1)
        page.keep_fresh()
        await anyio.sleep(1)
        assert len(server.requests) == 4
        told = [record for record in caplog.records if record.name == "unbroken"]
        assert [(record.levelname, record.exc_info) for record in told] == [("DEBUG", None)] * 2
        assert "HTTP status 500" in told[0].getMessage()


@everywhere
@virtual
async def test_a_page_that_has_gone_silent_is_not_believed_for_ever() -> None:
    """After five times `max_age` nothing is known."""
    async with page_of(ServiceStatus(incidents=[INCIDENT]), max_age=10) as (_, page):
        known = await page.fetch()
        await anyio.sleep(50)
        assert page.latest is known
        await anyio.sleep(0.001)
        assert page.latest is None


@everywhere
@virtual
async def test_one_that_takes_longer_than_max_age_is_not_asked_twice_at_a_time() -> None:
    """Its `timeout` has to pass first."""
    async with page_of(ServiceStatus(fault=NEVER), max_age=0.1, timeout=2) as (server, page):
        for _ in range(19):
            page.keep_fresh()
            await anyio.sleep(0.1)
        assert len(server.requests) == 1
        await anyio.sleep(2)


@everywhere
async def test_one_that_was_made_before_the_clock_runs_is_due() -> None:
    """A test's virtual clock may be far behind that of the machine."""
    clock = [1e9]
    async with page_of(clock=lambda: clock[0]) as (_, page):
        clock[0] = 0.0
        page.keep_fresh()
        await until(lambda: page.latest is not None)


@everywhere
async def test_a_refresh_that_goes_wrong_in_an_unheard_of_way_is_told_to_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """But to DEBUG, with its traceback."""
    caplog.set_level(logging.DEBUG, "unbroken")
    page = StatusPage("http://127.0.0.1")

    async def fail() -> Status:
        raise LookupError("unheard of")

    monkeypatch.setattr(page, "_ask", fail)
    page.keep_fresh()
    await until(lambda: bool(caplog.records))
    assert caplog.records[0].exc_info is not None


@everywhere
async def test_a_refresh_ends_by_itself() -> None:
    """And leaves no task behind."""
    before = tasks()
    async with page_of() as (_, page):
        page.keep_fresh()
        await until(lambda: page.latest is not None)
    await until(lambda: tasks() == before)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_event_loop_may_end_while_it_is_being_asked(backend: str) -> None:
    """The refresh goes with it, without a warning; on the next loop the page is asked when that is due."""
    clock = [0.0]
    page: StatusPage

    async def main() -> None:
        nonlocal page
        async with FaultServer("Hello.") as server:
            server.status = ServiceStatus(fault=NEVER)
            page = StatusPage(server.url, clock=lambda: clock[0])
            page.keep_fresh()
            await until(lambda: len(server.requests) == 1)

    async def again() -> None:
        async with FaultServer("Hello.") as server:
            page.url = server.url
            page.keep_fresh()
            await until(lambda: page.latest is not None)

    anyio.run(main, backend=backend)
    gc.collect()
    clock[0] += 60
    anyio.run(again, backend=backend)
    gc.collect()


def test_threads_with_event_loops_of_their_own_share_one() -> None:
    """One of them asks, on its own loop; all of them know then."""
    asking: list[str] = []
    ready = threading.Barrier(6)

    class Counted(StatusPage):
        async def _ask(self) -> Status:
            asking.append(threading.current_thread().name)
            await anyio.sleep(0.01)
            return Status("none", "")

    page = Counted("http://127.0.0.1")

    async def stream() -> None:
        page.keep_fresh()
        await until(lambda: page.latest is not None)

    def run(backend: str) -> None:
        ready.wait()
        anyio.run(stream, backend=backend)

    threads = [threading.Thread(target=run, args=(backend,)) for backend in ("asyncio", "trio") * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(asking) == 1


# -- making one


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://status.anthropic.com", "https://status.anthropic.com"),
        ("https://status.anthropic.com/", "https://status.anthropic.com"),
        ("https://status.anthropic.com/api/v2/status.json?x=1#top", "https://status.anthropic.com"),
        ("http://127.0.0.1:8000/page/api/v2", "http://127.0.0.1:8000/page"),
    ],
)
def test_an_address_may_be_given_in_any_form(url: str, base: str) -> None:
    """That of one of its documents too."""
    assert StatusPage(url).url == base
    assert StatusPage().url == "https://status.anthropic.com"


@pytest.mark.parametrize("url", ["", "status.anthropic.com", "ftp://x", "https://", "http://x:port", None, 3])
def test_what_is_no_address_is_said_at_once(url: Any) -> None:
    """In one sentence."""
    with pytest.raises(ValueError, match="url must be the http or https address of a status page"):
        StatusPage(url)


@pytest.mark.parametrize("times", [{"max_age": 0}, {"timeout": -1}, {"max_age": float("nan")}])
def test_times_must_be_above_zero(times: dict[str, float]) -> None:
    """Nan is refused as well."""
    with pytest.raises(ValueError, match="max_age and timeout must be above 0 seconds"):
        StatusPage(**times)


def test_an_error_does_not_tell_the_address() -> None:
    """Only the host: there may be a password before it."""

    async def ask() -> None:
        await StatusPage("http://user:secret@127.0.0.1:9/", timeout=0.001).fetch()

    with pytest.raises(StatusPageError) as told:
        anyio.run(ask)
    assert "secret" not in str(told.value)
    assert "127.0.0.1" in str(told.value)


# -- a page that is not what it should be

GOOD = b'{"status": {"indicator": "none", "description": "All Systems Operational"}}'


@asynccontextmanager
async def raw_page(
    head: bytes, body: bytes, *, endless: bool = False
) -> AsyncIterator[tuple[str, list[bytes], list[int]]]:
    """A page that answers every request so: its address, the requests that it saw, and how many bytes it could send."""
    seen: list[bytes] = []
    sent = [0]

    async def handle(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            with suppress(anyio.BrokenResourceError, anyio.EndOfStream, anyio.ClosedResourceError):
                while True:
                    request = b""
                    while b"\r\n\r\n" not in request:
                        request += await stream.receive()
                    seen.append(request)
                    await stream.send(b"HTTP/1.1 " + head + b"\r\n\r\n")
                    await stream.send(body)
                    while endless:
                        await stream.send(body)
                        sent[0] += len(body)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, handle)
        yield f"http://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}", seen, sent
        group.cancel_scope.cancel()


def packed(data: bytes) -> tuple[bytes, bytes]:
    """A head and a body for gzip."""
    body = gzip.compress(data)
    return b"200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d" % len(body), body


@everywhere
async def test_a_packed_page_is_read() -> None:
    """As every page is that comes through a proxy of the operator's."""
    async with raw_page(*packed(GOOD)) as (url, _, _):
        assert (await StatusPage(url).fetch()).indicator == "none"


@everywhere
@pytest.mark.parametrize(
    ("head", "body", "says"),
    [
        (*packed(b" " * 50_000_000), "answered with more than 1,000,000 bytes"),
        (b"200 OK\r\ncontent-length: 1000001", b" " * 1_000_001, "answered with more than 1,000,000 bytes"),
        (b"200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4", b"oops", "answered with something that is no JSON"),
        (b"200 OK\r\ncontent-encoding: br\r\ncontent-length: 4", b"oops", "answered with something that is no JSON"),
        (b"200 OK\r\ncontent-length: 100000", b"[" * 100_000, "answered with something that is no JSON"),
        (b"302 Found\r\nlocation: /more\r\ncontent-length: 0", b"", "sends from one place to the next"),
        (
            b"302 Found\r\nlocation: http://127.0.0.2/api/v2/status.json\r\ncontent-length: 0",
            b"",
            r"sends elsewhere, to 127\.0\.0\.2",
        ),
    ],
    ids=["gzip bomb", "long", "no gzip", "brotli", "nested", "redirects", "another host"],
)
async def test_a_page_that_goes_too_far_is_one_sentence(head: bytes, body: bytes, says: str) -> None:
    """What it says is neither unpacked as a whole nor followed."""
    async with raw_page(head, body) as (url, _, _):
        with pytest.raises(StatusPageError, match=rf"^The status page 127\.0\.0\.1 {says}\.$"):
            await StatusPage(url).fetch()


@everywhere
async def test_a_page_without_an_end_is_left_after_a_megabyte() -> None:
    """And what lies between: buffers of two sockets."""
    async with raw_page(b"200 OK", b" " * 65_536, endless=True) as (url, _, sent):
        with pytest.raises(StatusPageError, match="answered with more than"):
            await StatusPage(url).fetch()
        assert sent[0] < 50_000_000


@everywhere
async def test_a_gzip_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte too many is enough to know."""
    unpacked: list[int] = []
    whole = status_module._unpacked

    def counting(data: bytes, encoding: str) -> bytes:
        found = whole(data, encoding)
        unpacked.append(len(found))
        return found

    monkeypatch.setattr(status_module, "_unpacked", counting)
    async with raw_page(*packed(b" " * 300_000_000)) as (url, _, _):
        with pytest.raises(StatusPageError):
            await StatusPage(url).fetch()
    assert unpacked == [1_000_001]


@everywhere
async def test_no_cookie_goes_back() -> None:
    """Neither with the second request of a look, nor with the next look, nor where the page sends us on."""
    head = b"200 OK\r\nset-cookie: a=b; path=/\r\ncontent-length: %d" % len(GOOD)
    async with raw_page(head, GOOD) as (url, seen, _):
        page = StatusPage(url)
        await page.fetch()
        await page.fetch()
        assert len(seen) == 4
        assert not any(b"cookie" in request.lower() for request in seen)
    head = b"302 Found\r\nset-cookie: a=b; path=/\r\nlocation: /more\r\ncontent-length: 0"
    async with raw_page(head, b"") as (url, seen, _):
        with pytest.raises(StatusPageError):
            await StatusPage(url).fetch()
        assert len(seen) == 4
        assert not any(b"cookie" in request.lower() for request in seen)
