"""Real processes: killed, stopped, racing, forked. What a journal in a file is for."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from unbroken.journal import Entry, Fenced, SQLiteJournal
from unbroken.testing.journal.helpers import entries_of, is_orphaned, new, state_of, until

from .worker import Worker

pytestmark = pytest.mark.anyio

LONG = 1000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def worker(path: Path, anyio_backend_name: str) -> Iterator[Worker]:
    with Worker(path, anyio_backend_name) as worker:
        yield worker


async def test_a_process_that_is_killed_is_seen_to_be_gone(path: Path, worker: Worker) -> None:
    """By the lock that the kernel has dropped: its lease would have lasted for long."""
    async with SQLiteJournal(path) as journal:
        worker.ask("create", "a", LONG)
        assert not await is_orphaned(journal, "a")
        assert await journal.orphans() == []
        worker.kill()
        assert await is_orphaned(journal, "a")
        assert await journal.orphans() == ["a"]
        taken = await journal.take(await state_of(journal, "a"), b"taken", lease=LONG)
        assert taken is not None
        assert await entries_of(journal, "a") == [Entry(1, 1, b"1"), Entry(2, 2, b"taken")]


@pytest.mark.slow
async def test_what_was_acknowledged_outlives_a_kill(path: Path, worker: Worker) -> None:
    """All of it, without a gap; and perhaps one that was under way."""
    async with SQLiteJournal(path) as journal:
        worker.ask("create", "a", LONG)
        worker.tell("write", "a")
        acknowledged = 0
        while acknowledged < 200:
            acknowledged = worker.answer()
        worker.kill()
        while (last := worker.answer()) is not None:
            acknowledged = last
        entries = await entries_of(journal, "a")
        assert [(each.seq, each.data) for each in entries] == [(n + 1, b"%d" % (n + 1)) for n in range(len(entries))]
        assert acknowledged <= len(entries) <= acknowledged + 1


async def test_a_process_that_was_stopped_writes_nothing_when_it_wakes(path: Path, worker: Worker) -> None:
    """It is there, and its lease has run out: it was taken for dead, and the stream was taken from it."""
    async with SQLiteJournal(path) as journal:
        worker.ask("create", "a", 0.1)
        worker.ask("append", "a", "2")
        worker.send(signal.SIGSTOP)
        await until(lambda: is_orphaned(journal, "a"))
        taken = await journal.take(await state_of(journal, "a"), b"3", lease=LONG)
        assert taken is not None
        worker.send(signal.SIGCONT)
        assert worker.ask("append", "a", "x")["error"] == "Fenced"
        assert worker.ask("hold", "a", LONG) == ["a"]
        await journal.append(taken, [b"4"])
        assert [each.data for each in await entries_of(journal, "a")] == [b"1", b"2", b"3", b"4"]


@pytest.mark.slow
async def test_one_of_two_processes_takes_a_stream(path: Path, worker: Worker) -> None:
    """Both have seen the same, and try at the same time."""
    async with SQLiteJournal(path) as journal:
        with Worker(path) as other:
            for turn in range(10):
                await new(journal, str(turn), lease=None)
                for each in (worker, other):
                    assert each.ask("take", str(turn), str(each.pid)) == [1, 1]
                for each in (worker, other):
                    each.tell("now")
                won = {each.pid: each.answer() for each in (worker, other)}
                assert sorted(won.values()) == [False, True]
                winner = next(pid for pid, has in won.items() if has)
                assert await entries_of(journal, str(turn)) == [Entry(1, 1, b""), Entry(2, 2, b"%d" % winner)]


@pytest.mark.slow
async def test_a_reader_is_woken_by_another_process(path: Path, worker: Worker) -> None:
    """By what it writes, and of which stream."""
    async with SQLiteJournal(path) as journal:
        await new(journal, "b", lease=LONG)
        worker.ask("create", "a", LONG)
        found: list[str] = []

        async def wait() -> None:
            while not found:
                found.extend(await journal.wait({"a": 1, "b": 1}, 1000.0))

        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(wait)
                await anyio.wait_all_tasks_blocked()
                assert worker.ask("append", "a", "2") == 2
        assert found == ["a"]


async def test_a_process_that_was_forked_off_is_refused(path: Path, worker: Worker) -> None:
    """In one sentence; and it does not keep what its parent held."""
    async with SQLiteJournal(path) as journal:
        worker.ask("create", "a", LONG)
        forked = worker.ask("fork", "a")
        try:
            assert (
                forked["heard"]
                == [
                    f"the journal {path} was opened before a fork: open it in the new process",
                ]
                * 3
            )
            assert worker.ask("append", "a", "2") == 2
            assert not await is_orphaned(journal, "a")
            worker.kill()
            assert await is_orphaned(journal, "a")
        finally:
            os.kill(forked["child"], signal.SIGKILL)


@pytest.mark.slow
async def test_a_process_that_was_started_does_not_keep_what_is_held(path: Path, worker: Worker) -> None:
    """It has no part in its parent's lock."""
    async with SQLiteJournal(path) as journal:
        worker.ask("create", "a", LONG)
        child = worker.ask("spawn", "a")
        try:
            worker.kill()
            assert await is_orphaned(journal, "a")
        finally:
            os.kill(child, signal.SIGKILL)


@pytest.mark.slow
async def test_two_processes_write_side_by_side(path: Path, worker: Worker) -> None:
    """As fast as they can, each its own stream; and a third one too, which is this."""
    async with SQLiteJournal(path) as journal:
        with Worker(path) as other:
            worker.ask("create", "a", LONG)
            other.ask("create", "b", LONG)
            for each, name in ((worker, "a"), (other, "b")):
                each.tell("write", name)
            lease = await new(journal, "c", b"1", lease=LONG)
            while lease.head < 300:
                await journal.append(lease, [b"%d" % (lease.head + 1)])
            for each in (worker, other):
                while await anyio.to_thread.run_sync(each.answer) < 300:
                    pass
                each.kill()
        for name in ("a", "b", "c"):
            entries = await entries_of(journal, name)
            assert len(entries) >= 300
            assert [each.data for each in entries] == [b"%d" % (n + 1) for n in range(len(entries))]


@pytest.mark.slow
async def test_a_file_that_is_moved_to_another_name_is_found_by_both(path: Path, worker: Worker) -> None:
    """By a link, a worker sees the same presence: the one that is there is not taken for dead."""
    path.with_name("link.db").symlink_to(path)
    async with SQLiteJournal(path.with_name("link.db")) as journal:
        worker.ask("create", "a", LONG)
        assert not await is_orphaned(journal, "a")
        lease = await new(journal, "b", lease=LONG)
        assert not worker.ask("look", "b")
        taken = await journal.take(await state_of(journal, "a"), b"2", lease=LONG, force=True)
        assert taken is not None
        assert worker.ask("append", "a", "x")["error"] == "Fenced"
        await journal.release(lease)
        assert worker.ask("look", "b")
        with pytest.raises(Fenced):
            await journal.append(taken, [b"3"], end="complete")
            await journal.append(taken, [b"4"])
