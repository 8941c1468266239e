"""The agent of the how-to page under DBOS: killed with -9 in mid-answer, it asks the model for the rest alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import anyio
import pytest
from snippets import ROOT, read

from unbroken import attach
from unbroken.journal import SQLiteJournal
from unbroken.testing import Answer, FaultServer, Script, Silence, ThreadedFaultServer, after_fraction

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("dbos") is None, reason="DBOS is not installed"),
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL"),
]

PAGE: Final = ROOT / "docs" / "pages" / "how-to" / "durable-agents.md"
TEXT: Final = "Lighthouses were lit with oil, then with gas, then by electricity, and most are unmanned by now."


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    """The page's program, in a directory of its own."""
    (program,) = (block.body for block in read(PAGE) if block.title == "agent.py")
    (tmp_path / "agent.py").write_text(program)
    return tmp_path


@contextmanager
def running(agent: Path, server: ThreadedFaultServer) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": "test"}
    with (agent / "log.txt").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "agent.py"], cwd=agent, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def killed(agent: Path, server: ThreadedFaultServer, streams: int, part: float = 1 / 3) -> None:
    """Run the program, and kill it when its stream of that number has shown so much of its text."""

    async def shown() -> None:
        with anyio.fail_after(600):
            while True:
                if (agent / "answers.db").exists():
                    async with SQLiteJournal(agent / "answers.db") as journal:
                        states = await journal.streams()
                        if len(states) == streams:
                            newest = max(states, key=lambda state: state.created)
                            text = ""
                            async for piece in attach(journal, newest.stream_id).text_stream:
                                text += piece
                                if len(text) >= int(len(TEXT) * part):
                                    return
                await anyio.sleep(0.05)

    with running(agent, server) as process:
        try:
            anyio.run(shown)
        except BaseException as error:
            error.add_note((agent / "log.txt").read_text())
            raise
        process.kill()


def finished(agent: Path, server: ThreadedFaultServer) -> str:
    """What the program prints that is run to its end."""
    with running(agent, server) as process:
        out, _ = process.communicate(timeout=600)
        assert process.returncode == 0, (agent / "log.txt").read_text()
        return out


def test_a_step_that_is_run_again_goes_on(agent: Path) -> None:
    """The first one, in the middle of its answer; the next step is then asked as ever."""
    with FaultServer.in_thread(Script(Answer(TEXT), faults=[Silence(at=after_fraction(0.5))])) as server:
        killed(agent, server, 1)
        assert finished(agent, server) == TEXT + "\n"
        first, rest, second = [request.body["messages"] for request in server.requests]
        assert [len(first), len(second)] == [1, 1]
        assert rest[0] == first[0]
        assert TEXT[: len(TEXT) // 3] in str(rest[1:])
        assert TEXT in str(second)
        # Once more, all is there.
        assert finished(agent, server) == TEXT + "\n"
        assert len(server.requests) == 3


def test_a_step_that_has_returned_is_not_run_again(agent: Path) -> None:
    """Killed in the second one, and again while it goes on with that."""
    faults = [None, Silence(at=after_fraction(0.5)), Silence(at=after_fraction(0.8))]
    with FaultServer.in_thread(Script(Answer(TEXT), faults=faults)) as server:
        killed(agent, server, 2)
        killed(agent, server, 2, 0.6)  # it has more than before
        assert finished(agent, server) == TEXT + "\n"
        asked = [request.body["messages"] for request in server.requests]
        assert len(asked) == 4
        assert [messages[0] == asked[1][0] for messages in asked] == [False, True, True, True]
        assert "Recover" in (agent / "log.txt").read_text()
