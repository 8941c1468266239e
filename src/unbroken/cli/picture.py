"""How the demo looks: two panels side by side, every request in a table, and the score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress
from pathlib import Path
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ..report import AttemptReport
from .sides import Happening, Side, Tone
from .story import Act
from .svg import export

__all__ = ["Trial", "attempt_cells", "last_picture", "live_picture", "save"]

#: The width of the saved picture, in characters.
WIDTH: Final = 116

_COLUMNS: Final = ("#", "model", "asked as", "request id", "outcome", "seconds", "tokens in / out", "seam")
#: What a terminal of less than this has to do without.
_WIDE: Final = 104
_LEFT_OUT: Final = frozenset({"request id", "tokens in / out"})
_TONES: Final[dict[Tone, str]] = {"plain": "dim", "cut": "yellow", "good": "bold green", "bad": "bold red"}
_SIGNS: Final[dict[Tone, str]] = {"plain": "→", "cut": "✗", "good": "✓", "bad": "✗"}
#: Each attempt that brought text writes in a colour of its own; the table's rows have the same.
_INKS: Final = ("default", "cyan", "magenta", "blue")


class Trial:
    """One act, performed by both.

    Args:
        act: What happens.
        number: From 1.
        of: How many acts there are.
        tell: Called with each happening of either side.
    """

    def __init__(self, act: Act, number: int, of: int, tell: Callable[[Side, Happening], None]) -> None:
        self.act = act
        self.number = number
        self.of = of
        self.alone: Side = Side("SDK", act.truth, tell)
        self.ours: Side = Side("unbroken", act.truth, tell)


def live_picture(trials: Sequence[Trial], console: Console) -> RenderableType:
    """The act that is being performed, in as many lines as the terminal has."""
    trial, done = trials[-1], trials[:-1]
    attempts = len(trial.ours.report.attempts) if trial.ours.report else 0
    around = 2 + 2 + (attempts + 3) + (len(done) + 3 if done else 0) + 1
    rows = max(6, console.height - around)
    parts = [_head(trial), _panels(trial, console, min(rows, _rows_needed(trial, console)))]
    if attempts:
        parts.append(_table(trial.ours, console))
    if done:
        parts.append(_score(done))
    return Group(*parts)


def last_picture(trials: Sequence[Trial], console: Console) -> RenderableType:
    """The last act whole, and the score of all."""
    trial = trials[-1]
    rows = max(len(_body(side, console)) for side in (trial.alone, trial.ours))
    return Group(_head(trial), _panels(trial, console, rows), _table(trial.ours, console), _score(trials))


def save(trials: Sequence[Trial], path: Path) -> None:
    """Write the last picture as SVG. Raises `OSError` when it cannot be written."""
    path.write_text(export(lambda console: last_picture(trials, console), WIDTH), encoding="utf-8")


def attempt_cells(attempt: AttemptReport) -> tuple[str, ...]:
    """One request as the table shows it, in the order of its columns."""
    out = attempt.output_tokens if attempt.output_tokens is not None else attempt.estimated_output_tokens
    about = "~" if attempt.output_tokens is None else ""
    took_in = "–" if attempt.input_tokens is None else f"{attempt.input_tokens:,}"
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
        f"{took_in} / " + ("–" if out is None else f"{about}{out:,}"),
        joined,
    )


def _head(trial: Trial) -> Text:
    act = f"  act {trial.number} of {trial.of}: " if trial.of > 1 else "  "
    return Text.assemble((" unbroken demo ", "reverse bold"), act, (trial.act.title, "bold"), "\n")


def _panels(trial: Trial, console: Console, rows: int) -> RenderableType:
    grid = Table.grid(expand=True, padding=(0, 0))
    grid.add_column(ratio=1)
    grid.add_column(ratio=1)
    grid.add_row(*(_panel(side, console, rows) for side in (trial.alone, trial.ours)))
    return grid


def _panel(side: Side, console: Console, rows: int) -> Panel:
    colour = "dim" if not side.ending else "green" if side.whole else "red"
    sign = "" if not side.ending else "✓ " if side.whole else "✗ "
    name = "the SDK alone" if side.report is None and side.name == "SDK" else side.name
    count = f"{sign}{len(side.text):,} of {len(side.truth):,} characters"
    return Panel(
        Text("\n").join(_body(side, console)[-rows:]),
        title=Text(name, "bold"),
        title_align="left",
        subtitle=Text(count, f"bold {colour}" if side.ending else "dim"),
        subtitle_align="right",
        border_style=colour,
        box=box.ROUNDED,
        height=rows + 2,
        padding=(0, 1),
    )


def _rows_needed(trial: Trial, console: Console) -> int:
    """Lines for the whole answer and what may happen, so that the panels do not grow while one reads."""
    whole = len(Text(trial.act.truth).wrap(console, _inner(console)))
    return max(whole + 5, *(len(_body(side, console)) for side in (trial.alone, trial.ours)))


def _inner(console: Console) -> int:
    return max(20, console.width // 2 - 4)


def _body(side: Side, console: Console) -> list[Text]:
    """The text with its joints, then what happened, as lines that fit."""
    width = _inner(console)
    lines = list(_inked(side).wrap(console, width))
    lines.append(Text())
    for happening in _happenings(side):
        line = Text(f"{happening.at:5.2f} s {_SIGNS[happening.tone]} {happening.what}", _TONES[happening.tone])
        lines += line.wrap(console, width)
    return lines


def _happenings(side: Side) -> list[Happening]:
    """What happened, in a few words each: every request once there is a report of them, else the log."""
    if side.report is None:
        return side.log[1:]
    requests = [Happening(_when(attempt), *_request_line(attempt)) for attempt in side.report.attempts]
    return [*requests, *(side.log[-1:] if side.ending else [])]


def _when(attempt: AttemptReport) -> float:
    """A request that died is told of at its end, one that goes on or went well at its start; in seconds."""
    died = attempt.outcome not in ("open", "complete")
    return attempt.started + (attempt.ended or 0.0 if died else 0.0)


def _request_line(attempt: AttemptReport) -> tuple[str, Tone]:
    asked = attempt.model if attempt.form == "request" else f"{attempt.model}, {attempt.form}"
    if attempt.outcome in ("open", "complete"):
        return asked, "plain"
    if attempt.status == 200:
        return f"{asked}: cut, {attempt.outcome}", "cut"
    return f"{asked}: {attempt.status or 'no response'}, {attempt.outcome}", "cut"


def _inked(side: Side) -> Text:
    """The text, each attempt's part in its own ink, with a mark at each joint."""
    begins = side.joints or [(1, 0)]
    ends = [offset for _, offset in begins[1:]] + [len(side.text)]
    inked = Text()
    for turn, ((_, begin), end) in enumerate(zip(begins, ends, strict=True)):
        if begin >= len(side.text) and turn:
            break
        if turn:
            inked.append("┃", "bold yellow")
        inked.append(side.text[begin:end].rstrip("\n") if end >= len(side.text) else side.text[begin:end], _ink(turn))
    inked.highlight_regex(r"\*\*[^*]+\*\*|^## .+$", "bold")
    if not side.ending:
        inked.append("▌", "dim")
    elif not side.whole:
        inked.append("▌", "bold red")
    return inked


