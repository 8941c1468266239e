"""What SQLite and the file system say, as errors of journals."""

from __future__ import annotations

import sqlite3

import pytest

from unbroken.journal import JournalCorrupt, JournalError, JournalFull, JournalUnavailable
from unbroken.journal.sqlite.failures import is_busy, translated


def error(code: int | None, name: str = "NAME") -> sqlite3.Error:
    made = sqlite3.OperationalError("UNIQUE constraint failed: secret")
    if code is not None:
        made.sqlite_errorcode = code
        made.sqlite_errorname = name
    return made


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (sqlite3.SQLITE_BUSY, JournalUnavailable, "is locked by another process"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, JournalUnavailable, "is locked by another process"),
        (sqlite3.SQLITE_BUSY_RECOVERY, JournalUnavailable, "is locked by another process"),
        (sqlite3.SQLITE_LOCKED, JournalUnavailable, "is locked by another connection"),
        (sqlite3.SQLITE_IOERR_WRITE, JournalUnavailable, "could not be read or written just now"),
        (sqlite3.SQLITE_IOERR_SHMSIZE, JournalFull, "has no room left: its disk is full"),
        (sqlite3.SQLITE_FULL, JournalFull, "has no room left: its disk is full"),
        (sqlite3.SQLITE_TOOBIG, JournalFull, "takes no entry of this size"),
        (sqlite3.SQLITE_CORRUPT, JournalCorrupt, "is damaged"),
        (sqlite3.SQLITE_NOTADB, JournalError, "is not a database of SQLite, or is damaged"),
        (sqlite3.SQLITE_READONLY_DBMOVED, JournalError, "can only be read, and a journal has to be written"),
        (sqlite3.SQLITE_CANTOPEN, JournalError, "cannot be opened"),
        (sqlite3.SQLITE_MISUSE, JournalError, "cannot be used"),
    ],
)
def test_each_code_has_its_error(code: int, kind: type[JournalError], words: str) -> None:
    """With the path and SQLite's name for it, and nothing of what was written."""
    made = translated(error(code), "a.db")
    assert type(made) is kind
    assert str(made) == f"the journal a.db {words} (NAME)"


def test_what_has_no_code_has_its_class() -> None:
    assert str(translated(error(None), "a.db")) == "the journal a.db cannot be used (OperationalError)"
    assert (
        str(translated(OSError(13, "Permission denied"), "a.db"))
        == "the journal a.db cannot be used: Permission denied"
    )
    assert str(translated(TimeoutError(), "a.db")) == "the journal a.db cannot be used: TimeoutError"


def test_what_is_locked_is_told_from_what_has_failed() -> None:
    """The first may be tried again, with nothing done."""
    assert is_busy(error(sqlite3.SQLITE_BUSY))
    assert is_busy(error(sqlite3.SQLITE_BUSY_RECOVERY))
    assert is_busy(error(sqlite3.SQLITE_LOCKED_SHAREDCACHE))
    assert not is_busy(error(sqlite3.SQLITE_IOERR))
    assert not is_busy(error(None))
    assert not is_busy(ValueError())
