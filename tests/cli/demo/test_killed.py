"""The act in which the process that streams is killed."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from commands import Run

from unbroken.cli.demo import children
from unbroken.cli.demo.play import Performance, Play
from unbroken.cli.demo.sides import Happening
from unbroken.cli.demo.story import ANSWER, acts
from unbroken.cli.demo.trial import trials
from unbroken.cli.problems import Problem

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not children.can_kill(), reason="SIGKILL"),
]

OPUS, HAIKU = "claude-opus-5-5", "claude-haiku-4-5"


@pytest.fixture
def anyio_backend() -> str:
    """The command line runs on asyncio."""
    return "asyncio"


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files are."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


class Spectator:
    """Notes who was told what.

    Attributes:
        told: Names and sentences, in their order.
        killed: Set when a process is killed.
    """

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.killed = anyio.Event()

    def tell(self, who: str, happening: Happening) -> None:
        """Something happened to somebody."""
        self.told.append((who, happening.what))
        if happening.what.startswith("kill -9"):
            self.killed.set()

    def of(self, who: str) -> list[str]:
        """What somebody was told."""
        return [what for whom, what in self.told if whom == who]


def play_of(model: str = OPUS, fallback: str = HAIKU) -> Play:
    """A play of that act alone."""
    return trials(acts(fast=True)[3:], model, [fallback], fast=True)


@asynccontextmanager
async def staged(play: Play, spectator: Spectator) -> AsyncIterator[Performance]:
    """Its act, with processes behind it."""
    async with play.backstage():
        yield Performance(play.acts[0], 1, 1, play.names, spectator.tell)


def files(directory: Path) -> list[str]:
    """What is in it."""
    return os.listdir(directory)


def is_gone(pid: int) -> bool:
    """Whether there is no such process, nor what is left of one for whoever started it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize(
    ("model", "form"), [(OPUS, "continue"), pytest.param(HAIKU, "prefill", marks=pytest.mark.slow)]
)
async def test_the_sdks_answer_is_gone_and_unbrokens_goes_on(model: str, form: str, scratch: Path) -> None:
    """Both were streamed in the process that is killed; the other one asks for the rest, and nothing is left behind."""
    play, spectator = play_of(model), Spectator()
    async with staged(play, spectator) as performance:
        await play.perform(performance)
        assert files(scratch) == []
        alone, ours = performance.sides
        assert all(map(is_gone, ours.processes))
    first, second = ours.processes
    assert spectator.of("SDK") == [
        f"asking {model} in process {first}",
        f"kill -9 {first}",
        f"gone with its process, {len(ANSWER) - len(alone.text):,} characters never came",
    ]
    assert spectator.of("unbroken") == [
        f"asking {model} in process {first}",
        f"kill -9 {first}",
        f"process {second} goes on",
        "exact, in 2 requests by 2 processes",
    ]
    killed_at = play.acts[0].killed_at
    assert killed_at is not None
    assert killed_at <= len(alone.text) < len(ANSWER)
    assert ANSWER.startswith(alone.text)
    assert (ours.text, ours.whole, alone.whole) == (ANSWER, True, False)
    (_, begins), (number, goes_on) = ours.joints
    assert (begins, number) == (0, 2)
    assert killed_at <= goes_on < len(ANSWER)
    assert ours.report is not None
    assert [attempt.outcome for attempt in ours.report.attempts] == ["orphaned", "complete"]
    assert ours.report.attempts[1].form == form
    assert ours.report.attempts[1].characters == len(ANSWER) - goes_on


@pytest.mark.slow
async def test_an_interruption_leaves_no_process_and_no_file_behind(scratch: Path) -> None:
    """It comes while one has been killed, and the other one is about to go on."""
    play, spectator = play_of(), Spectator()
    async with staged(play, spectator) as performance, anyio.create_task_group() as tasks:

        async def perform() -> None:
            await play.perform(performance)

        tasks.start_soon(perform)
        await spectator.killed.wait()
        assert len(files(scratch)) == 1
        tasks.cancel_scope.cancel()
    assert files(scratch) == []
    assert all(map(is_gone, performance.ours.processes))


@pytest.mark.slow
async def test_a_request_that_cannot_be_made_is_no_wait_without_end(scratch: Path) -> None:
    """The process says so, and lives on."""
    play, spectator = play_of(""), Spectator()
    async with staged(play, spectator) as performance:
        await play.perform(performance)
    assert performance.ours.ending == "raised ValueError"
    assert performance.sides[0].ending.startswith("raised ")


class Scripted:
    """A process that says what it is told to, and then dies by itself.

    Args:
        *words: What it says, one after the other.
    """

    pid = 7

    def __init__(self, *words: dict[str, Any]) -> None:
        self._words = [*words]

    async def ready(self) -> None:
        """It is."""

    async def tell(self, order: children.Order) -> None:
        """It hears nothing."""

    async def heard(self) -> dict[str, Any] | None:
        """Its next word."""
        await anyio.lowlevel.checkpoint()
        return self._words.pop(0) if self._words else None

    async def end(self) -> None:
        """It is dead already."""


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ([[], []], "has died"),
        ([[], [{"raised": "JournalError"}]], "has raised JournalError"),
        ([[{"at_work": True}], [{"at_work": True}]], "has died"),
    ],
    ids=["at once", "in the journal", "later"],
)
async def test_a_process_that_dies_by_itself_is_a_problem(
    words: list[list[dict[str, Any]]], problem: str, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no wait without end."""

    @asynccontextmanager
    async def scripted(number: int) -> AsyncIterator[list[Scripted]]:
        assert number == len(words)
        yield [Scripted(*said) for said in words]

    monkeypatch.setattr("unbroken.cli.demo.trial.children", scripted)
    play = play_of()
    with pytest.raises(ExceptionGroup) as raised:
        async with staged(play, Spectator()) as performance:
            await play.perform(performance)
    assert {str(error) for error in raised.value.exceptions if problem in str(error)}
    assert raised.group_contains(Problem)
    assert files(scratch) == []


def test_where_there_is_no_such_signal_the_act_is_left_out(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence says so, and no process is started."""
    monkeypatch.delattr(signal, "SIGKILL")
    monkeypatch.setattr(anyio, "open_process", None)
    ran = run("demo", "--fast")
    assert ran.code == 0
    assert "act 3 of 3" in ran.out
    assert ran.out.splitlines()[-2:] == [
        "Left out: kill -9 in mid-answer; this system has no such signal.",
        "Whole answers: SDK 0 of 3, unbroken 3 of 3, exact to the character.",
    ]
