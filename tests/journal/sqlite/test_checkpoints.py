"""SQLite's write-ahead log stays short, no commit sees to that, and nothing is left of what was purged."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import anyio
import pytest

from unbroken.journal import SQLiteJournal
from unbroken.journal.sqlite import checkpoints, store
from unbroken.testing.journal.helpers import data_of, new, until

pytestmark = pytest.mark.anyio

LONG = 1000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def size(path: Path, beside: str = "") -> int:
    file = path.with_name(path.name + beside)
    return file.stat().st_size if file.exists() else 0


async def test_the_log_is_begun_anew_while_it_is_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much is written, and without a pause."""
    monkeypatch.setattr(checkpoints, "_LONG", 200_000)
    monkeypatch.setattr(store, "_PAGES", 50)
    async with SQLiteJournal(path, max_bytes=2**30) as journal:
        lease = await new(journal, "a", b"", lease=LONG)
        longest = written = 0
        with anyio.fail_after(60):
            while written < 20_000_000 or longest < 200_000:
                await journal.append(lease, [b"x" * 5000])
                written += 5000
                longest = max(longest, size(path, "-wal"))
        assert longest < written / 2
        assert len(await data_of(journal, "a")) == lease.head


async def test_it_is_in_the_file_when_it_is_closed(path: Path) -> None:
    """Which is then all there is."""
    async with SQLiteJournal(path) as journal:
        lease = await new(journal, "a", b"x" * 1000, lease=LONG)
        await journal.append(lease, [b"y" * 1000] * 100)
        assert size(path, "-wal") > 0
    assert [size(path, beside) for beside in ("-wal", "-shm")] == [0, 0]
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT sum(length(data)) FROM entries").fetchone()[0] > 100_000
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


@pytest.mark.parametrize("how", ["id", "owner", "time"])
async def test_nothing_is_left_of_what_was_purged(path: Path, how: str) -> None:
    """Neither in the file nor in the log, while the journal is open: it was what somebody had said."""
    secret = b"what somebody has said in confidence"
    async with SQLiteJournal(path, retention=0) as journal:
        kept = await new(journal, "kept", b"what was said aloud", lease=LONG)
        lease = await new(journal, "a", secret, owner=b"me", lease=LONG)
        for _ in range(50):
            await journal.append(lease, [secret] * 3)
            await journal.append(kept, [b"what was said aloud"])
        await journal.append(lease, [secret], end="complete")
        assert secret in everything(path)
        match how:
            case "id":
                assert await journal.purge(stream_id="a") == 1
            case "owner":
                assert await journal.purge(owner=b"me") == 1
            case _:
                assert await journal.purge() == 1

        async def is_gone() -> bool:
            return secret not in everything(path)

        await until(is_gone)
        assert b"what was said aloud" in everything(path)
        assert len(await data_of(journal, "kept")) == 51


def everything(path: Path) -> bytes:
    return b"".join(each.read_bytes() for each in path.parent.iterdir() if each.is_file())
