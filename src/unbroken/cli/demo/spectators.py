"""Who watches the demo: a terminal, which sees a live picture, or anything else, which gets lines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

import anyio
import typer
from rich.console import Console, RenderableType
from rich.live import Live

from .sides import Happening
from .story import Act

__all__ = ["LiveSpectator", "Performance", "PlainSpectator", "Spectator", "View"]

_FRAMES_A_SECOND: Final = 15


class Performance(Protocol):
    """One act, being performed."""

    act: Act
    number: int
    of: int

    @property
    def whole(self) -> bool:
        """Whether `unbroken` was exact."""
        ...


P = TypeVar("P", bound=Performance)
P_contra = TypeVar("P_contra", bound=Performance, contravariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class View(Generic[P]):
    """How performances of one kind are shown. The last of a sequence is the one that goes on, or went on last.

    Attributes:
        title: What the saved picture is about.
        live: The picture that moves, for a terminal of this size.
        last: The picture that stays.
        lines: What is printed after an act where there is no terminal.
        score: What is said at the end, if there was more than one act.
    """

    title: str
    live: Callable[[Sequence[P], Console], RenderableType]
    last: Callable[[Sequence[P], Console], RenderableType]
    lines: Callable[[P], Iterable[str]]
    score: Callable[[Sequence[P]], str]


class Spectator(Protocol[P_contra]):
    """Sees one act after another."""

    def tell(self, who: str, happening: Happening) -> None:
        """Something happened to somebody."""

    def watching(self, performances: Sequence[P_contra]) -> AbstractAsyncContextManager[None]:
        """Watch the last of these while it goes on."""
        ...

    def close(self, performances: Sequence[P_contra]) -> None:
        """All acts are over."""


class PlainSpectator(Generic[P]):
    """One line for each happening, then the requests, then what came of it.

    Args:
        view: What is printed after an act.
        names: Who there is to be told of.
    """

    def __init__(self, view: View[P], names: Iterable[str]) -> None:
        self._view = view
        self._margin = 1 + max(map(len, names))

    def tell(self, who: str, happening: Happening) -> None:
        """Print it."""
        # Who stops reading is found out at the end of the act: a notice's listener has nobody to raise to.
        with suppress(BrokenPipeError):
            typer.echo(f"  {who:<{self._margin}}{happening.at:6.2f} s  {happening.what}")

    @asynccontextmanager
    async def watching(self, performances: Sequence[P]) -> AsyncIterator[None]:
        """A heading before the act, its requests and its outcome after it."""
        performance = performances[-1]
        typer.echo(f"act {performance.number} of {performance.of}: {performance.act.title}")
        yield
        for line in self._view.lines(performance):
            typer.echo(line)
        typer.echo()

    def close(self, performances: Sequence[P]) -> None:
        """The score, if there was more than one act."""
        _echo_score(self._view, performances)


class LiveSpectator(Generic[P]):
    """A picture that moves, and at the end the last one, which stays.

    Args:
        view: The pictures.
        console: The terminal.
        hold: Seconds for which the end of each act is shown.
    """

    def __init__(self, view: View[P], console: Console, *, hold: float) -> None:
        self._view = view
        self._console = console
        self._hold = hold

    def tell(self, who: str, happening: Happening) -> None:
        """The picture shows it anyway."""

    @asynccontextmanager
    async def watching(self, performances: Sequence[P]) -> AsyncIterator[None]:
        """Paint the act, frame by frame."""

        def paint() -> None:
            live.update(self._view.live(performances, self._console), refresh=True)

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

    def close(self, performances: Sequence[P]) -> None:
        """Leave the last picture and the score on the screen."""
        self._console.print(self._view.last(performances, self._console))
        self._console.print()
        _echo_score(self._view, performances)


def _echo_score(view: View[P], performances: Sequence[P]) -> None:
    if len(performances) > 1:
        typer.echo(view.score(performances))
