"""`python -m benchmarks.speed`: measure, print, keep as JSON under `build/speed/`, and write what the docs show."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from benchmarks.speed.figures import Figure
from benchmarks.speed.report import ON_THE_PAGE, PARTS, heads, keep, kept, rows, summary, tables
from benchmarks.speed.server import server
from benchmarks.tables import show

ROOT: Final = Path(__file__).parent.parent.parent
PAGES: Final = ROOT / "docs" / "pages"
KEPT: Final = ROOT / "build" / "speed"


def measure(part: str, url: str, *, quick: bool, say: Callable[[str], object]) -> list[Figure]:
    """One part's figures. Raises `subprocess.CalledProcessError` when a process of it failed."""
    # Each is imported when it is its turn: `alone` and pyperf import what they need again in their own processes.
    match part:
        case "cpu":
            from benchmarks.speed import cpu

            times = cpu.measure(url, cpu.QUICK if quick else cpu.EFFORTS, say=say, keep=KEPT)
            return cpu.figures(times)
        case "paced":
            from benchmarks.speed import paced

            effort = paced.QUICK if quick else paced.FULL
            return paced.figures(paced.measure(url, effort), effort)
        case "latency":
            from benchmarks.speed import latency

            return latency.figures(latency.measure(url, latency.QUICK if quick else latency.FULL))
        case "memory":
            from benchmarks.speed import memory

            return memory.figures(memory.measure(url, memory.QUICK if quick else memory.FULL))
        case "gap":
            from benchmarks.speed import gap

            return gap.figures(gap.measure(url, rounds=1 if quick else 5, streams=10 if quick else 30))
        case "blocking":
            from benchmarks.speed import blocking

            events = blocking.EVENTS // 20 if quick else blocking.EVENTS
            return blocking.figures(blocking.measure(url, rounds=1, events=events))
        case _:
            from benchmarks.speed import imports

            return imports.figures(imports.measure(5 if quick else 21))


def run(parts: Sequence[str], *, quick: bool, say: Callable[[str], object]) -> list[Figure]:
    """Measure the parts, print each, and keep it."""
    found: list[Figure] = []
    KEPT.mkdir(parents=True, exist_ok=True)
    with server() as url:
        for part in parts:
            say(PARTS[part])
            figures = measure(part, url, quick=quick, say=say)
            keep(KEPT, part, figures, quick=quick)
            show(PARTS[part], heads(part), list(rows(figures)))
            found += figures
    return found


def write() -> None:
    """The tables and the picture for the docs, of what was measured last. Raises as `kept` does."""
    from benchmarks.speed.drawing import draw_lengths

    measured = {part: kept(KEPT, part) for part in ON_THE_PAGE}
    (PAGES / "benchmarks-speed-table.md").write_text(tables(measured), "utf-8")
    (PAGES / "benchmarks-speed.svg").write_text(draw_lengths(measured["cpu"][1]), "utf-8")


def _parts(names: str) -> list[str]:
    chosen = names.split(",")
    for name in chosen:
        if name not in PARTS:
            raise argparse.ArgumentTypeError(f"there is no part {name!r}; parts are {', '.join(PARTS)}")
    return chosen


def main() -> int:
    """Print what was measured. A target that is missed is a figure like any other, and no error."""
    options = argparse.ArgumentParser(description="What unbroken costs beside the SDK it wraps.")
    options.add_argument("--only", type=_parts, default=list(PARTS), help=f"some of {','.join(PARTS)}")
    options.add_argument("--quick", action="store_true", help="fewer rounds, and no answers of 200,000 events")
    options.add_argument("--write", action="store_true", help="write the tables and the picture for the docs")
    chosen = options.parse_args()
    if chosen.quick and chosen.write:
        options.error("--quick is not for the docs")
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {line}", flush=True)

    figures = run(chosen.only, quick=chosen.quick, say=say)
    say(summary(figures))
    if chosen.write:
        write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
