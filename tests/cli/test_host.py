"""`unbroken host`: with the fault server for the API, and signals that really come."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import anyio
import pytest
from commands import KEY, TEXT, Run, Start
from journalled import leave, states
from rich.console import Console

from unbroken import StreamFailed, attach
from unbroken.cli import host as command
from unbroken.cli.host import Hosting, host
from unbroken.cli.host_view import HostView
from unbroken.cli.journals import Place
from unbroken.durable.writer import Writer
from unbroken.journal import JournalFull, Lease, SQLiteJournal
from unbroken.report import AttemptReport, Report
from unbroken.testing import Answer, Script, Silence, Status, ThreadedFaultServer, after_characters

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGTERM is another thing elsewhere")

#: The first request gets no further.
CUT: Final = [Silence(at=after_characters(100))]


@pytest.fixture
def path(api: ThreadedFaultServer, tmp_path: Path) -> Path:
    """A journal with a stream whose process has left."""
    api.play(Script(Answer(TEXT), faults=CUT))
    leave(api, tmp_path / "answers.db", "c7/3", 100)
    return tmp_path / "answers.db"


def text_of(path: Path, stream_id: str) -> str:
    """What a reader gets."""

    async def read() -> str:
        async with SQLiteJournal(path) as journal:
            return await attach(journal, stream_id).get_final_text()

    return anyio.run(read)


class Telling(io.StringIO):
    """Sends a signal to this process when it was told so."""

    def __init__(self, words: str, sent: int) -> None:
        super().__init__()
        self.words = words
        self.sent = sent

    def write(self, text: str) -> int:
        written = super().write(text)
        if self.words and self.words in self.getvalue():
            self.words = ""
            signal.raise_signal(self.sent)
        return written


def hosted(
    monkeypatch: pytest.MonkeyPatch, path: Path, until: str, sent: int = signal.SIGTERM, **console: Any
) -> tuple[bool, str]:
    """What the command gives and shows that hosts in this process, until it says so."""
    shown = Telling(until, sent)
    view = HostView(console=Console(file=shown, highlight=False, soft_wrap=True, width=120, **console))
    monkeypatch.setattr(command, "HostView", lambda *, plain: view)
    return anyio.run(host, Hosting(place=Place(str(path)))), shown.getvalue()


def lines_of(shown: str) -> list[str]:
    """Without the times."""
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", line) for line in shown.splitlines())
    return [re.sub(r", [\d.]+ s$", "", line[20:]) for line in shown.splitlines()]


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_stream_that_nobody_writes_is_gone_on_with(
    monkeypatch: pytest.MonkeyPatch, api: ThreadedFaultServer, path: Path, sent: int
) -> None:
    """A line for each change, and nothing of the answer."""
    monkeypatch.setenv("ANTHROPIC_BASE_URL", api.url)
    terminated, shown = hosted(monkeypatch, path, "complete", sent)
    assert terminated == (sent == signal.SIGTERM)
    assert lines_of(shown) == [
        f"hosting the streams of {path}",
        "c7/3: taken",
        f"c7/3: complete, {len(TEXT)} characters, 2 requests",
        "leaving",
        "left: 1 complete",
    ]
    assert TEXT[:10] not in shown
    assert text_of(path, "c7/3") == TEXT
    assert len(api.requests) == 2


def test_in_a_terminal_there_is_a_picture(
    monkeypatch: pytest.MonkeyPatch, api: ThreadedFaultServer, path: Path
) -> None:
    """Which is gone when the host has left."""
    monkeypatch.setenv("ANTHROPIC_BASE_URL", api.url)
    api.play(Script(Answer(TEXT), faults=[Silence(at=after_characters(50))]))
    _, shown = hosted(monkeypatch, path, "writing", force_terminal=True, height=30)
    assert re.search(r"c7/3 +claude-opus-5-5 +1\d\d +2 +\d+ +writing", re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", shown))
    assert "1 written, 0 waiting" in shown
    assert "left: 1 left to others" in shown
    assert TEXT[:10] not in shown
    assert states(path)["c7/3"].orphaned


def test_a_stream_that_fails_is_told_of(monkeypatch: pytest.MonkeyPatch, api: ThreadedFaultServer, path: Path) -> None:
    """In one line, without a word of the answer."""
    api.play(Script(Answer(TEXT), then=Status(401)))
    monkeypatch.setenv("ANTHROPIC_BASE_URL", api.url)
    _, shown = hosted(monkeypatch, path, "failed")
    (line,) = [line for line in lines_of(shown) if "failed" in line and line.startswith("c7/3")]
    assert line.startswith("c7/3: failed, 100 characters, 2 requests, ")
    assert "key" in line
    assert TEXT[:10] not in shown
    assert KEY not in shown
    with pytest.raises(StreamFailed):
        text_of(path, "c7/3")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"ended": "cancelled"}, "c7/3: stopped, 0 characters, 0 requests"),
        ({"lost": True}, "c7/3: taken by another, 0 characters, 0 requests"),
        ({"journal_error": JournalFull("no room")}, "c7/3: left to others, 0 characters, 0 requests, no room"),
        (
            {"ended": "failed", "journal_error": JournalFull("no room")},
            "c7/3: failed, 0 characters, 0 requests, no room",
        ),
    ],
)
def test_every_end_has_its_line(changes: dict[str, Any], says: str) -> None:
    shown = io.StringIO()
    view = HostView(console=Console(file=shown, soft_wrap=True))
    writer = SimpleNamespace(
        lease=Lease("c7/3", 2, 9), done=False, driver=None, error=None, journal_error=None, ended=None, lost=False
    )
    view.note(cast("Writer", Hashable(writer)))
    for name, value in {"done": True, **changes}.items():
        setattr(writer, name, value)
    view.note(cast("Writer", Hashable(writer)))
    assert lines_of(shown.getvalue()) == ["c7/3: taken", says]


class Hashable:
    """One writer, as it stands."""

    def __init__(self, writer: SimpleNamespace) -> None:
        self._writer = writer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)

    def __hash__(self) -> int:
        return id(self._writer)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hashable) and self._writer is other._writer


def test_more_streams_than_there_is_room_for_are_counted() -> None:
    shown = io.StringIO()
    view = HostView(console=Console(file=shown, force_terminal=True, width=100, height=10))
    attempts = [AttemptReport(1, 0, "claude-opus-5-5", "request", 0.0, outcome="overloaded")]
    driver = SimpleNamespace(report=Report(attempts), partial=SimpleNamespace(text="abc"))
    for number in range(5):
        writer = SimpleNamespace(lease=Lease(f"c7/{number}", 1, 1), done=False, driver=driver)
        view.note(cast("Writer", Hashable(writer)))
    with view:
        view.draw(7)
    plain = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", shown.getvalue())
    assert "and 3 more" in plain
    assert "5 written, 7 waiting" in plain
    assert "waiting (overloaded)" in plain


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--lease", "0"], "--lease"),
        (["--lease", "nan"], "--lease"),
        (["--grace", "-1"], "--grace"),
        (["--grace", "nan"], "--grace"),
        (["--retention", "nan"], "--retention"),
        (["--max-streams", "0"], "--max-streams"),
        (["--max-bytes", "0"], "--max-bytes"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(run: Run, path: Path, arguments: list[str], says: str) -> None:
    ran = run("host", "--journal", str(path), *arguments)
    assert ran.code == 2
    assert says in ran.err


def test_what_is_out_of_range_is_one_sentence(run: Run, path: Path) -> None:
    assert "model" in run("host", "--journal", str(path), "--fallback", "").sentence


def test_without_a_key_it_does_not_begin(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And makes no file."""
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    assert "there is no API key" in run("host", "--journal", str(tmp_path / "answers.db")).sentence
    assert not list(tmp_path.iterdir())


