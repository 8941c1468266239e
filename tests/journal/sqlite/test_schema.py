"""Files that are journals, and files that are not: how they are opened, and what is said of those that cannot be."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from unbroken.journal import (
    JournalCorrupt,
    JournalError,
    JournalFull,
    JournalUnavailable,
    Lease,
    SQLiteJournal,
    StreamGone,
)
from unbroken.journal.sqlite import schema
from unbroken.testing.journal.helpers import data_of, new, state_of

pytestmark = pytest.mark.anyio

LONG = 1000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


def contents(path: Path) -> bytes:
    return path.read_bytes()


def overwrite(path: Path, data: bytes) -> None:
    path.write_bytes(data)


async def says(path: Path) -> str:
    """What is raised when it is opened, which is no more special than it has to be."""
    with pytest.raises(JournalError) as raised:
        async with SQLiteJournal(path):
            pass
    assert raised.type is JournalError
    return str(raised.value)


async def test_only_its_owner_can_read_it(path: Path) -> None:
    """Whatever the process lets others do with its files."""
    before = os.umask(0)
    try:
        async with SQLiteJournal(path) as journal:
            lease = await new(journal, "a", lease=LONG)
            await journal.append(lease, [b"2"])
            [presence] = path.with_name("journal.db-workers").iterdir()
            files = [path, path.with_name("journal.db-wal"), path.with_name("journal.db-shm"), presence]
            assert {each.name: mode(each) for each in files} == {each.name: "0o600" for each in files}
            assert mode(presence.parent) == "0o700"
            assert {each.name for each in path.parent.iterdir()} == {
                each.name for each in [*files[:3], presence.parent]
            }
    finally:
        os.umask(before)
    assert sorted(each.name for each in path.parent.iterdir()) == ["journal.db", "journal.db-workers"]
    assert list(presence.parent.iterdir()) == []


async def test_a_path_may_be_a_text(path: Path) -> None:
    async with SQLiteJournal(str(path)) as journal:
        await new(journal, "a", b"1", lease=LONG)
    async with SQLiteJournal(path) as journal:
        assert await data_of(journal, "a") == [b"1"]


async def test_an_empty_file_becomes_a_journal(path: Path) -> None:
    """As `tempfile` leaves one."""
    overwrite(path, b"")
    async with SQLiteJournal(path) as journal:
        await new(journal, "a", lease=LONG)


async def test_another_version_is_refused(path: Path) -> None:
    """It says which, and that file stays as it is."""
    async with SQLiteJournal(path) as journal:
        await new(journal, "a", lease=LONG)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    before = contents(path)
    assert await says(path) == f"the journal {path} has version 7 of the format, and this release reads 1"
    assert contents(path) == before


async def test_another_programs_database_is_refused(path: Path) -> None:
    """And nothing is put into it."""
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    before = contents(path)
    assert await says(path) == f"{path} is another program's database, and no journal"
    assert contents(path) == before


@pytest.mark.parametrize("text", [b"no database\n" * 100, b"\0" * 4096])
async def test_what_is_no_database_is_refused(path: Path, text: bytes) -> None:
    overwrite(path, text)
    assert await says(path) == f"the journal {path} is not a database of SQLite, or is damaged (SQLITE_NOTADB)"
    assert contents(path) == text


async def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert await says(tmp_path) == f"the journal {tmp_path} cannot be opened (SQLITE_CANTOPEN)"


async def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "journal.db"
    assert await says(path) == f"the journal {path} cannot be used: No such file or directory"


@pytest.fixture
def read_only(path: Path) -> Iterator[Path]:
    """A journal that can only be read, also by root."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 0")
        connection.execute("VACUUM")
    connection.close()
    path.chmod(0o400)
    if os.access(path, os.W_OK):
        done = subprocess.run(["chattr", "+i", str(path)], check=False, capture_output=True)
        if done.returncode:
            pytest.skip("root may write every file here")
    yield path
    subprocess.run(["chattr", "-i", str(path)], check=False, capture_output=True)


async def test_a_file_that_can_only_be_read_is_refused(read_only: Path) -> None:
    expected = f"the journal {read_only} can only be read, and a journal has to be written"
    assert await says(read_only) == expected


