"""Chromium's own `EventSource`: it comes back by itself, and has every event once.

It needs `playwright` and Chromium, and is skipped without them: `make browser`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from tests.web.messages import STREAMS
from tests.web.served import Line, worker, write
from tests.web.wires import chunks_of
from tests.web.written import Author

from unbroken.journal import SQLiteJournal

sync_api = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="the browser tests need Chromium (apt-get install chromium)"),
]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]

#: Reads streams, all at once, until each is closed for good; what came, by stream.
READ = """
  addresses => Promise.all(addresses.map(address => new Promise(resolve => {
    const got = {events: [], errors: 0, opened: 0};
    const source = new EventSource(address);
    const take = event => got.events.push({type: event.type, data: event.data, id: event.lastEventId});
    source.onopen = () => { got.opened += 1; };
    for (const type of ["message", "message_start", "content_block_start", "content_block_delta",
                        "content_block_stop", "message_delta", "message_stop"]) source.addEventListener(type, take);
    source.addEventListener("error", event => {
      if (event.data) take(event);
      else if (source.readyState === EventSource.CLOSED) resolve(got);
      else got.errors += 1;
    });
    window.last = () => got.events.length;
  })))
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for all tests of this file."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """Two workers behind a line that can be cut."""
    path = tmp_path_factory.mktemp("web") / "answers.db"
    write(path, {name.replace(", ", "-").replace(" ", "-"): stream for name, stream in STREAMS.items()})
    with worker("fastapi", path) as a, worker("starlette", path) as b, Line([a.port, b.port]).open() as line:
        yield line


@pytest.fixture
def page(browser: Any, line: Line) -> Iterator[Any]:
    """A page of the same origin."""
    context = browser.new_context()
    context.set_default_timeout(120_000)
    page = context.new_page()
    page.goto(f"{line.url}/text/text")
    yield page
    context.close()


@pytest.mark.parametrize("cut", range(1, 9))
def test_it_comes_back_until_it_has_all(cut: int, page: Any, line: Line) -> None:
    """However often the connection is cut: every event once, in order; then it stops coming."""
    names = ["text", "citations", "text-failed", "text-stopped", "a-failed-search"]
    for name, got in zip(names, page.evaluate(READ, [f"/anthropic/{n}?after=0&cut={cut}" for n in names]), strict=True):
        recorded = STREAMS[name.replace("text-", "text, ").replace("-", " ")]
        types = [event["type"] for event in got["events"]]
        told = ["error"] if recorded.end != "complete" else []
        assert types == [event["type"] for _, event in recorded.entries] + told, name
        assert got["opened"] > (len(types) - 1) // cut  # the browser may have lost a frame that was on its way


def test_a_stream_that_is_not_there(page: Any) -> None:
    """It asks once."""
    (got,) = page.evaluate(READ, ["/anthropic/nothing"])
    assert (got["events"], got["opened"], got["errors"]) == ([], 0, 0)


def test_chunks_by_event_source(page: Any) -> None:
    """The UI message stream, whose chunks it counts by the ids of their events."""
    (got,) = page.evaluate(READ, ["/ui-message/a-call"])
    assert len(got["events"]) == len(chunks_of(STREAMS["a call"])) + 1


def test_its_worker_is_killed(browser: Any, tmp_path: Path) -> None:
    """With kill -9, in mid-answer; it goes on at the other one."""
    path = tmp_path / "answers.db"
    events = [event for _, event in STREAMS["thinking and calls"].entries]
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        journal = stack.enter_context(portal.wrap_async_context_manager(SQLiteJournal(path)))
        author = portal.call(Author.begin, journal, "live")
        portal.call(author.add, *events[:4])
        first, second = stack.enter_context(worker("fastapi", path)), stack.enter_context(worker("starlette", path))
        line = stack.enter_context(Line([first.port, second.port]).open())
        page = stack.enter_context(browser.new_context()).new_page()
        page.goto(f"{line.url}/openapi.json")  # a page of the same origin
        page.evaluate(f"() => {{ window.got = ({READ})(['/anthropic/live?after=0']); }}")
        page.wait_for_function("() => last() === 4")
        first.kill()
        line.targets = [second.port]
        portal.call(author.add, *events[4:])
        portal.call(author.end)
        (got,) = page.evaluate("() => got")
    assert [event["type"] for event in got["events"]] == [event["type"] for event in events]
