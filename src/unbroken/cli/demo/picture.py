"""How the demo looks: a panel for each stream side by side, every request in a table, and the score."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ...report import AttemptReport
from .parts import SIGNS, TONES, attempt_table, heading, inked, rule_table
from .play import Performance, Play
from .sides import Happening, Side, Tone

__all__ = ["last_picture", "live_picture"]


def live_picture(play: Play, performances: Sequence[Performance], console: Console) -> RenderableType:
    """The act that is being performed, the last of these, in as many lines as the terminal has."""
    performance, done = performances[-1], performances[:-1]
    attempts = len(performance.ours.report.attempts) if performance.ours.report else 0
    around = 2 + 2 + (attempts + 3) + (len(done) + 3 if done else 0) + 1
    rows = max(6, console.height - around)
    parts = [
        heading(performance.number, performance.of, performance.act.title),
        _panels(performance, console, min(rows, _rows_needed(performance, console))),
    ]
    if attempts:
        parts.append(attempt_table(performance.ours, console))
    if done:
        parts.append(_score(play, done))
    return Group(*parts)


def last_picture(play: Play, performances: Sequence[Performance], console: Console) -> RenderableType:
    """The last act whole, and the score of all."""
    performance = performances[-1]
    width = _inner(performance, console)
    rows = max(len(_body(side, console, width)) for side in performance.sides)
    return Group(
        heading(performance.number, performance.of, performance.act.title),
        _panels(performance, console, rows),
        attempt_table(performance.ours, console),
        _score(play, performances),
    )


def _panels(performance: Performance, console: Console, rows: int) -> RenderableType:
    grid = Table.grid(expand=True, padding=(0, 0))
    for _ in performance.sides:
        grid.add_column(ratio=1)
    grid.add_row(*(_panel(side, console, rows, _inner(performance, console)) for side in performance.sides))
    return grid


def _panel(side: Side, console: Console, rows: int, width: int) -> Panel:
    colour = "dim" if not side.ending else "green" if side.whole else "red"
    sign = "" if not side.ending else "✓ " if side.whole else "✗ "
    name = "the SDK alone" if side.name == "SDK" else side.name
    count = f"{sign}{len(side.text):,} of {len(side.truth):,} characters"
    return Panel(
        Text("\n").join(_body(side, console, width)[-rows:]),
        title=Text(name, "bold"),
        title_align="left",
        subtitle=Text(count, f"bold {colour}" if side.ending else "dim"),
        subtitle_align="right",
        border_style=colour,
        box=box.ROUNDED,
        height=rows + 2,
        padding=(0, 1),
    )


def _rows_needed(performance: Performance, console: Console) -> int:
    """Lines for the whole answer and what may happen, so that the panels do not grow while one reads."""
    width = _inner(performance, console)
    whole = len(Text(performance.act.truth).wrap(console, width))
    return max(whole + 5, *(len(_body(side, console, width)) for side in performance.sides))


def _inner(performance: Performance, console: Console) -> int:
    """How wide the text in a panel is, in characters."""
    return max(20, console.width // len(performance.sides) - 4)


def _body(side: Side, console: Console, width: int) -> list[Text]:
    """The text with its joints, then what happened, as lines that fit."""
    lines = list(inked(side).wrap(console, width))
    lines.append(Text())
    for happening in _happenings(side):
        line = Text(f"{happening.at:5.2f} s {SIGNS[happening.tone]} {happening.what}", TONES[happening.tone])
        lines += line.wrap(console, width)
    return lines


def _happenings(side: Side) -> list[Happening]:
    """What happened, in a few words each: every request once there is a report of them, else the log."""
    if side.processes:
        # More happened than a report of requests has.
        return side.log
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
    if attempt.outcome in ("lost", "cancelled"):
        return f"{asked}: {attempt.outcome}", "plain"
    if attempt.status == 200:
        return f"{asked}: cut, {attempt.outcome}", "cut"
    return f"{asked}: {attempt.status or 'no response'}, {attempt.outcome}", "cut"


def _score(play: Play, performances: Sequence[Performance]) -> RenderableType:
    table = rule_table()
    for name in play.heads:
        table.add_column(name)
    for performance in performances:
        table.add_row(*play.cells(performance))
    return Group(Text(), table)
