"""Who writes: the event loop or the thread, together with others, behind a lock, and for whoever waits no more."""

from __future__ import annotations

import copy
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from unbroken.journal import JournalUnavailable, Lease, SQLiteJournal
from unbroken.journal.sqlite import writer
from unbroken.journal.sqlite.store import Store
from unbroken.testing.journal.helpers import data_of, is_orphaned, new, state_of, until

pytestmark = pytest.mark.anyio

LONG = 1000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program has the file locked for writing."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Each commit that has done something: in which thread, and of how many calls."""
    seen: list[tuple[str, int]] = []
    commit = Store.commit

    def watched(self: Store, calls: Any) -> Any:
        left = commit(self, calls)
        if len(left) < len(calls):
            seen.append((threading.current_thread().name, len(calls)))
        return left

    monkeypatch.setattr(Store, "commit", watched)
    return seen


async def test_what_is_asked_for_in_one_turn_is_one_transaction(path: Path, commits: list[tuple[str, int]]) -> None:
    """Of all streams, and in the event loop's own thread."""
    async with SQLiteJournal(path) as journal:
        leases = [await new(journal, str(number), lease=LONG) for number in range(30)]
        commits.clear()
        async with anyio.create_task_group() as tasks:
            for lease in leases:
                tasks.start_soon(journal.append, lease, [b"2"])
        assert commits == [(threading.main_thread().name, 30)]
        assert [lease.head for lease in leases] == [2] * 30


async def test_what_is_asked_for_during_a_transaction_is_the_next(path: Path, commits: list[tuple[str, int]]) -> None:
    """Where each waits for the disk, and so is the thread's: the first goes alone, and the others together."""
    async with SQLiteJournal(path, durability="host") as journal:
        leases = [await new(journal, str(number), lease=LONG) for number in range(30)]
        commits.clear()
        async with anyio.create_task_group() as tasks:
            with locked(path):
                tasks.start_soon(journal.append, leases[0], [b"2"])
                await until(lambda: _is(lambda: journal._open.writer._under_way == 1))
                for lease in leases[1:]:
                    tasks.start_soon(journal.append, lease, [b"2"])
                await until(lambda: _is(lambda: len(journal._open.writer._staged) == 29))
        assert [lease.head for lease in leases] == [2] * 30
        assert commits == [("unbroken journal writer", 1), ("unbroken journal writer", 29)]


async def _is(reached: Callable[[], bool]) -> bool:
    return reached()


async def test_a_lock_is_waited_for_without_the_event_loop(path: Path) -> None:
    """It goes on meanwhile, and what was asked for is done once the lock is free."""
    async with SQLiteJournal(path) as journal:
        lease = await new(journal, "a", b"1", lease=LONG)
        done = False

        async def write() -> None:
            nonlocal done
            await journal.append(lease, [b"2"])
            await journal.append(lease, [b"3"], end="complete")
            done = True

        async with anyio.create_task_group() as tasks:
            with locked(path):
                tasks.start_soon(write)
                for _ in range(100):
                    await anyio.sleep(0.001)
                assert not done
                assert (await state_of(journal, "a")).head == 1  # readers do not wait
        assert await data_of(journal, "a") == [b"1", b"2", b"3"]


