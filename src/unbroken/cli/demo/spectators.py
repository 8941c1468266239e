"""Who watches the demo: a terminal, which sees a live picture, or anything else, which gets lines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Final, Protocol

import anyio
import typer
from rich.console import Console
from rich.live import Live

from .parts import attempt_lines
from .picture import last_picture, live_picture
from .play import Performance, Play
from .sides import Happening

__all__ = ["LiveSpectator", "PlainSpectator", "Spectator"]

_FRAMES_A_SECOND: Final = 15


class Spectator(Protocol):
    """Sees one act after another."""

    def tell(self, who: str, happening: Happening) -> None:
        """Something happened to somebody."""

    def watching(self, performances: Sequence[Performance]) -> AbstractAsyncContextManager[None]:
        """Watch the last of these while it goes on."""
        ...

    def close(self, performances: Sequence[Performance]) -> None:
        """All acts are over."""


class PlainSpectator:
    """One line for each happening, then the requests, then what came of it.

    Args:
        play: What is performed.
    """

    def __init__(self, play: Play) -> None:
        self._play = play
        self._margin = 1 + max(map(len, play.names))

    def tell(self, who: str, happening: Happening) -> None:
        """Print it."""
        # Who stops reading is found out at the end of the act: a notice's listener has nobody to raise to.
        with suppress(BrokenPipeError):
            typer.echo(f"  {who:<{self._margin}}{happening.at:6.2f} s  {happening.what}")

    @asynccontextmanager
    async def watching(self, performances: Sequence[Performance]) -> AsyncIterator[None]:
        """A heading before the act, its requests and its outcome after it."""
        performance = performances[-1]
        typer.echo(f"act {performance.number} of {performance.of}: {performance.act.title}")
        yield
        for line in attempt_lines(performance.ours.report.attempts if performance.ours.report else ()):
            typer.echo(f"  {line}")
        for side in performance.sides:
            typer.echo(f"{side.name}: {self._play.summary(side)}")
        typer.echo()

    def close(self, performances: Sequence[Performance]) -> None:
        """The score, if there was more than one act."""
        _echo_score(self._play, performances)


class LiveSpectator:
    """A picture that moves, and at the end the last one, which stays.

    Args:
        play: What is performed.
        console: The terminal.
        hold: Seconds for which the end of each act is shown.
    """

    def __init__(self, play: Play, console: Console, *, hold: float) -> None:
        self._play = play
        self._console = console
        self._hold = hold

    def tell(self, who: str, happening: Happening) -> None:
        """The picture shows it anyway."""

    @asynccontextmanager
    async def watching(self, performances: Sequence[Performance]) -> AsyncIterator[None]:
        """Paint the act, frame by frame."""

        def paint() -> None:
            live.update(live_picture(self._play, performances, self._console), refresh=True)

        async def keep_painting() -> None:
            while True:
                paint()
                await anyio.sleep(1 / _FRAMES_A_SECOND)

        with Live(console=self._console, auto_refresh=False, transient=True, vertical_overflow="crop") as live:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(keep_painting)
                yield
                tasks.cancel_scope.cancel()
            paint()
            await anyio.sleep(self._hold)

    def close(self, performances: Sequence[Performance]) -> None:
        """Leave the last picture and the score on the screen."""
        self._console.print(last_picture(self._play, performances, self._console))
        self._console.print()
        _echo_score(self._play, performances)


def _echo_score(play: Play, performances: Sequence[Performance]) -> None:
    if play.left_out:
        typer.echo(play.left_out)
    if len(performances) > 1:
        typer.echo(play.score(performances))
