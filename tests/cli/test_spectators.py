"""The live picture, in a terminal that is only a string."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from unbroken.cli.demo import Options, _perform
from unbroken.cli.picture import Trial
from unbroken.cli.spectators import LiveSpectator
from unbroken.cli.story import acts

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """The command line runs on asyncio."""
    return "asyncio"


@pytest.mark.parametrize("size", [(120, 45), (80, 24), (40, 8)], ids=str)
async def test_the_picture_moves_and_the_last_one_stays(
    size: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=size[0], height=size[1], color_system="standard")
    spectator = LiveSpectator(console, hold=0)
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
