"""The speed benchmark's server and readers do what they say, for real and in small; the tables, what was measured."""

from __future__ import annotations

import asyncio
import json
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


def test_the_text_is_varied() -> None:
    """Pieces are about as long as tokens, and some of them are not ASCII."""
    from benchmarks.speed.answers import pieces

    said = pieces(1_000)
    assert len(said) == 1_000
    assert 3 < sum(map(len, said)) / len(said) < 6
    assert not all(piece.isascii() for piece in said)


def test_a_paced_answer_is_stamps(url: str) -> None:
    """Each piece is a time of the server's, later than the one before and not after now."""
    import time

    from benchmarks.speed.orders import Order

    stamps = [int(piece) for piece in read_text(url, "SDK", "httpx2", Order(5, pace=500.0))]
    assert len(stamps) == 5
    assert stamps == sorted(stamps)
    assert stamps[-1] <= time.monotonic_ns()


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


@pytest.mark.parametrize("together", [False, True])
def test_the_cpu_of_every_cell_is_measured(
    url: str, together: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pyperf runs a process for each cell, also where transports are measured at a time, and keeps what it found."""
    import pyperf  # type: ignore[import-untyped]
    from benchmarks.speed import cpu

    monkeypatch.setattr(cpu, "TRANSPORTS", ("aiohttp",))
    said: list[str] = []
    times = cpu.measure(url, [cpu.Effort(20, 1, 1, together)], say=said.append, keep=tmp_path)
    assert said == ["20 events, round 1 of 1"]
    assert sorted(times[20]) == sorted(cell.name for cell in cpu.cells(("aiohttp",)))
    assert all(took > 0 for [took] in times[20].values())
    kept = pyperf.BenchmarkSuite.load(str(tmp_path / "cpu-20.json"))
    assert {each.get_name(): [each.median()] for each in kept.get_benchmarks()} == times[20]


def test_growth_is_told_of_two_lengths() -> None:
    """An event of the longer answer is compared with the median of the shorter's rounds, of both contenders."""
    from benchmarks.speed import cpu

    few = {cell.name: [1e-6, 2e-6, 9e-6] for cell in cpu.cells()}
    many = {cell.name: [8e-6 if cell.contender == "SDK" else 2e-6] for cell in cpu.cells()}
    grown = [figure for figure in cpu.figures({20_000: few, 200_000: many}) if figure.unit == "×"]
    assert [(list(figure.sdk), list(figure.unbroken), figure.verdict) for figure in grown] == [
        (pytest.approx([4]), pytest.approx([1]), "met")
    ] * 4


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


def test_an_order_is_read_back() -> None:
    """What a request's first message orders is what was asked for, also where its content is a list of blocks."""
    from benchmarks.speed.orders import Order

    order = Order(10, pace=2.0, hold=3, failure="reset", name="x")
    message = order.arguments["messages"][0]
    assert Order.of(message) == order
    assert Order.of({"role": "user", "content": [{"type": "text", "text": message["content"]}]}) == order


def test_percentiles() -> None:
    """The value that so many per cent do not exceed, of many and of one."""
    from benchmarks.speed.figures import percentile

    assert [percentile(range(1, 101), q) for q in (1, 50, 99, 100)] == [1, 50, 99, 100]
    assert percentile([3, 1, 2], 50) == 2
    assert percentile([7.5], 99) == 7.5


def figure(**more: Any) -> Any:
    """A figure of three rounds."""
    from benchmarks.speed.figures import Figure

    given = {"name": "it", "unit": "µs", "sdk": [10, 20, 40], "unbroken": [5, 4, 16], "measure": "ratio"}
    return Figure(**{**given, **more})


def test_a_result_is_the_median_of_the_rounds() -> None:
    """Rounds are compared one by one, and the median of that is the result: it is not the ratio of the medians."""
    assert figure().result == pytest.approx(0.4)
    assert figure(measure="more").results == [-5, -16, -24]
    assert figure(measure="itself").result == 5


def test_a_row_has_its_verdict() -> None:
    """Met or missed, and by how much, is computed from the target; without one there is no verdict."""
    assert list(figure(target=0.5).cells) == ["it", "20.0 µs", "5.00 µs", "0.40 ×", "0.20 to 0.50 ×", "≤ 0.5 ×", "met"]
    assert figure(target=0.3).verdict == "missed by 0.10 ×"
    more = figure(measure="more", unit="ms", sdk=[1, 1, 1], unbroken=[1.5, 2, 2.5], target=0.3)
    assert list(more.cells)[4:] == ["0.50 to 1.50 ms more", "≤ 0.3 ms more", "1.00 ms more: missed by 0.70 ms"]
    assert list(figure(measure="more").cells)[4:] == ["-24.0 to -5.00 µs more", "–", "16.0 µs less"]
    assert list(figure(sdk=[0], unbroken=[1], measure="itself").cells)[3:] == ["–", "one round", "–", "–"]


def test_what_was_measured_is_kept(tmp_path: Path) -> None:
    """Figures come back from JSON as they were; hurried ones do not come back at all."""
    from benchmarks.speed.report import keep, kept

    keep(tmp_path, "cpu", [figure(floor=[1], key=["httpx2", "text", 20])], quick=False)
    where, found = kept(tmp_path, "cpu")
    assert "anthropic" in where
    assert found == [figure(floor=[1], key=["httpx2", "text", 20])]
    keep(tmp_path, "cpu", [figure()], quick=True)
    assert json.loads((tmp_path / "cpu.json").read_text("utf-8"))["quick"] is True
    with pytest.raises(ValueError, match="measured with --quick"):
        kept(tmp_path, "cpu")


def test_the_tables_have_every_figure() -> None:
    """One table for each part, with the floor where there is one, below a line that counts the targets."""
    from benchmarks.speed.report import tables

    text = tables({"cpu": ("here", [figure(floor=[1], target=0.3)]), "memory": ("there", [figure(target=0.5)])})
    assert text.startswith(
        "1 of 2 targets are met; not: it (missed by 0.10 ×).\n\n## CPU per event\n\n|  | bytes alone |"
    )
    assert "| it | 1.0 µs | 20.0 µs | 5.00 µs | 0.40 × |" in text
    assert "## Memory" in text
    assert text.endswith("\n\nthere\n")
    same = tables({part: ("here", [figure()]) for part in ("cpu", "memory")})
    assert same.count("here") == 1


def test_the_pictures_are_drawn() -> None:
    """Both have their lines and bars, and ask nothing of other servers."""
    from benchmarks.speed.drawing import draw_lengths, draw_ratios

    figures = [
        figure(name=f"{reading} {transport} {events}", floor=[1, 1, 1], key=[transport, reading, events], target=0.5)
        for transport in ("httpx2", "aiohttp")
        for reading in ("text", "typed")
        for events in (10, 100)
    ]
    for svg, says in ((draw_lengths(figures), "unbroken, aiohttp"), (draw_ratios(figures), "text httpx2 100")):
        assert svg.startswith("<svg")
        assert says in svg
        assert "DTD" not in svg


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
