"""What was measured, kept as JSON, and what the docs show of it: tables."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.speed.figures import Figure
from benchmarks.tables import markdown

__all__ = ["HEADS", "ON_THE_PAGE", "PARTS", "heads", "keep", "kept", "rows", "summary", "tables", "where"]

#: What is measured, by the name on the command line, and the heading of its table.
PARTS: Final = {
    "cpu": "CPU per event",
    "paced": "CPU per event, at a pace",
    "latency": "Added time, where nothing fails",
    "memory": "Memory",
    "gap": "The gap after a failure",
    "blocking": "The longest turn of the event loop",
    "imports": "Import",
}
#: What stands on the page: the longest turn is for whoever changes the joiner, and is printed.
ON_THE_PAGE: Final = tuple(part for part in PARTS if part != "blocking")
HEADS: Final = ("", "SDK", "unbroken", "unbroken / SDK", "over the rounds", "target", "verdict")
#: What the columns are where they are something else.
_HEADS: Final = {
    "gap": ("", "SDK, a new request", "unbroken, the gap", *HEADS[3:]),
    "blocking": ("a million characters of", "SDK, until it dies", "unbroken, resumed", *HEADS[3:]),
    "imports": ("", "the SDK alone", "unbroken beyond it", *HEADS[3:]),
}
#: The column of what the HTTP client alone takes.
_FLOOR: Final = "bytes alone"


def where() -> str:
    """On what it was measured, in one line."""
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("unbroken", "anthropic", "httpx2", "aiohttp", "pydantic")
    )
    system = f"{platform.python_implementation()} {platform.python_version()}, {platform.system()} {platform.machine()}"
    return f"{time.strftime('%Y-%m-%d', time.gmtime())}, {system}, {os.cpu_count()} cores, {packages}"


def keep(folder: Path, part: str, figures: Sequence[Figure], *, quick: bool) -> None:
    """Write a part's figures, for `kept`."""
    folder.mkdir(parents=True, exist_ok=True)
    measured = {"where": where(), "quick": quick, "figures": [asdict(figure) for figure in figures]}
    (folder / f"{part}.json").write_text(json.dumps(measured, indent=1, ensure_ascii=False), "utf-8")


def kept(folder: Path, part: str) -> tuple[str, list[Figure]]:
    """On what a part was measured last, and what came out.

    Raises:
        FileNotFoundError: It was not measured yet.
        ValueError: It was measured in a hurry.
    """
    measured: Mapping[str, Any] = json.loads((folder / f"{part}.json").read_text("utf-8"))
    if measured["quick"]:
        raise ValueError(f"{part} was measured with --quick, which is not for the docs; measure it again")
    return str(measured["where"]), [Figure(**figure) for figure in measured["figures"]]


def heads(part: str) -> Sequence[str]:
    """The heads of a part's table."""
    found: Sequence[str] = _HEADS.get(part, HEADS)
    return (found[0], _FLOOR, *found[1:]) if part == "cpu" else found


def rows(figures: Sequence[Figure]) -> Iterator[Sequence[str]]:
    """A row for each figure, with the floor where there is one."""
    floors = any(figure.floor for figure in figures)
    for figure in figures:
        name, *cells = figure.cells
        floor = f"{median(figure.floor):.1f} {figure.unit}" if figure.floor else "–"
        yield (name, floor, *cells) if floors else (name, *cells)


def tables(measured: Mapping[str, tuple[str, Sequence[Figure]]]) -> str:
    """All parts' tables for the docs, and how many of the targets are met."""
    texts = [summary([figure for _, figures in measured.values() for figure in figures])]
    for part, (place, figures) in measured.items():
        texts.append(f"## {PARTS[part]}\n\n{markdown(heads(part), list(rows(figures)))}\n\n{place}")
    # Once is enough, below the last, where it is the same for all.
    *others, last = {place: None for place, _ in measured.values()}
    return "\n\n".join(texts if others else [*(text.removesuffix(f"\n\n{last}") for text in texts), last]) + "\n"


def summary(figures: Sequence[Figure]) -> str:
    """How many of the targets are met, and which are not."""
    aimed = [figure for figure in figures if figure.target is not None]
    missed = [f"{figure.name} ({figure.verdict})" for figure in aimed if figure.verdict != "met"]
    met = f"{len(aimed) - len(missed)} of {len(aimed)} targets are met"
    return f"{met}; not: {'; '.join(missed)}." if missed else f"{met}."
