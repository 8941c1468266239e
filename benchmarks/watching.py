"""Shows how a long benchmark goes: as it goes on a terminal, else in a line now and then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

from rich.console import Console
from rich.live import Live
from rich.table import Table

__all__ = ["watched"]

#: Seconds between two lines where there is no terminal.
LINES_EVERY: Final = 15.0


class Look(Protocol):
    """Where a benchmark stands."""

    @property
    def seconds(self) -> float:
        """Since its start."""


LookT = TypeVar("LookT", bound=Look)
T = TypeVar("T")
State = Sequence[tuple[str, str]]


def watched(run: Callable[[Callable[[LookT], object]], T], state: Callable[[LookT], State]) -> T:
    """Run it, and show how it goes.

    Args:
        run: Given what it has to call with each look.
        state: Names and values of what a look shows.

    Returns:
        What `run` returns.
    """
    console = Console()
    if console.is_terminal:
        with Live(console=console, transient=True, auto_refresh=False) as live:
            return run(lambda look: live.update(_picture(state(look)), refresh=True))
    said = [-LINES_EVERY]

    def tell(look: LookT) -> None:
        if look.seconds >= said[0] + LINES_EVERY:
            said[0] = look.seconds
            print("; ".join(f"{name}: {value}" for name, value in state(look)), flush=True)

    return run(tell)


def _picture(state: State) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in state:
        table.add_row(name, value)
    return table
