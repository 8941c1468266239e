"""The live picture, in a terminal that is only a string."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from unbroken.cli.demo.bars import RACES
from unbroken.cli.demo.demo import Options, _perform
from unbroken.cli.demo.picture import TRIALS, Trial
from unbroken.cli.demo.race import Race, run_race
from unbroken.cli.demo.sides import Happening
from unbroken.cli.demo.spectators import LiveSpectator, PlainSpectator
from unbroken.cli.demo.story import acts, races

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """The command line runs on asyncio."""
    return "asyncio"


@pytest.mark.parametrize("size", [(120, 45), (80, 24), (40, 8)], ids=str)
async def test_the_picture_moves_and_the_last_one_stays(
    size: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the size of the terminal."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=size[0], height=size[1], color_system="standard")
    spectator = LiveSpectator(TRIALS, console, hold=0)
    options = Options(model="claude-opus-5-5", fallbacks=("claude-haiku-4-5",), fast=True)
    play = acts(fast=True)[::2]
    trials: list[Trial] = []
    for act in play:
        trials.append(Trial(act, len(trials) + 1, len(play), spectator.tell))
        async with spectator.watching(trials):
            await _perform(trials[-1], options)
    moved = screen.getvalue()
    spectator.close(trials)
    last = screen.getvalue()[len(moved) :]
    assert "act 1 of 2" in moved
    assert "act 2 of 2" in last
    assert last.count("┃") == 1  # the joint; what stays is whole, however small the screen
    assert moved.count("\x1b[?25l") == moved.count("\x1b[?25h") == 2  # the cursor is hidden, and shown again
    assert "unbroken 2 of 2, exact to the character" in capsys.readouterr().out


@pytest.mark.parametrize("size", [(120, 45), (40, 8)], ids=str)
async def test_a_race_moves_too(size: tuple[int, int], capsys: pytest.CaptureFixture[str]) -> None:
    """With other pictures, in the same way."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=size[0], height=size[1], color_system="standard")
    spectator = LiveSpectator(RACES, console, hold=0)
    models = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-4-5")
    performed: list[Race] = []
    for act in races(models, fast=True):
        performed.append(Race(act, len(performed) + 1, 2, spectator.tell, models))
        async with spectator.watching(performed):
            await run_race(performed[-1], delay=0.0, fast=True)
    moved = screen.getvalue()
    spectator.close(performed)
    last = screen.getvalue()[len(moved) :]
    assert "act 1 of 2" in moved
    assert "claude-haiku-4-5" in moved
    assert "act 2 of 2" in last
    assert last.count("┃") == 1
    assert "Whole answers: 2 of 2, exact to the character." in capsys.readouterr().out


def test_lines_are_told_with_a_margin_for_the_longest_name(capsys: pytest.CaptureFixture[str]) -> None:
    """So that the times stand below each other."""
    spectator = PlainSpectator(TRIALS, ("SDK", "unbroken"))
    spectator.tell("SDK", Happening(0.5, "asking", "plain"))
    assert capsys.readouterr().out == "  SDK        0.50 s  asking\n"


def test_a_reader_who_has_gone_is_not_told_of_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener to notices has nobody to raise to; the next line outside says it."""

    def broken(line: str) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("typer.echo", broken)
    PlainSpectator(TRIALS, ("SDK",)).tell("SDK", Happening(0.0, "asking", "plain"))
