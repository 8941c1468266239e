"""What the views of long commands share: a picture that lives in a terminal, and lines elsewhere."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.live import Live

__all__ = ["LiveView"]


class LiveView:
    """A view whose picture is there while it is entered.

    Args:
        console: Where it is shown.
        plain: Whether there are lines also in a terminal.

    Attributes:
        is_live: Whether there is a picture that lives.
    """

    def __init__(self, console: Console, *, plain: bool) -> None:
        self._console = console
        self.is_live: bool = console.is_terminal and not plain
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> None:
        if self.is_live:
            self._live.start()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._live.stop()