async def test_a_lock_is_not_waited_for_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that was asked for is refused; then it may be asked for again, and is done once."""
    monkeypatch.setattr(writer, "PATIENCE", 0.1)
    async with SQLiteJournal(path) as journal:
        lease = await new(journal, "a", b"1", lease=LONG)
        unmoved = copy.copy(lease)
        with locked(path):
            for call in (
                lambda: journal.append(lease, [b"2"]),
                lambda: journal.append(lease, [b"2"], end="complete"),
                lambda: journal.create("b", b"", fingerprint=b"", owner=b"", lease=LONG),
                lambda: journal.hold([lease], LONG),
                lambda: journal.release(lease),
                lambda: journal.cancel("a"),
                lambda: journal.purge(stream_id="a"),
            ):
                with pytest.raises(JournalUnavailable, match=r"is locked by another process$"):
                    await call()
        assert lease == unmoved
        await journal.append(lease, [b"2"])
        assert await data_of(journal, "a") == [b"1", b"2"]
        assert await journal.look("b") is None


@pytest.mark.slow
async def test_a_lock_of_three_seconds_is_waited_for_and_one_of_six_is_not(path: Path) -> None:
    """As it is by default."""
    async with SQLiteJournal(path) as journal:
        lease = await new(journal, "a", b"1", lease=LONG)
        async with anyio.create_task_group() as tasks:
            with locked(path):
                tasks.start_soon(journal.append, lease, [b"2"])
                await anyio.sleep(3)
        assert await data_of(journal, "a") == [b"1", b"2"]
        with locked(path):
            with anyio.fail_after(30), pytest.raises(JournalUnavailable):
                await journal.append(lease, [b"3"])
        await journal.append(lease, [b"3"])
        assert await data_of(journal, "a") == [b"1", b"2", b"3"]


async def test_who_is_cancelled_while_it_waits_has_nothing_done(path: Path) -> None:
    """What had not begun is withdrawn."""
    async with SQLiteJournal(path) as journal:
        lease = await new(journal, "a", b"1", lease=LONG)
        with locked(path):
            with anyio.move_on_after(0.05) as scope:
                await journal.append(lease, [b"2"])
            assert scope.cancelled_caught
            with anyio.move_on_after(0.05) as scope:
                await journal.create("b", b"", fingerprint=b"", owner=b"", lease=LONG)
            assert scope.cancelled_caught
        await journal.append(lease, [b"3"])
        assert await data_of(journal, "a") == [b"1", b"3"]
        assert await journal.look("b") is None


async def test_what_a_cancelled_task_has_got_is_left_to_others(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the stream, and will not write it: nobody has to wait for its lease."""
    cancelled = anyio.Event()
    create = Store.create
    scope = anyio.CancelScope()

    def slow(self: Store, *args: Any) -> Any:
        created = create(self, *args)
        began.set()
        goes_on.wait(30)
        return created

    began, goes_on = threading.Event(), threading.Event()
    monkeypatch.setattr(Store, "create", slow)
    async with SQLiteJournal(path) as journal:

        async def ask() -> None:
            with scope:
                await journal.create("a", b"x" * 1_000_000, fingerprint=b"", owner=b"", lease=LONG)
            cancelled.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await anyio.to_thread.run_sync(began.wait)
            scope.cancel()
            await cancelled.wait()
            goes_on.set()
        await until(lambda: _is_there(journal, "a"))
        await until(lambda: is_orphaned(journal, "a"))


async def _is_there(journal: SQLiteJournal, name: str) -> bool:
    return await journal.look(name) is not None


async def test_a_slow_disk_is_left_to_the_thread(
    path: Path, commits: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a commit of the event loop has taken long, for a while."""
    async with SQLiteJournal(path) as journal:
        lease = await new(journal, "a", lease=LONG)
        monkeypatch.setattr(writer, "_SLOW", -1.0)
        for _ in range(3):
            await journal.append(lease, [b"x"])
        monkeypatch.setattr(writer, "_A_WHILE", -1.0)
        journal._open.writer._thread_until = 0.0
        await journal.append(lease, [b"x"])
        names = [name for name, _ in commits]
        here, thread = threading.main_thread().name, "unbroken journal writer"
        assert names[-4:] == [here, thread, thread, here]


async def test_what_is_large_is_left_to_the_thread(path: Path, commits: list[tuple[str, int]]) -> None:
    """And what is small goes with it meanwhile, or after it."""
    async with SQLiteJournal(path) as journal:
        leases = [await new(journal, str(number), b"", lease=LONG) for number in range(3)]
        commits.clear()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(journal.append, leases[0], [b"x" * 3_000_000])
            tasks.start_soon(journal.append, leases[1], [b"x"])
            tasks.start_soon(journal.append, leases[2], [b"x"])
        assert commits == [("unbroken journal writer", 1), (threading.main_thread().name, 2)]
        assert [lease.head for lease in leases] == [2, 2, 2]


async def test_what_was_asked_for_is_done_before_it_is_closed(path: Path) -> None:
    """Whoever waits for it while another closes the journal."""
    journal = SQLiteJournal(path)
    leases: list[Lease] = []
    async with anyio.create_task_group() as tasks:
        async with journal:
            leases += [await new(journal, str(number), b"", lease=LONG) for number in range(5)]
            for lease in leases:
                tasks.start_soon(journal.append, lease, [b"x" * 200_000])
            await until(lambda: _is(lambda: journal._open.writer._under_way == 5 or leases[-1].head == 2))
    async with journal:
        for lease in leases:
            assert await data_of(journal, lease.stream_id) == [b"", b"x" * 200_000]


async def test_it_may_be_used_on_one_event_loop_after_another(path: Path) -> None:
    """The same object, opened anew."""
    journal = SQLiteJournal(path)

    def use(name: str) -> None:
        async def run() -> None:
            async with journal:
                await new(journal, name, lease=LONG)

        anyio.run(run, backend="trio")

    await anyio.to_thread.run_sync(use, "a")
    await anyio.to_thread.run_sync(use, "b")
    async with journal:
        assert [state.stream_id for state in await journal.streams()] == ["a", "b"]
