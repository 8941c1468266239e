"""Who watches the demo: a terminal, which sees a live picture, or anything else, which gets lines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Protocol

import anyio
import typer
from rich.console import Console
from rich.live import Live

from .picture import Trial, attempt_cells, last_picture, live_picture
from .sides import Happening, Side

__all__ = ["LiveSpectator", "PlainSpectator", "Spectator"]

_FRAMES_A_SECOND: Final = 15


class Spectator(Protocol):
    """Sees one act after another."""

    def tell(self, side: Side, happening: Happening) -> None:
        """Something happened on one side."""

    def watching(self, trials: Sequence[Trial]) -> AbstractAsyncContextManager[None]:
        """Watch the last of these while it is performed."""
        ...

    def close(self, trials: Sequence[Trial]) -> None:
        """All acts are over."""


class PlainSpectator:
    """One line for each happening, then the requests, then what came of it."""

    def tell(self, side: Side, happening: Happening) -> None:
        """Print it."""
        typer.echo(f"  {side.name:<9}{happening.at:6.2f} s  {happening.what}")

    @asynccontextmanager
    async def watching(self, trials: Sequence[Trial]) -> AsyncIterator[None]:
        """A heading before the act, its requests and its outcome after it."""
        trial = trials[-1]
        typer.echo(f"act {trial.number} of {trial.of}: {trial.act.title}")
        yield
        attempts = trial.ours.report.attempts if trial.ours.report else []
        rows = [attempt_cells(attempt) for attempt in attempts]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            typer.echo("  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())
        for side in (trial.alone, trial.ours):
            typer.echo(f"{side.name}: {side.summary()}")
        typer.echo()

    def close(self, trials: Sequence[Trial]) -> None:
        """The score, if there was more than one act."""
        _echo_score(trials)


class LiveSpectator:
    """A picture that moves, and at the end the last one, which stays.

    Args:
        console: The terminal.
        hold: Seconds for which the end of each act is shown.
    """

    def __init__(self, console: Console, *, hold: float) -> None:
        self._console = console
        self._hold = hold

    def tell(self, side: Side, happening: Happening) -> None:
        """The picture shows it anyway."""

    @asynccontextmanager
    async def watching(self, trials: Sequence[Trial]) -> AsyncIterator[None]:
        """Paint the act, frame by frame."""

        def paint() -> None:
            live.update(live_picture(trials, self._console), refresh=True)

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

    def close(self, trials: Sequence[Trial]) -> None:
        """Leave the last picture and the score on the screen."""
        self._console.print(last_picture(trials, self._console))
        self._console.print()
        _echo_score(trials)


def _echo_score(trials: Sequence[Trial]) -> None:
    if len(trials) > 1:
        alone = sum(trial.alone.whole for trial in trials)
        ours = sum(trial.ours.whole for trial in trials)
        typer.echo(
            f"Whole answers: SDK {alone} of {len(trials)}, unbroken {ours} of {len(trials)}, exact to the character."
        )
