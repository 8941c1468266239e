"""Streams per core: the search finds the number, and both sides are read over real processes."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PAGES = Path(__file__).parent.parent.parent / "docs" / "pages"


def test_both_sides_are_read() -> None:
    """Two streams each, over processes of their own: stamps arrive, and nobody is before its time."""
    from benchmarks.concurrency.reader import read
    from benchmarks.concurrency.server import serve
    from benchmarks.soak.children import Child

    with Child(serve, 0.01, None) as server, Child(read, server.ask("url"), None) as reader:
        for side in ("SDK", "unbroken"):
            seen = reader.ask("try", side, "httpx", 2, 2.0)
            assert seen.begun
            assert seen.lags.total > 0
            assert seen.cpu > 0
        assert server.ask("lags").total > 0


@pytest.mark.parametrize("page", ["benchmarks-concurrency-table.md", "benchmarks-soak-table.md"])
def test_the_tables_are_what_the_commands_write(page: str) -> None:
    """The docs' tables have the heads of the commands."""
    from benchmarks.concurrency.__main__ import HEADS as CONCURRENCY
    from benchmarks.soak.findings import HEADS as SOAK

    heads = CONCURRENCY if "concurrency" in page else SOAK
    assert f"| {' | '.join(heads)} |" in (PAGES / page).read_text("utf-8"), "run the benchmark with --write"
