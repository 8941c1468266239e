"""Tables of the benchmarks: on the terminal, and as Markdown for the docs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

__all__ = ["markdown", "show"]

Row = Sequence[str]

#: In characters, where the table goes to a file.
WIDTH: Final = 150


def show(title: str, heads: Row, rows: Sequence[Row]) -> None:
    """Print a table."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for n, head in enumerate(heads):
        table.add_column(
            head, justify="right" if n else "left", overflow="fold", min_width=max(len(row[n]) for row in rows)
        )
    for row in rows:
        table.add_row(*(cell.replace(" ", "\u00a0") for cell in row))  # only heads are broken into lines
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    console.print(table)


def markdown(heads: Row, rows: Sequence[Row]) -> str:
    """The same as Markdown."""
    lines = [heads, ("---", *["---:"] * (len(heads) - 1)), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