async def test_a_file_that_another_locks_is_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for ever; and when it is free again, it can be opened."""
    async with SQLiteJournal(path) as journal:
        await new(journal, "a", lease=LONG)
    monkeypatch.setattr(schema, "PATIENCE", 0.2)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(JournalUnavailable, match="is locked by another process"):
        async with SQLiteJournal(path):
            pass
    other.close()
    async with SQLiteJournal(path) as journal:
        assert (await state_of(journal, "a")).head == 1


async def test_a_path_has_to_name_a_file() -> None:
    for path in ("", ":memory:"):
        with pytest.raises(ValueError, match="path must name a file; a journal in memory is `MemoryJournal`"):
            SQLiteJournal(path)


async def test_arguments_are_looked_at(path: Path) -> None:
    with pytest.raises(
        ValueError, match='durability must be "process" or "host", not "disk"'.replace('"disk"', "'disk'")
    ):
        SQLiteJournal(path, durability="disk")  # type: ignore[arg-type]
    for options in ({"retention": -1}, {"orphan_retention": -0.1}, {"max_bytes": 0}):
        with pytest.raises(ValueError, match="must"):
            SQLiteJournal(path, **options)  # type: ignore[arg-type]


async def test_it_is_open_once(path: Path) -> None:
    """One object; another object may open the file too."""
    journal = SQLiteJournal(path)
    async with journal:
        with pytest.raises(JournalError, match="is open already"):
            await journal.__aenter__()
        await new(journal, "a", b"1", lease=LONG)
    async with journal:
        assert await data_of(journal, "a") == [b"1"]


async def test_a_closed_journal_says_so(path: Path) -> None:
    """Before it is opened, and after."""
    journal = SQLiteJournal(path)
    for _ in range(2):
        for call in (
            journal.look("a"),
            journal.read("a", after=0),
            journal.streams(),
            journal.orphans(),
            journal.wait({}, 0),
            journal.cancel("a"),
            journal.purge(),
        ):
            with pytest.raises(JournalError, match=r"^the journal .* is closed$"):
                await call
        async with journal:
            pass


# -- damage


async def test_a_write_ahead_log_that_lost_its_end_is_read_up_to_there(path: Path, tmp_path: Path) -> None:
    """Its checksums are wrong from there on: a power cut leaves such a one. What is before is whole."""
    copy = tmp_path / "copy.db"
    async with SQLiteJournal(path) as journal:
        lease = await new(journal, "a", b"0", lease=LONG)
        for number in range(1, 200):
            await journal.append(lease, [b"%d" % number])
        overwrite(copy, contents(path))
        log = contents(path.with_name("journal.db-wal"))
    overwrite(copy.with_name("copy.db-wal"), log[:-5000] + bytes(each ^ 0xFF for each in log[-5000:]))
    async with SQLiteJournal(copy) as journal:
        found = await data_of(journal, "a")
        assert 100 < len(found) < 200
        assert found == [b"%d" % number for number in range(len(found))]
        taken = await journal.take(await state_of(journal, "a"), b"taken", lease=LONG)
        assert taken is not None
        assert (taken.fence, taken.head) == (2, len(found) + 1)


async def test_a_writer_whose_entries_were_lost_is_told(path: Path) -> None:
    """He knows of more than the journal does."""
    async with SQLiteJournal(path) as journal:
        await new(journal, "a", lease=LONG)
        with pytest.raises(StreamGone, match="has lost entries that were acknowledged"):
            await journal.append(Lease("a", 1, 5), [b"6"])


@pytest.mark.parametrize("cut", [True, False], ids=["cut", "overwritten"])
async def test_a_damaged_file_is_said_to_be(path: Path, cut: bool) -> None:
    """Where what is damaged is needed; nothing wrong is read."""
    async with SQLiteJournal(path) as journal:
        for number in range(40):
            lease = await new(journal, str(number), b"x" * 3000, lease=LONG)
            await journal.append(lease, [b"y" * 3000], end="complete")
    data = contents(path)
    half = len(data) // 2
    overwrite(path, data[:half] if cut else data[:half] + b"\xa5" * half)
    errors: list[JournalError] = []
    try:
        async with SQLiteJournal(path) as journal:
            for number in range(40):
                try:
                    found = await data_of(journal, str(number))
                except JournalError as error:
                    errors.append(error)
                else:
                    assert found == [b"x" * 3000, b"y" * 3000]
    except JournalError as error:
        errors.append(error)
    assert errors
    assert {type(each) for each in errors} == {JournalCorrupt}


# -- no room


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A directory of 512 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


async def test_a_full_disk_is_said_to_be(disk: Path) -> None:
    """What was written is whole, what was not is not; and it goes on when there is room."""
    filler = disk / "filler"
    async with SQLiteJournal(disk / "journal.db") as journal:
        lease = await new(journal, "a", b"0", lease=LONG)
        overwrite(filler, b"x" * 200_000)
        with pytest.raises(JournalFull, match="has no room left: its disk is full"):
            for number in range(1, 1000):
                await journal.append(lease, [b"%d" % number])
        head = lease.head
        assert await data_of(journal, "a") == [b"%d" % number for number in range(head)]
        filler.unlink()
        await journal.append(lease, [b"%d" % head])
        assert await data_of(journal, "a") == [b"%d" % number for number in range(head + 1)]


async def test_one_that_does_not_fit_does_not_take_the_others_with_it(path: Path) -> None:
    """In one transaction: each has its own outcome."""
    async with SQLiteJournal(path) as journal:
        leases = [await new(journal, str(number), lease=LONG) for number in range(5)]
        store = journal._open.writer._store
        assert store is not None
        [pages] = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"PRAGMA max_page_count = {pages + 20}")
        full: list[int] = []

        async def append(number: int) -> None:
            try:
                await journal.append(leases[number], [b"x" * (100_000 if number == 2 else 10)])
            except JournalFull:
                full.append(number)

        async with anyio.create_task_group() as tasks:
            for number in range(5):
                tasks.start_soon(append, number)
        assert full == [2]
        assert [lease.head for lease in leases] == [2, 2, 1, 2, 2]
