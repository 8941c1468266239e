"""Streams per core: how many streams of 50 events a second one process can read before p99 comes more than 50 ms late.

`python -m benchmarks.concurrency` prints the table and fails if the bound is broken; `--write` also writes it, and the
picture, for the docs. `--quick` makes one round of shorter trials. The reader has one core for itself, the server the
other one; SDK and `unbroken` read the same streams by turns.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.concurrency.reader import Seen, Side, read
from benchmarks.concurrency.search import LATE, Trial, most
from benchmarks.concurrency.server import serve
from benchmarks.pictures import LINES, picture
from benchmarks.soak.children import Child
from benchmarks.soak.clients import TRANSPORTS
from benchmarks.tables import markdown, show

#: Events of text a second, of each stream.
RATE: Final = 50.0
ROUNDS: Final = 3
#: Seconds of one measurement.
SECONDS: Final = 5.0
#: The number of streams that is tried first.
START: Final = 32
SIDES: Final[tuple[Side, ...]] = ("SDK", "unbroken")
#: How many times as many streams as the SDK's `unbroken` has to read, on the SDK's default transport.
BOUND: Final = 2.0
PAGES: Final = Path(__file__).parent.parent.parent / "docs" / "pages"

HEADS: Final = (
    "transport",
    *(f"{side}: {what}" for side in SIDES for what in ("streams", "p99", "CPU an event")),
    "ratio",
    "server late, p99",
    "core with others",
)


@dataclass(frozen=True, slots=True)
class Found:
    """What one side did over one transport.

    Attributes:
        best: The most streams in time, round by round.
        trials: All trials.
    """

    best: list[Trial]
    trials: list[Trial]

    @property
    def streams(self) -> float:
        """The most streams in time, the median of the rounds."""
        return median(trial.streams for trial in self.best)


Results = dict[str, dict[Side, Found]]


def measure(transports: Sequence[str], rounds: int, seconds: float, tell: Callable[[Trial], object]) -> Results:
    """Look for the most streams in time: each transport and side by turns, round by round.

    Args:
        transports: The SDK's HTTP clients.
        rounds: How often.
        seconds: How long a trial measures.
        tell: Called with each trial.
    """
    cores = sorted(os.sched_getaffinity(0))
    ours, others = (cores[0], cores[-1]) if len(cores) > 1 else (None, None)
    results: Results = {transport: {side: Found([], []) for side in SIDES} for transport in transports}
    with ExitStack() as stack:
        server = stack.enter_context(Child(serve, 1 / RATE, others))
        reader = stack.enter_context(Child(read, server.ask("url"), ours))

        def attempt(side: Side, transport: str, seconds: float, streams: int) -> Trial:
            server.ask("lags")
            seen: Seen = reader.ask("try", side, transport, streams, seconds)
            p50, p99 = (seen.lags.quantile(q) if seen.begun else inf for q in (0.5, 0.99))
            cpu = seen.cpu / max(1, seen.lags.total)
            trial = Trial(
                side, transport, streams, p50, p99, server.ask("lags").quantile(0.99), cpu, seen.kept_waiting / seconds
            )
            tell(trial)
            return trial

        for transport in transports:
            for side in SIDES:
                attempt(side, transport, 0.5, 1)  # what is imported and looked up the first time is no part of it
        for _ in range(rounds):
            for transport in transports:
                for side in SIDES:
                    found = results[transport][side]
                    start = found.best[-1].streams if found.best else START
                    best, trials = most(partial(attempt, side, transport, seconds), start)
                    found.best.append(best)
                    found.trials.extend(trials)
    return results


def rows(results: Results) -> Iterator[tuple[str, ...]]:
    """A row for each transport: medians of the rounds."""
    for transport, sides in results.items():
        cells = [transport]
        for side in SIDES:
            best = sides[side].best
            cells.append(f"{sides[side].streams:,.0f}")
            cells.append(f"{1000 * median(trial.p99 for trial in best):.0f} ms")
            cells.append(f"{1e6 * median(trial.cpu for trial in best):.0f} µs")
        best = [trial for found in sides.values() for trial in found.best]
        served, others = max(trial.served_p99 for trial in best), max(trial.others for trial in best)
        yield (*cells, f"{ratio(sides):.2f} ×", f"{1000 * served:.1f} ms", f"{100 * others:.0f} %")


def ratio(sides: dict[Side, Found]) -> float:
    """How many times as many streams `unbroken` reads: the median of the rounds, in which both had the same machine."""
    pairs = zip(sides["unbroken"].best, sides["SDK"].best, strict=True)
    return median(ours.streams / theirs.streams for ours, theirs in pairs)


def broken(results: Results) -> list[str]:
    """The bound, if it does not hold, in one sentence."""
    reached = ratio(results[TRANSPORTS[0]])
    if reached >= BOUND:
        return []
    return [f"unbroken reads {reached:.2f} × as many streams as the SDK, not {BOUND:g} × ({TRANSPORTS[0]})"]


def draw(results: Results) -> str:
    """How late text comes, by the number of streams: every trial."""
    with picture(height=2.2 * len(results) + 0.6, rows=len(results)) as (drawn, every):
        for (transport, sides), axes in zip(results.items(), every, strict=True):
            for side, colour in zip(SIDES, LINES, strict=False):
                trials = sorted((t for t in sides[side].trials if t.p99 < inf), key=lambda trial: trial.streams)
                points = [trial.streams for trial in trials], [1000 * trial.p99 for trial in trials]
                axes.plot(*points, "o", color=colour, markersize=3.5, alpha=0.8, label=side)
                axes.axvline(sides[side].streams, color=colour, linewidth=0.9, linestyle="--")
            axes.axhline(1000 * LATE, color="0.6", linewidth=0.8, linestyle=":")
            axes.set(xscale="log", yscale="log", ylabel="ms late, p99", title=f"over {transport}")
            axes.set_xticks([10, 20, 50, 100, 200, 500, 1000], ["10", "20", "50", "100", "200", "500", "1,000"])
            axes.set_yticks([1, 10, 100, 1000, 10000], ["1", "10", "100", "1,000", "10,000"])
            axes.minorticks_off()
        every[0].legend(frameon=False)
        every[-1].set_xlabel("streams at a time, in one process on one core")
    return drawn.svg


def main() -> int:
    """Print the table; return 1 if the bound is broken."""
    options = argparse.ArgumentParser(description="How many streams one core can read.")
    options.add_argument("--quick", action="store_true", help="one round of shorter trials")
    options.add_argument("--rounds", type=int, default=ROUNDS, help="how often the number is looked for")
    options.add_argument("--transport", choices=TRANSPORTS, help="only this one")
    options.add_argument("--write", action="store_true", help="write the table and the picture for the docs")
    chosen = options.parse_args()
    transports = (chosen.transport,) if chosen.transport else TRANSPORTS
    rounds, seconds = (1, 2.0) if chosen.quick else (chosen.rounds, SECONDS)
    results = measure(transports, rounds, seconds, lambda trial: print(_line(trial), flush=True))
    show("Streams per core", HEADS, list(rows(results)))
    faults = broken(results) if TRANSPORTS[0] in results else []
    verdict = (
        f"{RATE:g} events a second a stream, p99 at most {1000 * LATE:g} ms late; {rounds} rounds of trials of "
        f"{seconds:g} s; {'; '.join(faults) or 'the bound holds'}"
    )
    print(verdict)
    if chosen.write:
        (PAGES / "benchmarks-concurrency-table.md").write_text(
            f"{markdown(HEADS, list(rows(results)))}\n\n{verdict}\n", "utf-8"
        )
        (PAGES / "benchmarks-concurrency.svg").write_text(draw(results), "utf-8")
    return 1 if faults else 0


def _line(trial: Trial) -> str:
    late = f"p50 {1000 * trial.p50:.0f} ms, p99 {1000 * trial.p99:.0f} ms late" if trial.p99 < inf else "did not begin"
    core = f"{1e6 * trial.cpu:.0f} µs an event, {100 * trial.others:.0f} % of the time others had the core"
    return f"{trial.side} over {trial.transport}, {trial.streams} streams: {late}, {core}"


if __name__ == "__main__":
    sys.exit(main())
