"""What the pictures of the demo are made of: the heading, the answer with its joints, the table of requests."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ...core.printable import for_terminal
from ...report import AttemptReport
from .sides import Side, Tone

__all__ = [
    "SIGNS",
    "TONES",
    "WIDTH",
    "attempt_cells",
    "attempt_lines",
    "attempt_table",
    "heading",
    "inked",
    "rule_table",
    "verdict",
]

#: The width of a saved picture, in characters.
WIDTH: Final = 116

TONES: Final[dict[Tone, str]] = {"plain": "dim", "cut": "yellow", "good": "bold green", "bad": "bold red"}
SIGNS: Final[dict[Tone, str]] = {"plain": "→", "cut": "✗", "good": "✓", "bad": "✗"}

_COLUMNS: Final = ("#", "model", "asked as", "request id", "outcome", "seconds", "tokens in / out", "seam")
#: What a terminal of less than this has to do without.
_WIDE: Final = 104
_LEFT_OUT: Final = frozenset({"request id", "tokens in / out"})
#: Each attempt that brought text writes in a colour of its own; the table's rows have the same.
_INKS: Final = ("default", "cyan", "magenta", "blue")


def heading(number: int, of: int, title: str) -> Text:
    """Which act it is."""
    act = f"  act {number} of {of}: " if of > 1 else "  "
    return Text.assemble((" unbroken demo ", "reverse bold"), act, (title, "bold"), "\n")


def inked(side: Side) -> Text:
    """The text, each attempt's part in its own ink, with a mark at each joint."""
    begins = side.joints or [(1, 0)]
    ends = [offset for _, offset in begins[1:]] + [len(side.text)]
    text = Text()
    for turn, ((_, begin), end) in enumerate(zip(begins, ends, strict=True)):
        if begin >= len(side.text) and turn:
            break
        if turn:
            text.append("┃", "bold yellow")
        part = for_terminal(side.text[begin:end])
        text.append(part.rstrip("\n") if end >= len(side.text) else part, _ink(turn))
    text.highlight_regex(r"\*\*[^*]+\*\*|^## .+$", "bold")
    if not side.ending:
        text.append("▌", "dim")
    elif not side.whole:
        text.append("▌", "bold red")
    return text


def attempt_cells(attempt: AttemptReport) -> tuple[str, ...]:
    """One request as the table shows it, in the order of its columns."""
    took_in = _tokens(attempt.input_tokens, attempt.estimated_input_tokens)
    gave_out = _tokens(attempt.output_tokens, attempt.estimated_output_tokens)
    joined = attempt.seam or ""
    if attempt.discarded:
        joined += f", {attempt.discarded} cut"
    return (
        str(attempt.number),
        attempt.model,
        attempt.form,
        attempt.request_id or "–",
        f"{attempt.status or '–'} {attempt.outcome}",
        "–" if attempt.ended is None else f"{attempt.ended:.2f}",
        f"{took_in} / {gave_out}",
        joined,
    )


def attempt_lines(attempts: Sequence[AttemptReport]) -> list[str]:
    """The table as lines of text."""
    rows = [attempt_cells(attempt) for attempt in attempts]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def attempt_table(side: Side, console: Console) -> RenderableType:
    """Every request of a stream."""
    shown = [console.width >= _WIDE or name not in _LEFT_OUT for name in _COLUMNS]
    table = rule_table()
    for name in compress(_COLUMNS, shown):
        right = name in ("#", "seconds", "tokens in / out")
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    inks = {number: _ink(turn) for turn, (number, _) in enumerate(side.joints)}
    for attempt in side.report.attempts if side.report else ():
        table.add_row(*compress(attempt_cells(attempt), shown), style=inks.get(attempt.number, "dim"))
    return Group(Text(), table)


def rule_table() -> Table:
    """A table with a rule under its head and nothing else."""
    return Table(box=box.SIMPLE_HEAD, expand=True, padding=(0, 1), show_edge=False, header_style="dim")


def verdict(side: Side, words: str) -> Text:
    """Whether a stream went well, in these words."""
    return Text(f"{'✓' if side.whole else '✗'} {words}", "green" if side.whole else "red")


def _ink(turn: int) -> str:
    return _INKS[min(turn, len(_INKS) - 1)]


def _tokens(said: int | None, estimated: int | None) -> str:
    """What the API said, else about what is assumed."""
    if said is not None:
        return f"{said:,}"
    return "–" if estimated is None else f"~{estimated:,}"
