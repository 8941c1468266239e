"""A kill soak: hundreds of streams in a journal, while something happens each second to the processes that write them.

`python -m benchmarks.kill_soak` shows how it goes, prints what was found, writes it to `build/kill-soak.json`, and
fails unless no stream is lost, doubled, hung, or asked for more often than it had to be, and nothing is leaked.
`--write` also writes the tables for the docs.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.kill_soak.findings import Findings, broken, kinds, rows, setting
from benchmarks.kill_soak.plan import Plan
from benchmarks.kill_soak.run import Look, kill_soak
from benchmarks.kill_soak.stores import STORES
from benchmarks.tables import markdown, show
from benchmarks.watching import watched

ROOT: Final = Path(__file__).parent.parent.parent
PAGE: Final = ROOT / "docs" / "pages" / "benchmarks-kill-soak-table.md"
JSON: Final = ROOT / "build" / "kill-soak.json"


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
        hosts=chosen.hosts,
        callers=chosen.callers,
        share=chosen.faults,
    )
    names = [name for name in STORES if chosen.journal in ("both", name.lower())]
    if "Redis" in names and shutil.which("redis-server") is None:
        print("redis-server is not installed: the soak on Redis is left out", file=sys.stderr)
        names.remove("Redis")
    found: list[Findings] = []
    JSON.parent.mkdir(exist_ok=True)
    for name in names:
        found.append(watched(partial(kill_soak, plan, name), _state))
        told = {"setting": setting(plan), "found": [each.to_dict() for each in found]}
        JSON.write_text(json.dumps(told, indent=1), "utf-8")
    happened, came = ("what went wrong", *names), ("", *names)
    show("What went wrong", happened, kinds(found))
    show("What came of it", came, [(row[0].replace("**", ""), *row[1:]) for row in rows(found)])
    print("\n".join(example for each in found for example in each.judge.examples))
    said = broken(found)
    verdict = "; ".join(said) or "Nothing lost, doubled, hung, leaked or asked twice"
    print(f"{setting(plan)}.\n{verdict}.")
    if chosen.write:
        tables = markdown(came, rows(found)), markdown(happened, kinds(found))
        PAGE.write_text("\n\n".join([*tables, f"{setting(plan)}.", f"{verdict}.\n"]), "utf-8")
    return 1 if said else 0


def _options() -> argparse.ArgumentParser:
    default = Plan()
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.kill_soak", description="Streams in a journal, whose writers are killed."
    )
    options.add_argument("--journal", choices=["both", *(name.lower() for name in STORES)], default="both")
    options.add_argument("--streams", type=int, default=default.streams, help="how many begin")
    options.add_argument("--seconds", type=float, default=default.seconds, help="for how long they begin")
    options.add_argument("--events-per-second", type=float, default=default.rate, help="of text, of each stream")
    options.add_argument(
        "--answer-seconds",
        type=float,
        nargs=2,
        default=(default.shortest, default.longest),
        metavar=("SHORTEST", "LONGEST"),
        help="how long an answer takes",
    )
    options.add_argument("--hosts", type=int, default=default.hosts, help="processes with a host")
    options.add_argument("--callers", type=int, default=default.callers, help="processes with callers")
    options.add_argument("--faults", type=float, default=default.share, help="the share of requests that go wrong")
    options.add_argument("--seed", type=int, default=default.seed, help="draws texts, faults and mishaps")
    options.add_argument("--write", action="store_true", help="write the tables for the docs")
    return options


def _state(look: Look) -> list[tuple[str, str]]:
    """How it goes."""
    return [
        ("journal", look.store),
        ("seconds", f"{look.seconds:.0f}"),
        ("read", ", ".join(f"{each.open:,}" for each in look.readers)),
        ("ended", ", ".join(f"{each.ended:,}" for each in look.readers)),
        ("requests", f"{look.requests:,}"),
        ("mishaps", f"{look.mishaps:,}"),
    ]


if __name__ == "__main__":
    sys.exit(main())