def read_until(process: subprocess.Popen[str], words: str) -> list[str]:
    """The lines of a process up to the one that has these words."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return lines
    raise AssertionError(f"it ended before it said {words!r}: {lines}, {process.stderr and process.stderr.read()}")


def asked_again(api: ThreadedFaultServer) -> None:
    """Return when the second request is there."""
    until = time.monotonic() + 120
    while len(api.requests) < 2:
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.slow
def test_a_host_that_is_terminated_leaves_its_stream_to_the_next(
    start: Start, api: ThreadedFaultServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are processes of their own. Neither waits for a lease, and the model is asked for the rest alone."""
    monkeypatch.setenv("ANTHROPIC_BASE_URL", api.url)
    api.play(Script(Answer(TEXT), faults=[Silence(at=after_characters(50))]))
    hosting = ("host", "--journal", str(path), "--lease", "600", "--grace", "0.1")
    first = start(*hosting)
    read_until(first, "c7/3: taken")
    second = start(*hosting)
    read_until(second, "hosting")
    asked_again(api)
    first.send_signal(signal.SIGTERM)
    out, err = first.communicate(timeout=120)
    assert (first.returncode, err) == (0, "")
    assert "c7/3: left to others" in out
    assert "c7/3: taken" in "".join(read_until(second, "c7/3: complete"))
    second.send_signal(signal.SIGINT)
    out, err = second.communicate(timeout=120)
    assert (second.returncode, err) == (130, "")
    assert text_of(path, "c7/3") == TEXT
    assert len(api.requests) == 3


@pytest.mark.slow
def test_a_second_signal_does_not_wait(
    start: Start, api: ThreadedFaultServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for the grace that was given, and the stream is for others all the same."""
    monkeypatch.setenv("ANTHROPIC_BASE_URL", api.url)
    api.play(Script(Answer(TEXT), faults=[Silence(at=after_characters(50))]))
    process = start("host", "--journal", str(path), "--lease", "600", "--grace", "600")
    read_until(process, "c7/3: taken")
    asked_again(api)
    process.send_signal(signal.SIGTERM)
    read_until(process, "leaving; waiting 600 s for 1 stream")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGTERM
    assert states(path)["c7/3"].orphaned
