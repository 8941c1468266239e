"""Streams per core: the search finds the number, and both sides are read over real processes."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

PAGES = Path(__file__).parent.parent.parent / "docs" / "pages"


@pytest.mark.parametrize("start", [1, 10, 32, 5000])
@pytest.mark.parametrize("capacity", [1, 7, 133, 1000])
def test_the_most_streams_in_time_are_found(start: int, capacity: int) -> None:
    """To a few in a hundred, wherever the search begins."""
    from benchmarks.concurrency.search import PRECISION, most

    best, trials = most(lambda streams: trial(streams, 0.01 if streams <= capacity else 1.0), start)
    assert capacity - max(1, PRECISION * capacity) <= best.streams <= capacity
    assert best in trials
    assert len(trials) < 40


def test_one_late_trial_is_none() -> None:
    """A number of streams that is in time when it is tried again is in time."""
    from benchmarks.concurrency.search import most

    tried: list[int] = []

    def attempt(streams: int) -> Any:
        tried.append(streams)
        return trial(streams, 1.0 if streams > 40 or tried.count(streams) == 1 else 0.01)

    assert most(attempt, 32)[0].streams >= 38


def test_a_machine_that_is_too_busy_for_one_stream_is_told_of() -> None:
    """Nothing can be found where nothing is in time."""
    from benchmarks.concurrency.search import most

    with pytest.raises(RuntimeError, match="too busy"):
        most(lambda streams: trial(streams, inf), 8)


def test_both_sides_are_read() -> None:
    """Two streams each, over processes of their own: stamps arrive, and nobody is before its time."""
    from benchmarks.concurrency.reader import read
    from benchmarks.concurrency.server import serve
    from benchmarks.soak.children import Child

    with Child(serve, 0.01, None) as server, Child(read, server.ask("url"), None) as reader:
        for side in ("SDK", "unbroken"):
            seen = reader.ask("try", side, "httpx", 2, 0.3)
            assert seen.begun
            assert seen.lags.total > 0
            assert seen.cpu > 0
        assert server.ask("lags").total > 0


def test_the_table_and_the_picture() -> None:
    """Medians of the rounds; the ratio is that of the rounds, and what is below the bound is said."""
    from benchmarks.concurrency.__main__ import BOUND, HEADS, Found, broken, draw, ratio, rows

    sides: Any = {
        "SDK": Found([trial(n, 0.04) for n in (10, 20, 30)], [trial(10, 0.04), trial(80, inf)]),
        "unbroken": Found([trial(n, 0.03) for n in (20, 50, 30)], [trial(20, 0.03), trial(90, 0.3)]),
    }
    assert ratio(sides) == 2.0 == BOUND
    assert broken({"httpx": sides}) == []
    (row,) = rows({"httpx": sides})
    assert len(row) == len(HEADS)
    assert row[1] == "20"
    assert draw({"httpx": sides}).startswith("<svg")
    worse = {**sides, "unbroken": sides["SDK"]}
    assert broken({"httpx": worse}) == ["unbroken reads 1.00 × as many streams as the SDK, not 2 × (httpx)"]


@pytest.mark.parametrize("page", ["benchmarks-concurrency-table.md", "benchmarks-soak-table.md"])
def test_the_tables_are_what_the_commands_write(page: str) -> None:
    """The docs' tables have the heads of the commands."""
    from benchmarks.concurrency.__main__ import HEADS as CONCURRENCY
    from benchmarks.soak.findings import HEADS as SOAK

    heads = CONCURRENCY if "concurrency" in page else SOAK
    assert f"| {' | '.join(heads)} |" in (PAGES / page).read_text("utf-8"), "run the benchmark with --write"


def trial(streams: int, p99: float) -> Any:
    """A trial that ended so."""
    from benchmarks.concurrency.search import Trial

    return Trial("SDK", "httpx", streams, p99 / 2, p99, 0.001, 5e-5, 0.0)
