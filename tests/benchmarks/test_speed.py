"""The speed benchmark's server and readers do what they say, for real and in small; the tables, what was measured."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

PAGES = Path(__file__).parent.parent.parent / "docs" / "pages"


@pytest.fixture(scope="module")
def url() -> Any:
    """The server, in its process."""
    import sys

    sys.path.insert(0, str(PAGES.parent.parent))
    from benchmarks.speed.server import server

    with server() as url:
        yield url
    sys.path.remove(str(PAGES.parent.parent))


def read_text(url: str, contender: str, transport: str, order: Any, **more: Any) -> list[str]:
    """The pieces of text that a contender delivers."""
    from benchmarks.speed.readers import connect, open_stream

    async def read() -> list[str]:
        async with connect(url, transport) as client:
            async with open_stream(contender, client, order, **more) as stream:
                return [text async for text in stream.text_stream]

    return asyncio.run(read())


@pytest.mark.parametrize("transport", ["httpx2", "aiohttp"])
@pytest.mark.parametrize("contender", ["SDK", "unbroken"])
def test_both_deliver_the_text(url: str, contender: str, transport: str) -> None:
    """Each contender, over each transport, delivers what the server was asked for, whole."""
    from benchmarks.speed.answers import pieces
    from benchmarks.speed.orders import Order

    assert "".join(read_text(url, contender, transport, Order(700))) == "".join(pieces(700))


@pytest.mark.parametrize("reading", ["text", "typed"])
def test_both_ways_of_reading_count_the_same(url: str, reading: str) -> None:
    """The events that are read carry the same text, of both; the bytes alone are more than that."""
    from benchmarks.speed.answers import pieces, whole
    from benchmarks.speed.orders import Order
    from benchmarks.speed.readers import connect, read

    async def count() -> list[int]:
        async with connect(url) as client:
            ways = [("SDK", reading), ("unbroken", reading), ("SDK", "bytes")]
            return [await read(contender, way, client, Order(50)) for contender, way in ways]

    theirs, ours, all_bytes = asyncio.run(count())
    assert theirs == ours == len("".join(pieces(50)))
    assert theirs < all_bytes < len(whole(50)) + 1_000


def test_a_paced_answer_is_stamps(url: str) -> None:
    """Each piece is a time of the server's, later than the one before and not after now."""
    from benchmarks.speed.orders import Order
    from benchmarks.stamps import lags_of

    lags = lags_of("".join(read_text(url, "SDK", "httpx2", Order(5, pace=500.0))))
    assert len(lags) == 5
    assert lags == sorted(lags, reverse=True)
    assert lags[-1] >= 0


@pytest.mark.parametrize("failure", ["error event", "reset", "clean end"])
def test_a_resumed_answer_says_when_it_died(url: str, failure: Any) -> None:
    """A stream that dies half-way is gone on with, and tells the server's three times in their order."""
    from benchmarks.speed.answers import pieces
    from benchmarks.speed.orders import MARKER, Order, notes

    from unbroken import Policy

    order = Order(60, failure=failure, name=f"test of a {failure}")
    text = "".join(read_text(url, "unbroken", "httpx2", order, policy=Policy(initial_backoff=0)))
    before, marker, _ = text.partition(MARKER)
    assert (before, marker) == ("".join(pieces(30)), MARKER)
    failed, asked, sent = notes(text)
    assert failed < asked < sent


def test_a_text_that_is_hard_to_join_is_cut_and_resumed(url: str) -> None:
    """Half of it arrives, and a hundred pieces of the rest, but for white space at the end."""
    from benchmarks.speed.answers import pieces_of
    from benchmarks.speed.orders import Order

    order = Order(400, failure="reset", name="hard", family="prose")
    assert "".join(read_text(url, "unbroken", "httpx2", order)) == "".join(pieces_of("prose", 400)[:300]).rstrip()


