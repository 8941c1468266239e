"""The command line as tests call it: in this process, or as the real thing in another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from commands import KEY, TEXT, Ran, Run, Start

from unbroken.cli.app import app
from unbroken.testing import Answer, FaultServer, Script, ThreadedFaultServer


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key, and nothing else of the SDK's in the environment."""
    for name in [name for name in os.environ if name.startswith("ANTHROPIC_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process."""

    def run(*arguments: str) -> Ran:
        with pytest.raises(SystemExit) as left:
            app(arguments)
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        assert KEY not in out + err
        return Ran(left.value.code or 0, out, err)

    return run


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts `python -m unbroken` in a process of its own, which can be interrupted."""
    started: list[subprocess.Popen[str]] = []
    # What a shell runs in the background ignores SIGINT, and so would all that it starts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "unbroken", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        started.append(process)
        return process

    yield start
    signal.signal(signal.SIGINT, before)
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def api() -> Iterator[ThreadedFaultServer]:
    """The API, which answers `TEXT` until a test says what goes wrong."""
    with FaultServer.in_thread(Script(Answer(TEXT))) as server:
        yield server
