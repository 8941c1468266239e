"""Appends: in one step where all is as usual, and looked at more closely where it is not."""

from __future__ import annotations

import copy
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from unbroken.journal import Fenced, JournalUnavailable, Lease, SQLiteJournal
from unbroken.journal.sqlite.appends import Appends
from unbroken.testing.journal.helpers import data_of, is_orphaned, new, state_of

pytestmark = pytest.mark.anyio

LONG = 1000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def close(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Lease]]:
    """The leases of appends that were looked at more closely."""
    seen: list[Lease] = []
    append = Appends.append

    def watched(self: Appends, lease: Lease, *args: Any) -> bool:
        seen.append(lease)
        return append(self, lease, *args)

    monkeypatch.setattr(Appends, "append", watched)
    return seen


class Broken:
    """A connection whose disk fails: before or after what it does."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.fails: list[tuple[str, str]] = []  # what begins so fails, "before" or "after"

    def execute(self, statement: str, *args: Any) -> Any:
        for beginning, when in self.fails:
            if statement.startswith(beginning):
                if when == "after":
                    self._connection.execute(statement, *args)
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorcode = sqlite3.SQLITE_IOERR
                error.sqlite_errorname = "SQLITE_IOERR"
                raise error
        return self._connection.execute(statement, *args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def broken(journal: SQLiteJournal) -> Broken:
    store = journal._open.writer._store
    assert store is not None
    connection = Broken(store._connection)
    store._connection = store.appends._connection = connection  # type: ignore[assignment]
    return connection


async def test_what_is_as_usual_is_done_in_one_step(path: Path, close: list[Lease]) -> None:
    """Whichever way the stream has come to its writer."""
    async with SQLiteJournal(path) as journal:
        lease = await new(journal, "a", lease=LONG)
        for entries in ([b"2"], [b"3", b"4"], [b"x" * 10_000]):
            await journal.append(lease, entries)
        await journal.hold([lease], LONG)
        await journal.append(lease, [b"6"])
        taken = await journal.take(await state_of(journal, "a"), b"7", lease=LONG, force=True)
        assert taken is not None
        await journal.append(taken, [b"8"])
        assert close == []


async def test_what_others_have_done_is_found_out(path: Path, close: list[Lease]) -> None:
    """Once: then it is as usual again."""
    async with SQLiteJournal(path) as journal, SQLiteJournal(path) as other:
        lease = await new(journal, "a", lease=LONG)
        await other.cancel("a")
        assert await journal.append(lease, [b"2"])
        assert close == [lease]
        assert await journal.append(lease, [b"3"])
        assert close == [lease]


async def test_one_that_is_refused_does_not_take_the_others_with_it(path: Path, close: list[Lease]) -> None:
    """In one transaction: those of other streams are written."""
    async with SQLiteJournal(path) as journal, SQLiteJournal(path) as other:
        leases = [await new(journal, str(number), lease=LONG) for number in range(10)]
        assert await other.take(await state_of(other, "3"), b"", lease=LONG, force=True) is not None
        assert await other.cancel("5")
        assert await other.purge(stream_id="7") == 1
        outcomes: dict[int, object] = {}

        async def append(number: int) -> None:
            try:
                outcomes[number] = await journal.append(leases[number], [b"2"])
            except Exception as error:
                outcomes[number] = type(error).__name__

        async with anyio.create_task_group() as tasks:
            for number in range(10):
                tasks.start_soon(append, number)
        expected: dict[int, object] = dict.fromkeys(range(10), False)
        assert outcomes == expected | {3: "Fenced", 5: True, 7: "StreamGone"}
        assert {lease.stream_id for lease in close} == {"3", "5", "7"}
        for number in range(10):
            if number not in (3, 7):
                assert await data_of(other, str(number)) == [b"", b"2"]


async def test_more_than_go_into_one_statement(path: Path) -> None:
    """Three hundred streams in one turn."""
    async with SQLiteJournal(path) as journal:
        leases = [await new(journal, str(number), lease=LONG) for number in range(300)]
        for _ in range(2):
            async with anyio.create_task_group() as tasks:
                for lease in leases:
                    tasks.start_soon(journal.append, lease, [lease.stream_id.encode()])
        for lease in leases:
            assert await data_of(journal, lease.stream_id) == [b"", lease.stream_id.encode(), lease.stream_id.encode()]


async def test_two_appends_with_one_lease_are_not_both_written(path: Path) -> None:
    """A lease is one writer's; who shares it is told."""
    async with SQLiteJournal(path) as journal:
        lease = await new(journal, "a", lease=LONG)
        fenced = 0

        async def append(entry: bytes) -> None:
            nonlocal fenced
            try:
                await journal.append(copy.copy(lease), [entry])
            except Fenced:
                fenced += 1

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(append, b"x")
            tasks.start_soon(append, b"y")
        assert fenced == 1
        assert (await state_of(journal, "a")).head == 2


