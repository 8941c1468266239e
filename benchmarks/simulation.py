"""A storm of overloads, and what clients make of it: ten thousand users, and an endpoint that loses most of its places.

`python -m benchmarks.simulation` prints the table and fails if a bound is broken; `--write` also writes it, and the
picture, for the docs. `--quick` takes a tenth of the users. `--sweep` prints, instead, what other retry budgets would
make of it, and of a crowd (`crowd.py`); it takes a tenth of the users too.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from math import isinf
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from benchmarks.crowd import STREAMS, crowd
from benchmarks.pictures import LINES, picture
from benchmarks.storm import STRATEGIES, Outcome, Scenario, simulate
from benchmarks.tables import markdown, show

#: Draws everything; `--seed` sets another.
SEED: Final = 20_261_122
#: The most load that `unbroken` may offer during the outage, as a multiple of the normal load: it is a partial one, in
#: which the SDK's five retries are matched (`partial.py`); of a total one the bound is 1.25.
LOAD_BOUND: Final = 3.0
#: Seconds after the repair within which the goodput has to be normal again.
RECOVERY_BOUND: Final = 10.0
#: The budgets that `--sweep` compares: `retries_per_second`, and `max_retries`.
RATES: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
SAVED: Final = (10.0, 20.0, 100.0)

PAGES: Final = Path(__file__).parent.parent / "docs" / "pages"

HEADS: Final = (
    "",
    "load in the outage",
    "most in 10 s",
    "goodput in the outage",
    "goodput normal after",
    "answers normal after",
    "p99, normal",
    "p99, outage",
    "answers lost",
)


def cells(outcome: Outcome) -> Iterator[str]:
    """An outcome as a row of the table, without its name."""
    yield f"{outcome.load:.2f} ×"
    yield f"{outcome.worst_load:.2f} ×"
    yield f"{100 * outcome.goodput_left:.0f} %"
    for seen in (outcome.goodput, outcome.completed):
        seconds = outcome.recovery(seen)
        yield "never" if isinf(seconds) else f"{seconds:.0f} s"
    yield f"{outcome.slowest(range(outcome.scenario.normal)):.1f} s"
    yield f"{outcome.slowest(outcome.outage):.1f} s"
    yield f"{100 * outcome.lost_share:.1f} %"


def broken(outcomes: Sequence[Outcome]) -> list[str]:
    """The bounds that do not hold, one sentence each."""
    found = []
    for outcome in outcomes:
        name = outcome.scenario.strategy
        if not name.startswith("unbroken"):
            continue
        if outcome.load > LOAD_BOUND:
            found.append(f"{name}: the load in the outage is {outcome.load:.2f} × normal.")
        if (seconds := outcome.recovery(outcome.goodput)) > RECOVERY_BOUND:
            found.append(f"{name}: the goodput is normal again {seconds:.0f} s after the repair.")
    return found


def draw(outcomes: Sequence[Outcome]) -> str:
    """Load, goodput and the slowest answers over time."""
    with picture(height=7.0, rows=3) as (drawn, (load, goodput, slowest)):
        for outcome, colour in zip(outcomes, LINES, strict=True):
            name, seconds = outcome.scenario.strategy, range(len(outcome.offered))
            normal = outcomes[0].rate(outcomes[0].offered)
            load.plot(seconds, [n / normal for n in smooth(outcome.offered)], color=colour, label=name)
            useful = outcome.rate(outcome.goodput)
            goodput.plot(seconds, [n / useful for n in smooth(outcome.goodput)], color=colour)
            fives = range(0, len(outcome.offered), 5)
            slowest.plot([n + 2.5 for n in fives], [outcome.slowest(range(n, n + 5)) for n in fives], color=colour)
        load.set(title="Requests offered, as a multiple of the SDK's before the outage", yscale="log")
        load.set_yticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
        goodput.set(title="Goodput, as a share of each one's own before the outage", ylim=(0, None))
        slowest.set(title="p99 of the time to first content, in seconds", yscale="log", xlabel="seconds")
        slowest.set_yticks([1, 3, 10, 30, 100], ["1", "3", "10", "30", "100"])
        for axes in (load, goodput, slowest):
            outage = outcomes[0].outage
            axes.axvspan(outage.start, outage.stop, color="#7f7f7f", alpha=0.12, linewidth=0)
        drawn.figure.legend(frameon=False, ncols=5, loc="outside upper center", handlelength=1.2)
    return drawn.svg


def smooth(seen: Sequence[float], seconds: int = 5) -> list[float]:
    """The mean over the seconds up to each."""
    parts = [seen[max(0, n + 1 - seconds) : n + 1] for n in range(len(seen))]
    return [sum(part) / len(part) for part in parts]


def compare(base: Scenario) -> list[Outcome]:
    """Every strategy in the same storm."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        # The longest ones first.
        futures = {name: processes.submit(simulate, replace(base, strategy=name)) for name in reversed(STRATEGIES)}
        return [futures[name].result() for name in STRATEGIES]


def sweep(base: Scenario) -> Iterator[tuple[str, ...]]:
    """A row for each retry budget."""
    budgets = [{"retries_per_second": rate, "max_retries": most} for most in SAVED for rate in RATES]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        outcomes = processes.map(simulate, [replace(base, health=tuple(budget.items())) for budget in budgets])
        crowds = processes.map(crowd, budgets, [base.seed] * len(budgets))
        for budget, outcome, (last, answered) in zip(budgets, outcomes, crowds, strict=True):
            name = f"{budget['max_retries']:g} saved, {budget['retries_per_second']:g} a second"
            yield (name, *cells(outcome), f"{last:.0f} s", f"{answered}")


def main() -> int:
    """Print the table; return 1 if a bound is broken."""
    options = argparse.ArgumentParser(description="A storm of overloads, and what clients make of it.")
    options.add_argument("--seed", type=int, default=SEED, help="draws everything")
    options.add_argument("--quick", action="store_true", help="a tenth of the users and processes")
    options.add_argument("--sweep", action="store_true", help="compare retry budgets, with a tenth of the users")
    options.add_argument("--write", action="store_true", help="write the table and the picture for the docs")
    chosen = options.parse_args()
    base = Scenario("unbroken", seed=chosen.seed)
    if chosen.quick or chosen.sweep:
        base = replace(base, users=base.users // 10, processes=base.processes // 10)
    if chosen.sweep:
        heads = ("budget", *HEADS[1:], f"crowd of {STREAMS}: last", "answered")
        table = list(sweep(base))
        show("Retry budgets", heads, table)
        return 0
    outcomes = compare(base)
    table = [(outcome.scenario.strategy, *cells(outcome)) for outcome in outcomes]
    show("A storm of overloads", HEADS, table)
    faults = broken(outcomes)
    verdict = (
        f"{base.users:,} users, {base.places:,} places; seed {base.seed}; {' '.join(faults) or 'every bound holds'}"
    )
    print(verdict)
    if chosen.write:
        (PAGES / "benchmarks-simulation-table.md").write_text(f"{markdown(HEADS, table)}\n\n{verdict}\n", "utf-8")
        (PAGES / "benchmarks-simulation.svg").write_text(draw(outcomes), "utf-8")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
