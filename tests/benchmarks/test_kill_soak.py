"""The kill soak sees what is lost, doubled, hung, leaked or asked twice, and runs."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest
from tests.durable.author import Author, events_of

from redis_server import needs_redis
from unbroken.durable.entries import Record
from unbroken.journal import MemoryJournal

pytestmark = pytest.mark.slow

PAGES = Path(__file__).parent.parent.parent / "docs" / "pages"
TEXT = "The lighthouse at Rua Point was lit in March."
OTHER = "The lighthouse at Rua Point was lit lit in March."


def log(**changes: Any) -> Any:
    """Of a stream with which nothing is wrong, but for these."""
    from benchmarks.kill_soak.logs import Log

    good = Log("complete", text=TEXT, begun=1, stopped=1, ends=["complete"], takeovers=1, attempts=2)
    return replace(good, **changes)


def seen(**changes: Any) -> Any:
    """What a reader has who has all, but for these."""
    from benchmarks.kill_soak.seen import Seen

    good = Seen(0, "a reader", pieces=[TEXT[:10], TEXT[10:]], begun=1, stopped=1, position="2-9", ended="complete")
    return replace(good, **changes)


def asked(*mishaps: str | None) -> list[Any]:
    """Requests with these faults."""
    from benchmarks.soak.model import Asked

    return [Asked(float(n), n, mishap) for n, mishap in enumerate(mishaps)]


def judged(log: Any, readers: list[Any], requests: list[Any], **more: Any) -> Any:
    from benchmarks.kill_soak.judge import Judge

    judge = Judge()
    judge.judge("soak/0000", TEXT, log, readers, requests, **more)
    return judge


@pytest.mark.parametrize(
    ("changes", "requests", "pauses"),
    [
        pytest.param({}, (None, None), 0, id="a takeover"),
        pytest.param({"takeovers": 0, "attempts": 1}, (None,), 0, id="nothing at all"),
        pytest.param({"attempts": 3}, (None, "529", None), 0, id="a takeover and a fault"),
        pytest.param({"takeovers": 2, "attempts": 3}, (None,), 0, id="killed before it had asked"),
        pytest.param({"attempts": 3, "told": Counter(stalled=1)}, (None, None, None), 1, id="it has stood still"),
        pytest.param({"ends": ["failed (poison)", "complete"]}, (None, None), 0, id="asked for once more"),
    ],
)
def test_what_has_to_be_is_no_fault(changes: dict[str, Any], requests: tuple[str | None, ...], pauses: int) -> None:
    """A takeover costs a request, and so does a fault of the server's; and who stood still has heard nothing."""
    judge = judged(log(**changes), [seen(), seen(who="its caller")], asked(*requests), pauses=pauses)
    assert judge.faults == {}, judge.examples
    assert (judge.streams, judge.whole, judge.readings) == (1, 1, 2)


def failed(**changes: Any) -> Any:
    return log(status="failed", ends=["failed (poison)"], stopped=0, **changes)


@pytest.mark.parametrize(
    ("fault", "make"),
    [
        pytest.param("lost", lambda: (None, [], ()), id="no stream"),
        pytest.param("lost", lambda: (failed(), [seen()], ()), id="failed"),
        pytest.param("lost", lambda: (log(text=TEXT[:-9]), [], ()), id="the log lacks its end"),
        pytest.param("lost", lambda: (log(text=TEXT[:9] + TEXT[12:]), [], ()), id="the log lacks its middle"),
        pytest.param("lost", lambda: (log(stopped=0), [], ()), id="no message_stop"),
        pytest.param("lost", lambda: (log(), [seen(pieces=[TEXT[:-1]])], ()), id="a reader lacks a character"),
        pytest.param("lost", lambda: (log(), [seen(ended="StreamFailed, journal")], ()), id="a reader got an error"),
        pytest.param("lost", lambda: (log(), [seen(rewinds=1)], ()), id="what a reader had is gone"),
        pytest.param("doubled", lambda: (log(text=OTHER), [], ()), id="the log has a word twice"),
        pytest.param("doubled", lambda: (log(), [seen(pieces=[OTHER])], ()), id="a reader has a word twice"),
        pytest.param("doubled", lambda: (log(), [seen(pieces=[OTHER[:-2]], ended=None)], ()), id="and reads still"),
        pytest.param("doubled", lambda: (log(begun=2), [], ()), id="two beginnings"),
        pytest.param("doubled", lambda: (log(ends=["complete", "complete"]), [], ()), id="two ends"),
        pytest.param("doubled", lambda: (log(), [seen(stopped=2)], ()), id="a reader has two ends"),
        pytest.param("doubled", lambda: (log(gaps=["entry 5 stands behind entry 3"]), [], ()), id="a gap"),
        pytest.param("hung", lambda: (log(status="live", stopped=0), [], ()), id="it does not end"),
        pytest.param("hung", lambda: (log(), [seen(ended=None)], ()), id="a reader does not hear of its end"),
        pytest.param("asked twice", lambda: (log(), [], (None, None, None)), id="a request too many"),
        pytest.param("asked twice", lambda: (log(attempts=1), [], (None, None)), id="one that is not written down"),
        pytest.param("asked twice", lambda: (log(late=1), [], (None, None)), id="for what was there in full"),
        pytest.param(
            "asked twice",
            lambda: (log(attempts=3, told=Counter(stalled=1)), [], (None, None, None)),
            id="a stall that nothing explains",
        ),
    ],
)
def test_the_judge_sees(fault: str, make: Any) -> None:
    """Each fault by itself, and describes the stream."""
    found, readers, requests = make()
    judge = judged(found, readers, asked(*requests))
    assert fault in judge.faults
    assert judge.whole == 0
    assert judge.examples[0].startswith("soak/0000: ")