def _ink(turn: int) -> str:
    return _INKS[min(turn, len(_INKS) - 1)]


def _table(side: Side, console: Console) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, expand=True, padding=(0, 1), show_edge=False, header_style="dim")
    shown = [console.width >= _WIDE or name not in _LEFT_OUT for name in _COLUMNS]
    for name in compress(_COLUMNS, shown):
        right = name in ("#", "seconds", "tokens in / out")
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    inks = {number: _ink(turn) for turn, (number, _) in enumerate(side.joints)}
    for attempt in side.report.attempts if side.report else ():
        table.add_row(*compress(attempt_cells(attempt), shown), style=inks.get(attempt.number, "dim"))
    return Group(Text(), table)


def _score(trials: Sequence[Trial]) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, expand=True, padding=(0, 1), show_edge=False, header_style="dim")
    for name in ("what went wrong", "the SDK alone", "unbroken"):
        table.add_column(name)
    for trial in trials:
        cells = [
            Text(f"{'✓' if side.whole else '✗'} {_outcome(side)}", "green" if side.whole else "red")
            for side in (trial.alone, trial.ours)
        ]
        table.add_row(trial.act.title, *cells)
    return Group(Text(), table)


def _outcome(side: Side) -> str:
    return side.ending if side.whole else f"{len(side.text):,} of {len(side.truth):,}, {side.ending}"
