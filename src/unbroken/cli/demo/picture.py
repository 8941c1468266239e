"""How the demo looks: two panels side by side, every request in a table, and the score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ...report import AttemptReport
from .parts import SIGNS, TONES, attempt_lines, attempt_table, heading, inked, rule_table
from .sides import Happening, Side, Tell, Tone
from .spectators import View
from .story import Act

__all__ = ["TRIALS", "Trial", "last_picture", "live_picture"]


class Trial:
    """One act, performed by both.

    Args:
        act: What happens.
        number: From 1.
        of: How many acts there are.
        tell: Called with each happening of either side.
    """

    def __init__(self, act: Act, number: int, of: int, tell: Tell) -> None:
        self.act = act
        self.number = number
        self.of = of
        self.alone: Side = Side("SDK", act.truth, tell)
        self.ours: Side = Side("unbroken", act.truth, tell)

    @property
    def whole(self) -> bool:
        """Whether `unbroken` was exact."""
        return self.ours.whole


def live_picture(trials: Sequence[Trial], console: Console) -> RenderableType:
    """The act that is being performed, in as many lines as the terminal has."""
    trial, done = trials[-1], trials[:-1]
    attempts = len(trial.ours.report.attempts) if trial.ours.report else 0
    around = 2 + 2 + (attempts + 3) + (len(done) + 3 if done else 0) + 1
    rows = max(6, console.height - around)
    parts = [
        heading(trial.number, trial.of, trial.act.title),
        _panels(trial, console, min(rows, _rows_needed(trial, console))),
    ]
    if attempts:
        parts.append(attempt_table(trial.ours, console))
    if done:
        parts.append(_score(done))
    return Group(*parts)


def last_picture(trials: Sequence[Trial], console: Console) -> RenderableType:
    """The last act whole, and the score of all."""
    trial = trials[-1]
    rows = max(len(_body(side, console)) for side in (trial.alone, trial.ours))
    return Group(
        heading(trial.number, trial.of, trial.act.title),
        _panels(trial, console, rows),
        attempt_table(trial.ours, console),
        _score(trials),
    )


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
    lines = list(inked(side).wrap(console, width))
    lines.append(Text())
    for happening in _happenings(side):
        line = Text(f"{happening.at:5.2f} s {SIGNS[happening.tone]} {happening.what}", TONES[happening.tone])
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


def _score(trials: Sequence[Trial]) -> RenderableType:
    table = rule_table()
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


def _lines(trial: Trial) -> Iterator[str]:
    if trial.ours.report:
        yield from (f"  {line}" for line in attempt_lines(trial.ours.report.attempts))
    for side in (trial.alone, trial.ours):
        yield f"{side.name}: {side.summary()}"


def _score_line(trials: Sequence[Trial]) -> str:
    alone = sum(trial.alone.whole for trial in trials)
    ours = sum(trial.ours.whole for trial in trials)
    return f"Whole answers: SDK {alone} of {len(trials)}, unbroken {ours} of {len(trials)}, exact to the character."


TRIALS: Final = View(
    title="the SDK alone breaks under faults that unbroken survives",
    live=live_picture,
    last=last_picture,
    lines=_lines,
    score=_score_line,
)
