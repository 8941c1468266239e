"""The Vercel AI SDK itself, in Node: its schema, its two transports over connections that are cut, and `useChat`.

`make web-clients` installs it and runs this; without it, it is skipped.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from tests.web.clients.environment import FOLDER, SOURCES
from tests.web.messages import STREAMS, random_stream
from tests.web.served import Line, worker, write
from tests.web.wires import chunks_of
from tests.web.written import Author

from unbroken.journal import SQLiteJournal

NODE = shutil.which("node")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        NODE is None or not (FOLDER / "installed.json").exists(), reason="the AI SDK is not there: make web-clients"
    ),
]

NAMES = {name.replace(", ", "-").replace(" ", "-"): stream for name, stream in STREAMS.items()}
#: Every kind of part is in one of them.
CUT = ["thinking-and-calls", "a-search", "citations", "a-call-given-up", "tools-of-a-server", "a-block-of-a-compaction"]


@pytest.fixture(scope="module")
def scripts() -> Path:
    """Where they can import what is installed."""
    for script in SOURCES.glob("*.mjs"):
        shutil.copy(script, FOLDER)
    return FOLDER


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """Two workers, of two frameworks, behind a line that can be cut; requests go to one and the other."""
    path = tmp_path_factory.mktemp("web") / "answers.db"
    write(path, dict(NAMES))
    with worker("fastapi", path) as a, worker("starlette", path) as b, Line([a.port, b.port]).open() as line:
        yield line


def node(scripts: Path, script: str, lines: list[Any]) -> list[Any]:
    """Run a script over lines of JSON; its lines."""
    assert NODE is not None
    told = "".join(f"{json.dumps(each)}\n" for each in lines)
    done = subprocess.run(
        [NODE, script], cwd=scripts, input=told, capture_output=True, text=True, check=False, timeout=500
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(each) for each in done.stdout.splitlines()]


def test_its_schema_and_its_reader_take_every_chunk(scripts: Path) -> None:
    """Of every stream, and of many that are random; the text that it reads is the text."""
    streams = {**NAMES, **{f"random {seed}": random_stream(Random(seed)) for seed in range(200)}}
    lines = [{"stream": name, "chunk": chunk} for name, stream in streams.items() for chunk in chunks_of(stream)]
    (result,) = node(scripts, "chunks.mjs", lines)
    assert result["wrong"] == []
    assert result["taken"] == [False, False, False]
    assert result["count"] == len(lines)
    for name, stream in streams.items():
        assert text_of(result["messages"][name]) == stream.text, name


def text_of(message: Any) -> str:
    """All text of a message of the AI SDK's."""
    return "".join(part["text"] for part in (message or {"parts": []})["parts"] if part["type"] == "text")


@pytest.mark.parametrize("name", CUT)
def test_both_transports_come_back_from_every_cut(name: str, scripts: Path, line: Line) -> None:
    """Cut after every chunk, by the line between two workers: the message is what it is without a cut."""
    count = len(chunks_of(NAMES[name])) + 1
    case = {"id": name, "again": False}
    cases = [
        {"transport": transport, "cut": cut, **case}
        for transport in ("default", "workflow")
        for cut in (None, *range(count))
    ]
    before = line.cut
    results = node(scripts, "chat.mjs", [{"url": line.url, "cases": cases}])
    assert line.cut - before == 2 * count
    whole = results[0]["messages"][-1]
    assert text_of(whole) == NAMES[name].text
    for result in results:
        assert result["messages"][-1] == whole, (result["transport"], result["cut"])
        assert [message["role"] for message in result["messages"]] == ["user", "assistant"]
        assert isinstance(result["model"], list), result["model"]
        cut_off = result["transport"] == "default" and result["cut"] is not None
        assert result["statuses"] == (["error", "ready"] if cut_off else ["ready"])


