"""The tables and the picture of the page, from the runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any, Final

from matplotlib.patches import Rectangle

from benchmarks.pictures import picture
from benchmarks.survival.cases import CASES, PAIRS, Case, Pair
from benchmarks.survival.judge import Verdict
from benchmarks.survival.peers import PEERS, Peer
from benchmarks.survival.running import Cell, Run
from benchmarks.tables import markdown

__all__ = ["heads", "kept", "page", "rows", "unsound", "write"]

PAGES: Final = Path(__file__).parent.parent.parent / "docs" / "pages"

#: The cases in which the model goes on as it is asked to, and those in which it has a manner of its own.
OBEDIENT: Final = [case for case in CASES if case.manner is None]
WILFUL: Final = [case for case in CASES if case.manner is not None]

#: The colour of a verdict, from Okabe and Ito's palette, and its letter for those who see no colours.
LOOKS: Final = {
    Verdict.WHOLE: ("#009e73", "whole"),
    Verdict.ERROR: ("#e69f00", "error"),
    Verdict.CUT: ("#cc79a7", "cut"),
    Verdict.WRONG: ("#d55e00", "wrong"),
    Verdict.HUNG: ("#7f7f7f", "hung"),
}


def heads(runs: Sequence[Run]) -> tuple[str, ...]:
    """The first row of a table."""
    return ("what goes wrong", *(_peer(run).title for run in runs))


def rows(runs: Sequence[Run], pair: Pair) -> Iterator[tuple[str, ...]]:
    """A row for each case, two for how many were whole, and one for how long that took at the worst."""
    for case in CASES:
        yield (case.says, *(_said(run.cell(pair.name, case.name)) for run in runs))
    for says, cases in (("whole, if the model obeys", OBEDIENT), ("whole, if it does not", WILFUL)):
        yield (says, *(f"{len(_whole(run, pair, cases))} of {len(cases)}" for run in runs))
    yield ("longest to be whole", *(_longest(run, pair) for run in runs))


def _longest(run: Run, pair: Pair) -> str:
    """The longest that a whole answer took; that which is slow by itself does not count."""
    cells = [run.cell(pair.name, case.name) for case in _whole(run, pair, CASES) if case.name != "crawl"]
    return f"{max((cell.seconds or 0 for cell in cells), default=0):.0f} s"


def _said(cell: Cell) -> str:
    return f"{cell.verdict}, {len(cell.requests)}"


def _whole(run: Run, pair: Pair, cases: Sequence[Case]) -> list[Case]:
    return [case for case in cases if run.cell(pair.name, case.name).verdict is Verdict.WHOLE]


def _peer(run: Run) -> Peer:
    return next(peer for peer in PEERS if peer.name == run.peer)


def unsound(runs: Sequence[Run]) -> list[str]:
    """What is amiss, in sentences: a peer that fails where nothing goes wrong, and `unbroken` where anything does."""
    amiss = [
        f"{run.peer}: {cell.verdict} where nothing goes wrong ({cell.error})"
        for run in runs
        for cell in run.cells
        if cell.case == CASES[0].name and cell.verdict is not Verdict.WHOLE
    ]
    return amiss + [
        f"unbroken: {cell.verdict} at {cell.case!r} of {cell.pair} ({cell.error})"
        for run in runs
        for cell in run.cells
        if run.peer == "unbroken" and cell.case != CASES[0].name and cell.verdict is not Verdict.WHOLE
    ]


def page(runs: Sequence[Run], day: str) -> str:
    """The generated part of the page: a table for each pair, and how the peers were set up.

    Args:
        runs: One for each peer.
        day: When it was run.
    """
    parts = []
    for pair in PAIRS:
        parts += [
            f"## {pair.title}",
            f"`{pair.models[0]}`, with `{pair.models[1]}` to fall back on.",
            markdown(heads(runs), list(rows(runs, pair))),
        ]
    setups = [(_peer(run).title, _versions(run), _peer(run).options) for run in runs]
    parts += [
        f"## Versions and options\n\nRun on {day}.",
        markdown(("", "versions", "options"), setups).replace("---:", "---"),
    ]
    notes = [f"- {_peer(run).title}: {complaint}" for run in runs for complaint in run.complaints]
    if notes:
        parts += ["What the installer found amiss in the environments:", "\n".join(notes)]
    return "\n\n".join(parts) + "\n"


def _versions(run: Run) -> str:
    return "<br>".join(f"{name}&nbsp;{version}" for name, version in run.versions.items())


def draw(runs: Sequence[Run], pair: Pair) -> str:
    """A field for each peer and case, in the colour of its verdict, and with its word."""
    with picture(height=0.5 + 0.24 * len(CASES)) as (drawn, [axes]):
        for x, run in enumerate(runs):
            for y, case in enumerate(CASES):
                colour, word = LOOKS[run.cell(pair.name, case.name).verdict]
                axes.add_patch(Rectangle((x + 0.03, y + 0.06), 0.94, 0.88, facecolor=colour, linewidth=0))
                axes.text(x + 0.5, y + 0.52, word, ha="center", va="center", fontsize=7, color="black")
        axes.set(xlim=(0, len(runs)), ylim=(len(CASES), 0))
        axes.set_xticks([x + 0.5 for x in range(len(runs))], [fill(_peer(run).title, 12) for run in runs], fontsize=7)
        axes.set_yticks(
            [y + 0.5 for y in range(len(CASES))], [case.says.replace("`", "") for case in CASES], fontsize=8
        )
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    return drawn.svg


def kept(figures: Mapping[str, Any]) -> list[Run]:
    """The runs of which figures were kept, as JSON has them."""
    return [
        Run(**{**run, "cells": [Cell(**{**cell, "verdict": Verdict(cell["verdict"])}) for cell in run["cells"]]})
        for run in figures["runs"]
    ]


def write(runs: Sequence[Run], day: str) -> None:
    """Write the tables and the picture for the docs."""
    (PAGES / "benchmarks-survival-table.md").write_text(page(runs, day), "utf-8")
    (PAGES / "benchmarks-survival.svg").write_text(draw(runs, PAIRS[0]), "utf-8")
