"""A soak: two thousand streams for five minutes, of which one in three is broken once, in every way.

`python -m benchmarks.soak` shows how it goes, prints what was found, writes it to `build/soak.json`, and fails unless
nothing is lost, duplicated, hung or leaked. `--write` also writes the tables for the docs. The answers come from
servers in processes of their own, over TCP; what is read is held against what was written, character by character.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from benchmarks.children import LOOPS
from benchmarks.soak.clients import TRANSPORTS
from benchmarks.soak.findings import HEADS, KIND_HEADS
from benchmarks.soak.plan import Plan
from benchmarks.soak.run import Look, soak
from benchmarks.tables import markdown, show
from benchmarks.watching import watched

ROOT: Final = Path(__file__).parent.parent.parent
PAGE: Final = ROOT / "docs" / "pages" / "benchmarks-soak-table.md"
JSON: Final = ROOT / "build" / "soak.json"


def main() -> int:
    """Run it; return 1 if anything is not nought."""
    chosen = _options().parse_args()
    plan = Plan(
        streams=chosen.streams,
        seconds=chosen.seconds,
        rate=chosen.events_per_second,
        seed=chosen.seed,
        shortest=chosen.answer_seconds[0],
        longest=chosen.answer_seconds[1],
        servers=chosen.servers,
        readers=chosen.readers,
        transport=chosen.transport,
        loop=chosen.loop,
    )
    found = watched(lambda tell: soak(plan, tell), _state)
    JSON.parent.mkdir(exist_ok=True)
    JSON.write_text(json.dumps(found.to_dict(), indent=1), "utf-8")
    show("What went wrong", KIND_HEADS, list(found.kinds()))
    show("What came of it", HEADS, [(name.replace("**", ""), value) for name, value in found.rows()])
    print("\n".join(found.tally.examples))
    broken = found.broken
    verdict = "; ".join(broken) or "Nothing lost, duplicated, hung or leaked"
    print(f"{found.setting}.\n{verdict}.")
    if chosen.write:
        tables = markdown(HEADS, list(found.rows())), markdown(KIND_HEADS, list(found.kinds()))
        PAGE.write_text("\n\n".join([*tables, f"{found.setting}.", f"{verdict}.\n"]), "utf-8")
    return 1 if broken else 0


def _options() -> argparse.ArgumentParser:
    default = Plan()
    options = argparse.ArgumentParser(prog="python -m benchmarks.soak", description="Thousands of streams for minutes.")
    options.add_argument("--streams", type=int, default=default.streams, help="how many are open at a time")
    options.add_argument("--seconds", type=float, default=default.seconds, help="for how long new ones begin")
    options.add_argument("--events-per-second", type=float, default=default.rate, help="of text, of each stream")
    options.add_argument("--seed", type=int, default=default.seed, help="draws texts and faults")
    options.add_argument(
        "--answer-seconds",
        type=float,
        nargs=2,
        default=(default.shortest, default.longest),
        metavar=("SHORTEST", "LONGEST"),
        help="how long an answer takes",
    )
    options.add_argument("--servers", type=int, default=default.servers, help="processes that serve")
    options.add_argument("--readers", type=int, default=default.readers, help="processes that read")
    options.add_argument("--transport", choices=TRANSPORTS, default=default.transport)
    options.add_argument("--loop", choices=[*LOOPS], default=default.loop)
    options.add_argument("--write", action="store_true", help="write the tables for the docs")
    return options


def _state(look: Look) -> list[tuple[str, str]]:
    """How it goes."""
    tally = look.tally
    return [
        ("seconds", f"{look.seconds:.0f}"),
        ("open", f"{look.open:,}"),
        ("ended", f"{tally.streams:,}"),
        ("faults", f"{look.faults:,}"),
        ("lost", f"{tally.lost:,}"),
        ("duplicated", f"{tally.duplicated:,}"),
        ("hung", f"{tally.hung:,}"),
        ("late, p99", f"{1000 * tally.lags.quantile(0.99):,.0f} ms"),
    ]


if __name__ == "__main__":
    sys.exit(main())