async def test_a_lease_may_be_used_by_another_object(path: Path, close: list[Lease]) -> None:
    """As after the journal was closed and opened again; whose lease it was is then told so."""
    async with SQLiteJournal(path) as journal, SQLiteJournal(path) as other:
        lease = await new(journal, "a", b"1", lease=LONG)
        mine = copy.copy(lease)
        await other.append(lease, [b"2"])
        await other.append(lease, [b"3"])
        assert close == [lease]
        with pytest.raises(Fenced):
            await journal.append(mine, [b"x"])
        assert await data_of(journal, "a") == [b"1", b"2", b"3"]
    async with SQLiteJournal(path) as journal:
        assert await is_orphaned(journal, "a")
        await journal.append(lease, [b"4"])
        assert not await is_orphaned(journal, "a")


async def test_who_has_released_a_stream_may_write_it_until_another_takes_it(path: Path) -> None:
    """It is nobody's meanwhile."""
    async with SQLiteJournal(path) as journal, SQLiteJournal(path) as other:
        lease = await new(journal, "a", lease=LONG)
        await journal.release(lease)
        for _ in range(2):
            await journal.append(lease, [b"x"])
            assert await is_orphaned(journal, "a")
        taken = await other.take(await state_of(other, "a"), b"4", lease=LONG)
        assert taken == Lease("a", 2, 4)
        with pytest.raises(Fenced):
            await journal.append(lease, [b"x"])


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_write_that_fails_once_is_looked_for(path: Path, when: str) -> None:
    """It was done or not; whoever waits for it hears nothing of that."""
    async with SQLiteJournal(path) as journal:
        lease = await new(journal, "a", b"1", lease=LONG)
        connection = broken(journal)
        connection.fails.append(("INSERT INTO entries (n, first, fence, count, size, data, at) SELECT", when))
        await journal.append(lease, [b"2", b"3"])
        connection.fails.clear()
        await journal.append(lease, [b"4"])
        assert await data_of(journal, "a") == [b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("end", [None, "complete"])
async def test_an_append_whose_outcome_is_not_known_may_be_asked_for_again(path: Path, when: str, end: Any) -> None:
    """The disk fails in the end: of several that went together, each is done once."""
    async with SQLiteJournal(path) as journal:
        leases = [await new(journal, str(number), b"1", lease=LONG) for number in range(3)]
        connection = broken(journal)
        connection.fails += [
            ("INSERT INTO entries (n, first, fence, count, size, data, at) SELECT", when),
            ("COMMIT", when),
        ]
        unavailable = 0

        async def append(lease: Lease) -> None:
            nonlocal unavailable
            try:
                await journal.append(lease, [b"2"], end=end)
            except JournalUnavailable:
                unavailable += 1

        for _ in range(2):
            async with anyio.create_task_group() as tasks:
                for lease in leases:
                    tasks.start_soon(append, lease)
            connection.fails.clear()
        assert unavailable == 3
        for lease in leases:
            assert lease.head == 2
            assert await data_of(journal, lease.stream_id) == [b"1", b"2"]
