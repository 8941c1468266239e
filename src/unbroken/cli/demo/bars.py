"""How a race looks: a bar for each request on one axis of time, the winner's text, and the score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from .parts import SIGNS, TONES, attempt_lines, attempt_table, heading, inked, rule_table
from .race import Race, Runner
from .sides import Tone
from .spectators import View

__all__ = ["RACES", "bar", "last_picture", "live_picture"]

#: The axis is at least so long, in seconds: otherwise a bar would fill it from the first moment on.
_SHORTEST: Final = 1.0
#: What the longest state takes, in characters; and what a bar may not fall below.
_STATE: Final = 34
_BAR: Final = 10
#: Between two marks of the axis: one of these, in seconds; and so much room, in characters.
_STEPS: Final = (0.5, 1, 2, 5, 10, 30, 60)
_TICK: Final = 8
#: Asked, with headers but no content, with content.
_ASKED: Final = "┄"
_WAITING: Final = "─"
_WRITING: Final = "━"


def live_picture(races: Sequence[Race], console: Console) -> RenderableType:
    """The race that is on, in as many lines as the terminal has."""
    race, done = races[-1], races[:-1]
    lanes = _lanes(race, console)
    rows = max(3, console.height - len(lanes) - 2 - 4 - (len(done) + 3 if done else 0))
    needed = max(len(Text(race.act.truth).wrap(console, _inner(console))) + 1, len(_body(race, console)))
    parts = [heading(race.number, race.of, race.act.title), *lanes, Text(), _panel(race, console, min(rows, needed))]
    if done:
        parts.append(_score(done))
    return Group(*parts)


def last_picture(races: Sequence[Race], console: Console) -> RenderableType:
    """The last race whole, and the score of all."""
    race = races[-1]
    return Group(
        heading(race.number, race.of, race.act.title),
        *_lanes(race, console),
        Text(),
        _panel(race, console, len(_body(race, console))),
        attempt_table(race.side, console),
        _score(races),
    )


def bar(runner: Runner, elapsed: float, horizon: float, width: int) -> Text:
    """One request on an axis of time: how long it was asked, waited for and written by, and a sign at its end.

    Args:
        runner: The request.
        elapsed: Where a bar ends that is still growing, in seconds.
        horizon: Where the axis ends, in seconds.
        width: How long the axis is, in characters.
    """

    def cell(moment: float) -> int:
        return min(round(moment / horizon * width), width - 1)

    writing: Tone = "plain" if runner.state.startswith("lost") else "good"
    phases: list[tuple[str, float | None, Tone]] = [
        (_ASKED, runner.asked, "plain"),
        (_WAITING, runner.headers, "plain"),
        (_WRITING, runner.content, writing),
    ]
    begun = [(sign, cell(moment), tone) for sign, moment, tone in phases if moment is not None]
    end = elapsed if runner.ended is None else runner.ended
    stops = [begin for _, begin, _ in begun[1:]] + [cell(end)]
    text = Text(" " * begun[0][1])
    for (sign, begin, tone), stop in zip(begun, stops, strict=True):
        text.append(sign * (stop - begin), TONES[tone])
    if runner.ended is None:
        text.append(begun[-1][0], TONES[begun[-1][2]])
    else:
        text.append(SIGNS["bad" if runner.tone == "plain" else runner.tone], TONES[runner.tone])
    return text


def _lanes(race: Race, console: Console) -> list[RenderableType]:
    """A bar for each model, one below the other, for each time they raced; and the axis."""
    name = max(map(len, race.models))
    width = max(_BAR, console.width - name - _STATE - 4)
    horizon = max(_SHORTEST, race.elapsed)
    lanes: list[RenderableType] = []
    for offset, rivals in _heats(race):
        if offset:
            lanes.append(Text(f"asked for the rest, from character {offset:,}", "italic"))
        for model, runner in rivals:
            line = Text(f"{model:<{name}}  ", "" if runner and runner.tone == "good" else "dim")
            line.append_text(bar(runner, race.elapsed, horizon, width) if runner else Text())
            line.pad_right(max(0, name + 2 + width - len(line)))
            line.append(f"  {_state(runner)}", TONES[runner.tone if runner else "plain"])
            line.truncate(console.width, overflow="ellipsis")
            lanes.append(line)
    lanes.append(Text(" " * (name + 2) + _axis(horizon, width), "dim"))
    return lanes


def _heats(race: Race) -> Iterator[tuple[int, list[tuple[str, Runner | None]]]]:
    """Who raced from which character on, in rank order; None for a model that was not asked."""
    offsets = sorted({runner.offset for runner in race.runners} | {0})
    for offset in offsets:
        rivals: list[tuple[str, Runner | None]] = []
        for model in race.models:
            asked = [runner for runner in race.runners if (runner.model, runner.offset) == (model, offset)]
            rivals += [(model, runner) for runner in asked] or [(model, None)]
        yield offset, rivals


def _state(runner: Runner | None) -> str:
    if runner is None:
        return "not asked"
    if not runner.characters:
        return runner.state
    return f"{runner.state}, {runner.characters:,} characters"


def _axis(horizon: float, width: int) -> str:
    """Where the seconds are: as many of them as have room."""
    step = next(step for step in _STEPS if horizon / step * _TICK <= width or step == _STEPS[-1])
    axis = ""
    for n in range(int(horizon / step) + 1):
        at = min(round(n * step / horizon * width), width - 1)
        axis = axis.ljust(at) + f"│{n * step:g} s"
    return axis


def _panel(race: Race, console: Console, rows: int) -> Panel:
    side = race.side
    colour = "dim" if not side.ending else "green" if side.whole else "red"
    sign = "" if not side.ending else "✓ " if side.whole else "✗ "
    count = f"{sign}{len(side.text):,} of {len(side.truth):,} characters"
    return Panel(
        Text("\n").join(_body(race, console)[-rows:]),
        title=Text(", then ".join(race.winners) or ("nobody" if side.ending else "nobody yet"), "bold"),
        title_align="left",
        subtitle=Text(count, f"bold {colour}" if side.ending else "dim"),
        subtitle_align="right",
        border_style=colour,
        box=box.ROUNDED,
        height=rows + 2,
        padding=(0, 1),
    )


def _body(race: Race, console: Console) -> list[Text]:
    """The answer, and what it took, as lines that fit."""
    lines = list(inked(race.side).wrap(console, _inner(console)))
    if race.side.ending:
        lines += [Text(), *Text(race.summary(), "bold").wrap(console, _inner(console))]
    return lines


def _inner(console: Console) -> int:
    return max(20, console.width - 4)


def _score(races: Sequence[Race]) -> RenderableType:
    table = rule_table()
    for name in ("the race", "written by", "first content", "requests", "the answer"):
        table.add_column(name)
    for race in races:
        first = race.first_content
        table.add_row(
            race.act.title,
            ", then ".join(race.winners) or "–",
            "–" if first is None else f"{first:.2f} s",
            str(len(race.runners)),
            Text(f"{'✓' if race.whole else '✗'} {'exact' if race.whole else race.side.ending}", _verdict(race)),
        )
    return Group(Text(), table)


def _verdict(race: Race) -> str:
    return "green" if race.whole else "red"


def _lines(race: Race) -> Iterator[str]:
    if race.side.report:
        yield from (f"  {line}" for line in attempt_lines(race.side.report.attempts))
    yield f"unbroken: {race.summary()}"


def _score_line(races: Sequence[Race]) -> str:
    return f"Whole answers: {sum(race.whole for race in races)} of {len(races)}, exact to the character."


RACES: Final = View(
    title="three models race for one answer; the first that writes wins, and the others are closed",
    live=live_picture,
    last=last_picture,
    lines=_lines,
    score=_score_line,
)
