"""Whose journal is open: the lock of each, and what is believed where there are none."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from unbroken.journal import JournalError, SQLiteJournal
from unbroken.journal.sqlite import presence
from unbroken.journal.sqlite.presence import Presence
from unbroken.testing.journal.helpers import is_orphaned, new, state_of, until

LONG = 1000.0


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "journal.db")


def files(path: str) -> list[str]:
    return sorted(each.name for each in Path(f"{path}-workers").iterdir())


def test_who_is_there_is_seen_by_others(path: str) -> None:
    """Until it leaves, and by however many look at the same time."""
    one, other, third = Presence(path), Presence(path), Presence(path)
    assert len({one.worker, other.worker, third.worker}) == 3
    for each in (one, other, third):
        assert each.is_seen
        assert all(each.is_there(there.worker) for there in (one, other, third))
    one.leave()
    for each in (other, third):
        assert not each.is_there(one.worker)
        assert each.is_there(other.worker)
    assert files(path) == sorted(f"{each.worker:016x}" for each in (other, third))
    other.leave()
    third.leave()
    assert files(path) == []


def test_two_who_look_do_not_take_each_other_for_a_worker(path: str) -> None:
    """Neither of them sees the other's look."""
    one, dead = Presence(path), Presence(path)
    assert dead._handle is not None
    os.close(dead._handle)  # as the kernel does it when a process ends
    handle = os.open(f"{path}-workers/{dead.worker:016x}", os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    assert not one.is_there(dead.worker)
    os.close(handle)
    one.leave()


def test_what_the_dead_have_left_is_removed(path: str) -> None:
    """By whoever comes next; of what was being made, only what is old."""
    dead, there = Presence(path), Presence(path)
    assert dead._handle is not None
    os.close(dead._handle)
    directory = Path(f"{path}-workers")
    (directory / ".old").touch()
    os.utime(directory / ".old", (0, 0))
    (directory / ".new").touch()
    comes = Presence(path)
    assert files(path) == sorted([".new", f"{there.worker:016x}", f"{comes.worker:016x}"])
    assert not comes.is_there(dead.worker)
    for each in (there, comes):
        each.leave()


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL])
def test_a_file_system_without_locks_is_refused(path: str, error: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one sentence, and nothing is left."""

    def flock(handle: int, kind: int) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(JournalError, match=rf"^the journal {path} is on a file system that has no locks \(flock\)$"):
        Presence(path)
    assert files(path) == []


def test_a_file_system_whose_locks_do_nothing_is_refused(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some say that they lock, and let everybody in."""
    monkeypatch.setattr(fcntl, "flock", lambda handle, kind: None)
    with pytest.raises(JournalError, match="is on a file system that has no locks"):
        Presence(path)
    assert files(path) == []


@pytest.mark.anyio
async def test_a_journal_without_locks_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was opened before is closed."""
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", lambda handle, kind: None)
        with pytest.raises(JournalError, match="is on a file system that has no locks"):
            async with SQLiteJournal(tmp_path / "journal.db"):
                pass
    async with SQLiteJournal(tmp_path / "journal.db") as journal:
        await new(journal, "a", lease=LONG)


@pytest.mark.anyio
async def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file has its name."""
    (tmp_path / "journal.db-workers").touch()
    with pytest.raises(JournalError, match=r"journal\.db cannot be used: File exists$"):
        async with SQLiteJournal(tmp_path / "journal.db"):
            pass


@pytest.mark.anyio
async def test_where_there_are_no_locks_at_all_leases_say_who_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows: who vanishes is missed when its lease has run out, and who closes gives up what it holds."""
    monkeypatch.setattr(presence, "fcntl", None)
    async with SQLiteJournal(tmp_path / "journal.db") as journal:
        async with SQLiteJournal(tmp_path / "journal.db") as other:
            await new(other, "a", lease=LONG)
            await new(other, "b", lease=0.05)
            assert not await is_orphaned(journal, "a")
            await until(lambda: is_orphaned(journal, "b"))
            assert await journal.take(await state_of(journal, "a"), b"2", lease=LONG) is None
        assert await is_orphaned(journal, "a")
        assert await journal.orphans() == ["a", "b"]
        assert not (tmp_path / "journal.db-workers").exists()
