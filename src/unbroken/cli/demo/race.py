"""Models racing for one answer, all on one server: who wrote it, and what that took."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from ...policy import Hedging
from ...report import AttemptReport, input_told
from ...testing import FaultServer
from ..problems import count
from .parts import verdict
from .play import Performance, Play
from .sides import Side, stream_unbroken
from .story import Act

__all__ = ["first_content", "race", "summary", "winners"]


def race(acts: Sequence[Act], models: Sequence[str], delay: float, *, fast: bool) -> Play:
    """A play of these acts, for which the models race, in rank order, asked `delay` seconds after each other."""
    model, *fallbacks = models

    async def perform(performance: Performance) -> None:
        async with FaultServer(performance.act.script) as server:
            hedging = Hedging(delay=delay)
            await stream_unbroken(performance.ours, server.url, model, fallbacks, fast=fast, hedging=hedging)

    return Play(
        acts=acts,
        names=("unbroken",),
        perform=perform,
        title="three models race for one answer; the first that writes wins, and the others are closed",
        summary=summary,
        heads=("the race", "written by", "first content", "requests", "the answer"),
        cells=_cells,
        score=_score,
    )


def winners(side: Side) -> list[str]:
    """Whose text it is, in order."""
    return [attempt.model for attempt in _attempts(side) if attempt.characters]


def first_content(side: Side) -> float | None:
    """Seconds from the start to the first content of the first winner; None where nobody has won."""
    won = (each for each in _attempts(side) if each.first_content is not None and each.outcome != "lost")
    return next((each.started + (each.first_content or 0.0) for each in won), None)


def summary(side: Side) -> str:
    """Times, requests, and what the losers are assumed to have cost, in one sentence without its subject."""
    said, first = [side.summary()], first_content(side)
    if first is not None:
        said.append(f"first content after {first:.2f} s")
    if not side.whole:
        said.append(count(len(_attempts(side)), "request"))
    lost = [attempt for attempt in _attempts(side) if attempt.outcome == "lost"]
    if lost:
        took_in = sum(input_told(each) or each.estimated_input_tokens or 0 for each in lost)
        gave_out = sum(each.output_tokens or each.estimated_output_tokens or 0 for each in lost)
        said.append(f"{len(lost)} lost, assumed to have cost {took_in:,} tokens in and {gave_out:,} out")
    return "; ".join(said)


def _attempts(side: Side) -> Sequence[AttemptReport]:
    return side.report.attempts if side.report else ()


def _cells(performance: Performance) -> Sequence[str | Text]:
    side = performance.ours
    first = first_content(side)
    return (
        performance.act.title,
        ", then ".join(winners(side)) or "–",
        "–" if first is None else f"{first:.2f} s",
        str(len(_attempts(side))),
        verdict(side, "exact" if side.whole else side.ending),
    )


def _score(performances: Sequence[Performance]) -> str:
    return f"Whole answers: {sum(each.whole for each in performances)} of {len(performances)}, exact to the character."
