"""`python -m benchmarks.networks` breaks real networks, and prints what became of the streams.

`--only` takes one of the scenarios, and may be given several times; `--streams` says how many streams there are of
`unbroken` and of the SDK. The exit code is 1 if a promise was broken, and 0 where nothing can be tried, of which a
sentence tells. The figures are kept in `build/networks.json`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from benchmarks.networks.judge import Outcome
from benchmarks.networks.machine import Lacking, enter, environment
from benchmarks.networks.scenarios import SCENARIOS
from benchmarks.tables import show

ROOT: Final = Path(__file__).parent.parent.parent
FIGURES: Final = ROOT / "build" / "networks.json"
#: Scenarios at once. They mostly wait.
AT_ONCE: Final = 4
HEADS: Final = ("what happens to the network", "whole", "failed", "silent for", "requests lost", "SDK: whole")


async def try_all(way: Sequence[str], names: Sequence[str], streams: int) -> dict[str, Outcome | str]:
    """What became of each scenario, or why it could not be tried.

    Args:
        way: The beginning of a command that runs in a network of its own.
        names: Which ones.
        streams: How many streams of each peer.
    """
    found: dict[str, Outcome | str] = {}
    turn = anyio.CapacityLimiter(AT_ONCE)

    async def try_one(name: str) -> None:
        async with turn:
            found[name] = outcome = await _try(way, name, streams)
        print(f"{name}: {outcome if isinstance(outcome, str) else outcome.verdict}", flush=True)

    async with anyio.create_task_group() as tasks:
        for name in names:
            tasks.start_soon(try_one, name)
    return {name: found[name] for name in names}


async def _try(way: Sequence[str], name: str, streams: int) -> Outcome | str:
    command = [*way, sys.executable, "-m", "benchmarks.networks.inside", name, str(streams)]
    done = await anyio.run_process(command, stderr=None, check=False, cwd=ROOT, env=environment())
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, command)
    said = json.loads(done.stdout)
    return f"not tried: {said['unable']}" if "unable" in said else Outcome.from_dict(said)


def rows(found: Mapping[str, Outcome | str]) -> list[Sequence[str]]:
    """The table, in the order of the scenarios."""
    untried = ["not tried", *[""] * (len(HEADS) - 2)]
    return [
        (SCENARIOS[name].title, *(untried if isinstance(outcome, str) else outcome.row))
        for name, outcome in found.items()
    ]


def main() -> int:
    """Print the table; return 1 if a promise was broken."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.networks", description="Real networks that break.")
    options.add_argument("--only", action="append", choices=[*SCENARIOS], help="only this one")
    options.add_argument("--streams", type=int, default=10, help="how many of unbroken's, and of the SDK's beside them")
    chosen = options.parse_args()
    try:
        way = enter()
    except Lacking as lacking:
        print(f"No network is broken here: {lacking}.")
        return 0
    found = anyio.run(try_all, way, chosen.only or [*SCENARIOS], chosen.streams)
    show("Real networks", HEADS, rows(found))
    FIGURES.parent.mkdir(exist_ok=True)
    kept = {name: {"unable": each} if isinstance(each, str) else each.to_dict() for name, each in found.items()}
    FIGURES.write_text(json.dumps(kept, indent=1), "utf-8")
    broken = [
        f"{name}: {outcome.verdict}"
        for name, outcome in found.items()
        if isinstance(outcome, Outcome) and outcome.broken
    ]
    untried = sum(isinstance(outcome, str) for outcome in found.values())
    print("; ".join(broken) or f"The promises are kept in {len(found) - untried} networks; {untried} not tried.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