def test_the_longest_turn_of_the_loop_is_measured(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of both contenders, over each family."""
    from benchmarks.speed import blocking

    monkeypatch.setattr(blocking, "FAMILIES", {"rows": None})
    [figure] = blocking.figures(blocking.measure(url, rounds=1, events=100))
    assert figure.name == "rows"
    assert min(*figure.sdk, *figure.unbroken) > 0


def test_the_cpu_of_every_cell_is_measured(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pyperf runs a process for each cell, also where transports are measured at a time, and keeps what it found."""
    import pyperf  # type: ignore[import-untyped]
    from benchmarks.speed import cpu

    monkeypatch.setattr(cpu, "TRANSPORTS", ("aiohttp",))
    said: list[str] = []
    times = cpu.measure(url, [cpu.Effort(20, 1, 1, together=True)], say=said.append, keep=tmp_path)
    assert said == ["20 events, round 1 of 1"]
    assert sorted(times[20]) == sorted(cell.name for cell in cpu.cells(("aiohttp",)))
    assert all(took > 0 for [took] in times[20].values())
    kept = pyperf.BenchmarkSuite.load(str(tmp_path / "cpu-20.json"))
    assert {each.get_name(): [each.median()] for each in kept.get_benchmarks()} == times[20]


def test_the_cpu_at_a_pace_is_measured(url: str) -> None:
    """Of both contenders, over each transport, in processes of their own."""
    from benchmarks.speed import paced

    effort = paced.Effort(rounds=1, streams=3, seconds=0.5)
    figures = paced.figures(paced.measure(url, effort), effort)
    assert [figure.name.split(", ")[1] for figure in figures] == ["httpx2", "aiohttp"]
    assert all(min(*figure.sdk, *figure.unbroken) > 0 for figure in figures)


def test_the_times_are_measured(url: str) -> None:
    """Each round has as many times of each contender as streams and pieces that count."""
    from benchmarks.speed import latency

    rounds = latency.measure(url, latency.Effort(rounds=2, pairs=3, streams=2, events=30))
    assert sorted(rounds) == ["SDK", "unbroken"]
    for each in [*rounds["SDK"], *rounds["unbroken"]]:
        assert (len(each.first), len(each.between)) == (3, 2 * 5)
        assert min(each.first + each.between) > 0
    assert len(latency.figures(rounds)) == 4


def test_the_memory_is_measured(url: str) -> None:
    """Each contender's open streams take some memory, whichever way one looks."""
    from benchmarks.speed import memory

    rounds = memory.measure(url, memory.Effort(rounds=1, open=12, half=5, warm=5, whole=5, events=5))
    assert all(taken.open > 0 for looks in rounds.values() for taken in looks["traced"])
    assert len(memory.figures(rounds)) == 4


def test_the_gap_is_measured(url: str) -> None:
    """Each failure leaves a gap, which is no shorter than nothing."""
    from benchmarks.speed import gap

    gaps = gap.measure(url, rounds=1, streams=2)
    assert list(gaps) == list(gap.FAILURES)
    assert all(times > 0 for rounds in gaps.values() for pair in rounds for both in pair for times in both)
    assert gap.figures(gaps)[0].name == "after an error event, p50"


def test_the_import_is_measured() -> None:
    """What `import unbroken` takes is a part of what it takes until `resilient_stream` is there."""
    from benchmarks.speed import imports

    bare, _, whole, _ = imports.figures(imports.measure(1))
    assert 0 < bare.result < whole.result


def test_the_table_is_what_the_command_writes() -> None:
    """The page's tables have every length, transport and way of reading, and every part."""
    from benchmarks.speed.cpu import EFFORTS, cells
    from benchmarks.speed.report import ON_THE_PAGE, PARTS

    text = (PAGES / "benchmarks-speed-table.md").read_text("utf-8")
    again = "run: python -m benchmarks.speed --write"
    assert all(f"## {heading}\n" in text for heading in map(PARTS.__getitem__, ON_THE_PAGE)), again
    rows = [
        f"| {cell.reading}, {cell.transport}, {effort.events:,} events |"
        for cell in cells()
        for effort in EFFORTS
        if cell.contender == "unbroken"
    ]
    assert all(row in text for row in rows), again