def test_a_log_is_read_as_its_writers_have_written_it() -> None:
    """Its text, who has written it, what was asked for, and what stands where nothing should."""
    from benchmarks.kill_soak.logs import read_log

    events = events_of(TEXT[:20], TEXT[20:])

    async def read() -> tuple[Any, Any]:
        journal = MemoryJournal()
        author = await Author.begin(journal)
        await author.write(Record("attempt", {"number": 1}))
        await author.add(*events[:3])
        author = await author.taken()
        await author.write(Record("told", {"outcome": "orphaned"}), Record("attempt", {"number": 2}))
        await author.add(*events[3:])
        before = await read_log(journal, "s")
        await author.write(Record("attempt", {"number": 3}))
        await author.end()
        assert await read_log(journal, "other") is None
        return before, await read_log(journal, "s")

    before, after = anyio.run(read)
    assert (before.status, before.ends, before.late) == ("live", [], 0)
    assert after.text == TEXT
    assert (after.status, after.begun, after.stopped, after.ends) == ("complete", 1, 1, ["complete"])
    assert (after.takeovers, after.attempts, after.late, after.told) == (1, 3, 1, {"orphaned": 1})
    assert after.gaps == []


def test_a_gap_in_a_log_is_seen() -> None:
    """An entry that is not there, and a writer who has come without a word."""
    from benchmarks.kill_soak.logs import read_log

    async def read() -> Any:
        journal = MemoryJournal()
        author = await Author.begin(journal)
        await author.add(*events_of("a"))
        entries = journal._streams["s"].entries
        entries[3] = entries[3]._replace(seq=5)
        entries[5] = entries[5]._replace(fence=2)
        return await read_log(journal, "s")

    assert len(anyio.run(read).gaps) >= 2


def test_what_is_left_is_a_finding() -> None:
    """A process, a connection, a task: whatever there is more than before; and what makes the soak worth nothing."""
    from benchmarks.kill_soak.findings import Findings, broken, kinds, rows
    from benchmarks.kill_soak.judge import Judge
    from benchmarks.kill_soak.plan import Plan
    from benchmarks.lags import Lags

    none: Counter[str] = Counter()
    good = Findings(Plan(), "SQLite", "held", Judge(), {}, none, 0, 8, Lags(), 1.0, [])
    assert broken([good]) == []
    bad = replace(good, left={"connections to Redis": 2, "tasks": 0}, said=["host 1 died 2 times by itself"])
    assert broken([good, bad]) == ["SQLite: leaked: 2 connections to Redis", "SQLite: host 1 died 2 times by itself"]
    assert ("**leaked** (processes, descriptors, tasks, connections)", "0", "2") in rows([good, bad])
    assert all(row[1:] == ("0", "0") for row in kinds([good, bad]))


def test_what_a_process_still_holds_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that goes on when all is closed is named by what it waits in, and a file that stays open is counted."""
    from benchmarks.kill_soak import opened

    monkeypatch.setattr(opened, "_ENDS", 0)

    async def close(leak: bool) -> dict[str, int]:
        process = opened.Opened(str(tmp_path / "answers.db"))
        await process.open()
        if not leak:
            return await process.close()
        for_ever = asyncio.create_task(wait_for_ever())
        await asyncio.sleep(0)
        with (tmp_path / "file").open("w"):  # it is to stay open
            left = await process.close()
        for_ever.cancel()
        return left

    assert asyncio.run(close(leak=False)) == {}
    left = asyncio.run(close(leak=True))
    assert left == {"tasks": 1, "sockets and files": 1, "task in wait_for_ever > Event.wait": 1}


async def wait_for_ever() -> None:
    await asyncio.Event().wait()


def test_everything_that_can_go_wrong_does() -> None:
    from benchmarks.kill_soak.mishaps import KINDS, Mishaps
    from benchmarks.kill_soak.plan import Plan

    mishaps = Mishaps(Plan(), None, [], [], [])  # type: ignore[arg-type]
    rng = Random(1)
    assert {mishaps.draw(rng) for _ in range(1000)} == set(KINDS)
    mishaps.pauses = [(1.0, 4.0), (6.0, 7.0)]
    assert [mishaps.pauses_in(*when) for when in [(0.0, 0.5), (3.0, 5.0), (2.0, 9.0), (8.0, 9.0)]] == [0, 1, 2, 0]


@pytest.mark.parametrize("name", ["SQLite", pytest.param("Redis", marks=needs_redis)])
def test_a_short_kill_soak(name: str) -> None:
    """A dozen streams for some seconds, in processes that are really killed."""
    from benchmarks.kill_soak.findings import broken, rows
    from benchmarks.kill_soak.plan import Plan
    from benchmarks.kill_soak.run import kill_soak

    looks: list[Any] = []
    plan = Plan(streams=12, seconds=8.0, shortest=2.0, longest=4.0, hosts=3, callers=1)
    found = kill_soak(plan, name, looks.append)
    assert broken([found]) == [], found.judge.examples
    assert found.judge.whole == found.judge.streams == 12
    # Two read each, and so does its caller, where it has one.
    assert found.judge.readings == 2 * 12 + sum(plan.is_called(n) for n in range(12))
    assert found.happened.total() > 3
    assert found.processes > 4
    assert found.judge.requests >= 12
    assert dict(rows([found]))["streams"] == "12"
    assert len(looks) > 3


def test_the_table_is_what_the_command_writes() -> None:
    """The docs' table has the columns of the command."""
    from benchmarks.kill_soak.stores import STORES

    text = (PAGES / "benchmarks-kill-soak-table.md").read_text("utf-8")
    assert f"|  | {' | '.join(STORES)} |" in text, "run the benchmark with --write"
