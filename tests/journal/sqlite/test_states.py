"""How streams stand: by clocks that jump, after a restart, and of many at a time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from unbroken.journal import JournalCorrupt, SQLiteJournal
from unbroken.testing.journal.helpers import is_orphaned, new, state_of

pytestmark = pytest.mark.anyio

LONG = 1000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_clock_that_is_set_changes_no_lease(path: Path, hours: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases go by the time since the machine was started."""
    async with SQLiteJournal(path) as journal:
        lease = await new(journal, "a", lease=20.0)
        now = time.time
        monkeypatch.setattr(time, "time", lambda: now() + hours * 3600)
        assert not await is_orphaned(journal, "a")
        assert await journal.orphans() == []
        assert not await journal.append(lease, [b"2"])
        assert not await is_orphaned(journal, "a")
        await journal.hold([lease], 20.0)
        assert not await is_orphaned(journal, "a")
        assert await journal.purge() == 0


async def test_a_lease_lasts_as_long_as_it_says(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From when it was given, held, or written last."""
    async with SQLiteJournal(path) as journal:
        lease = await new(journal, "a", lease=20.0)
        begin, passed = time.monotonic, 0.0
        monkeypatch.setattr(time, "monotonic", lambda: begin() + passed)
        for renew in (None, lambda: journal.append(lease, [b"2"]), lambda: journal.hold([lease], 20.0)):
            if renew is not None:
                await renew()
            passed += 19.0
            assert not await is_orphaned(journal, "a")
            assert await journal.orphans() == []
            passed += 1.0
            assert await is_orphaned(journal, "a")
            assert await journal.orphans() == ["a"]


async def test_after_a_restart_of_the_machine_nobody_holds_anything(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock has begun anew, and says less than when the lease was given."""
    async with SQLiteJournal(path) as journal:
        await new(journal, "a", lease=LONG)
        since = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: since() - 500.0)
        assert await is_orphaned(journal, "a")
        assert await journal.orphans() == ["a"]


async def test_what_was_written_lately_is_not_purged(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though nobody has held it for long: an append is as good."""
    async with SQLiteJournal(path, orphan_retention=100.0) as journal:
        lease = await new(journal, "a", lease=1.0)
        begin, now, passed = time.monotonic, time.time, 0.0
        monkeypatch.setattr(time, "monotonic", lambda: begin() + passed)
        monkeypatch.setattr(time, "time", lambda: now() + passed)
        passed = 90.0
        await journal.append(lease, [b"2"])
        passed = 180.0
        assert await is_orphaned(journal, "a")
        assert await journal.purge() == 0
        passed = 191.0
        assert await journal.purge() == 1


async def test_many_orphans_are_found_one_after_another(path: Path) -> None:
    """A thousand that wait: the first hundred."""
    async with SQLiteJournal(path) as journal:
        for number in range(1000):
            await new(journal, f"{number % 7}/{number}", lease=None if number % 2 else LONG)
        assert await journal.orphans() == [f"{number % 7}/{number}" for number in range(1, 200, 2)]
        assert len(await journal.orphans(limit=1000)) == 500
        assert len(await journal.streams()) == 1000


@pytest.mark.parametrize(
    "what", ["DELETE FROM entries WHERE first = 2", "UPDATE entries SET data = x'01' WHERE first = 3"]
)
async def test_what_is_not_as_it_should_be_is_said_to_be_damaged(path: Path, what: str) -> None:
    """Entries that are missing, or of another length."""
    async with SQLiteJournal(path) as journal:
        lease = await new(journal, "a", lease=LONG)
        await journal.append(lease, [b"2"])
        await journal.append(lease, [b"3", b"4"])
        store = journal._open.writer._store
        assert store is not None
        store._connection.execute(what)
        with pytest.raises(JournalCorrupt):
            await journal.read("a", after=0)
        assert (await state_of(journal, "a")).head == 4
        store._connection.execute("DELETE FROM entries")
        with pytest.raises(JournalCorrupt):
            await journal.look("a")
        with pytest.raises(JournalCorrupt):
            await journal.append(lease, [], end="complete")