def test_the_workflow_transport_comes_back_as_often_as_it_has_to(scripts: Path, line: Line) -> None:
    """Every response is cut after so many chunks, until the last one."""
    name = "thinking-and-calls"
    cases = [{"transport": "workflow", "id": name, "cut": cut, "again": True} for cut in range(1, 6)]
    whole, *results = node(scripts, "chat.mjs", [{"url": line.url, "cases": [{**cases[0], "cut": None}, *cases]}])
    for result in results:
        assert result["messages"][-1] == whole["messages"][-1]
        assert result["statuses"] == ["ready"]


@pytest.mark.parametrize("transport", ["default", "workflow"])
def test_every_stream_ends(transport: str, scripts: Path, line: Line) -> None:
    """One that is whole, or was stopped, is `ready`; one that failed is an error; none is asked for over and over."""
    before = len(line.requests)
    cases = [{"transport": transport, "id": name, "cut": None, "again": False} for name in NAMES]
    results = node(scripts, "chat.mjs", [{"url": line.url, "cases": cases}])
    for name, result in zip(NAMES, results, strict=True):
        failed = NAMES[name].end == "failed"
        assert result["statuses"] == ["error" if failed else "ready"], name
        assert result["error"] == ("The answer could not be finished (overloaded_error)." if failed else None)
        assert text_of(result["messages"][-1] if len(result["messages"]) > 1 else None) == NAMES[name].text, name
        assert isinstance(result["model"], list), result["model"]
    # After an error the workflow transport asks for what follows it, once, before it is told to stop: 204.
    failures = sum(stream.end == "failed" for stream in NAMES.values())
    assert len(line.requests) - before <= len(cases) + (failures if transport == "workflow" else 0)


def test_use_chat_comes_back_in_mid_answer(scripts: Path, tmp_path: Path) -> None:
    """A page that is loaded again has half of the answer at once, and the rest as it comes; what it had saved goes."""
    path, recorded = tmp_path / "answers.db", STREAMS["thinking and calls"]
    events = [event for _, event in recorded.entries]
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        journal = stack.enter_context(portal.wrap_async_context_manager(SQLiteJournal(path)))
        author = portal.call(Author.begin, journal, "live")
        portal.call(author.add, *events[:3])
        site = stack.enter_context(worker("fastapi", path))
        page = stack.enter_context(_page(scripts, site.url, "live", [_SAVED]))
        states = iter(lambda: json.loads(page.stdout.readline()), None)
        streaming = next(state for state in states if state["status"] == "streaming")
        assert [message["id"] for message in streaming["messages"]] == ["msg_web1"]
        portal.call(author.add, *events[3:])
        portal.call(author.end)
        ready = next(state for state in states if state["status"] in ("ready", "error"))
        assert ready["status"] == "ready"
        (message,) = ready["messages"]
        kinds = [part["type"] for part in message["parts"]]
        assert kinds == ["step-start", "reasoning", "dynamic-tool", "dynamic-tool"]
        assert [part["state"] for part in message["parts"][2:]] == ["input-available", "input-available"]


def test_use_chat_of_which_nothing_is_to_be_read(scripts: Path, line: Line) -> None:
    """It stays as it is: 204 is no error."""
    before = len(line.requests)
    with _page(scripts, line.url, "nothing", [_SAVED]) as page:
        assert json.loads(page.stdout.readline())["status"] == "ready"
        while len(line.requests) == before:
            pass
        page.stdin.close()
        rest = [json.loads(each) for each in page.stdout]
    assert all(state["status"] == "ready" and state["error"] is None for state in rest)


_SAVED = {"id": "msg_web1", "role": "assistant", "parts": [{"type": "text", "text": "What was saved of it."}]}


def _page(scripts: Path, url: str, name: str, saved: list[Any]) -> subprocess.Popen[str]:
    assert NODE is not None
    return subprocess.Popen(
        [NODE, "hook.mjs", url, name, json.dumps(saved)],
        cwd=scripts,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
