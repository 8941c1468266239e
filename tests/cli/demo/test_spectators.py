"""The live picture, in a terminal that is only a string."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from unbroken.cli.demo.play import Performance, Play
from unbroken.cli.demo.race import race
from unbroken.cli.demo.sides import Happening
from unbroken.cli.demo.spectators import LiveSpectator, PlainSpectator
from unbroken.cli.demo.story import acts, races
from unbroken.cli.demo.trial import trials

MODELS = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-4-5")
BOTH = trials(acts(fast=True)[::2], MODELS[0], MODELS[2:], fast=True)
RACE = race(races(MODELS, fast=True), MODELS, 0.0, fast=True)

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """The command line runs on asyncio."""
    return "asyncio"


@pytest.mark.parametrize("size", [(120, 45), (80, 24), (40, 8)], ids=str)
@pytest.mark.parametrize(
    ("play", "score"),
    [(BOTH, "unbroken 2 of 2, exact to the character"), (RACE, "Whole answers: 2 of 2, exact to the character.")],
    ids=["both", "race"],
)
async def test_the_picture_moves_and_the_last_one_stays(
    play: Play, score: str, size: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the size of the terminal, and whoever performs."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=size[0], height=size[1], color_system="standard")
    spectator = LiveSpectator(play, console, hold=0)
    performed: list[Performance] = []
    for act in play.acts:
        performed.append(Performance(act, len(performed) + 1, len(play.acts), play.names, spectator.tell))
        async with spectator.watching(performed):
            await play.perform(performed[-1])
    moved = screen.getvalue()
    spectator.close(performed)
    last = screen.getvalue()[len(moved) :]
    assert "act 1 of 2" in moved
    assert "act 2 of 2" in last
    assert last.count("┃") == 1  # the joint; what stays is whole, however small the screen
    assert moved.count("\x1b[?25l") == moved.count("\x1b[?25h") == 2  # the cursor is hidden, and shown again
    assert score in capsys.readouterr().out


def test_lines_are_told_with_a_margin_for_the_longest_name(capsys: pytest.CaptureFixture[str]) -> None:
    """So that the times stand below each other."""
    spectator = PlainSpectator(BOTH)
    spectator.tell("SDK", Happening(0.5, "asking", "plain"))
    assert capsys.readouterr().out == "  SDK        0.50 s  asking\n"


def test_a_reader_who_has_gone_is_not_told_of_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener to notices has nobody to raise to; the next line outside says it."""

    def broken(line: str) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("typer.echo", broken)
    PlainSpectator(BOTH).tell("SDK", Happening(0.0, "asking", "plain"))
