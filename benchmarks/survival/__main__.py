"""`python -m benchmarks.survival` installs the peers, tries them, and prints the tables.

`--peer` takes one of them, and may be given several times; `--write` writes the tables and the picture for the docs;
`--kept` takes the figures of the last run, which are kept in `build/survival.json`, instead of trying anybody. What the
peers logged is beside it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Final

import anyio
import anyio.to_thread
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.survival.cases import CASES, PAIRS
from benchmarks.survival.environments import complaints, install
from benchmarks.survival.pages import heads, kept, rows, unsound, write
from benchmarks.survival.peers import PEERS, ROOT, Peer
from benchmarks.survival.running import Cell, Run, run_peer
from benchmarks.tables import show

BUILD: Final = ROOT / "build"
FIGURES: Final = BUILD / "survival.json"
#: Peers at once. They mostly wait; more would make each other late where two cores import for all of them.
AT_ONCE: Final = 5


async def try_all(peers: Sequence[Peer]) -> list[Run]:
    """Install the peers and take them through the cases, in the order in which they are named."""
    BUILD.mkdir(exist_ok=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    runs: dict[str, Run] = {}
    turn = anyio.CapacityLimiter(AT_ONCE)
    with Progress(*columns) as progress:
        async with anyio.create_task_group() as tasks:
            for peer in {peer.environment: peer for peer in peers}.values():
                progress.console.print(f"installing {', '.join(peer.requires)}")
                tasks.start_soon(anyio.to_thread.run_sync, install, peer)

        async def try_one(peer: Peer) -> None:
            async with turn:
                runs[peer.name] = await _try(peer, progress)

        async with anyio.create_task_group() as tasks:
            for peer in peers:
                tasks.start_soon(try_one, peer)
    return [runs[peer.name] for peer in peers]


async def _try(peer: Peer, progress: Progress) -> Run:
    cases = [(pair, case) for pair in PAIRS for case in CASES]
    bar = progress.add_task(peer.title, total=len(cases))

    def done(cell: Cell) -> None:
        progress.update(bar, advance=1, description=f"{peer.title}: {cell.case}, {cell.verdict}")

    with ExitStack() as stack:
        log = stack.enter_context((BUILD / f"survival-{peer.name}.log").open("wb"))
        run = await run_peer(peer, install(peer), cases, log, done=done)
    progress.console.print(f"{peer.title}: done")  # where the bars do not show, this does
    return replace(run, complaints=complaints(peer))


def main() -> int:
    """Print the tables; return 1 if anything is amiss."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.survival", description="Who survives what.")
    options.add_argument("--peer", action="append", choices=[peer.name for peer in PEERS], help="only this one")
    options.add_argument("--write", action="store_true", help="write the tables and the picture for the docs")
    options.add_argument("--kept", action="store_true", help="take the figures of the last run")
    chosen = options.parse_args()
    if chosen.write and chosen.peer:
        options.error("the page shows all peers: --write goes without --peer")
    if not chosen.kept:
        peers = [peer for peer in PEERS if peer.name in (chosen.peer or [peer.name])]
        tried = [asdict(run) for run in anyio.run(try_all, peers)]
        FIGURES.write_text(json.dumps({"day": datetime.now(UTC).date().isoformat(), "runs": tried}, indent=1), "utf-8")
    figures = json.loads(FIGURES.read_text("utf-8"))
    runs = kept(figures)
    if chosen.write and len(runs) < len(PEERS):
        options.error("the page shows all peers, and the last run had only some")
    for pair in PAIRS:
        show(f"{pair.title}: {' → '.join(pair.models)}", heads(runs), list(rows(runs, pair)))
    amiss = unsound(runs)
    print("; ".join(amiss) or "unbroken is whole everywhere, and everyone where nothing goes wrong")
    if chosen.write:
        write(runs, figures["day"])
    return 1 if amiss else 0


if __name__ == "__main__":
    sys.exit(main())
