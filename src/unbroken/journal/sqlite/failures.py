"""What SQLite and the file system say, in the words of journals."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final

from ..errors import JournalCorrupt, JournalError, JournalFull, JournalUnavailable

__all__ = ["is_busy", "translated"]

_Make = Callable[[str], JournalError]

#: By SQLite's primary result code: what is raised, and what it says of the file.
_WORDS: Final[dict[int, tuple[_Make, str]]] = {
    sqlite3.SQLITE_BUSY: (JournalUnavailable, "is locked by another process"),
    sqlite3.SQLITE_LOCKED: (JournalUnavailable, "is locked by another connection"),
    sqlite3.SQLITE_PROTOCOL: (JournalUnavailable, "is locked by another process"),
    sqlite3.SQLITE_IOERR: (JournalUnavailable, "could not be read or written just now"),
    sqlite3.SQLITE_INTERRUPT: (JournalUnavailable, "was interrupted"),
    sqlite3.SQLITE_FULL: (JournalFull, "has no room left: its disk is full"),
    sqlite3.SQLITE_TOOBIG: (JournalFull, "takes no entry of this size"),
    sqlite3.SQLITE_CORRUPT: (JournalCorrupt, "is damaged"),
    sqlite3.SQLITE_NOTADB: (JournalError, "is not a database of SQLite, or is damaged"),
    sqlite3.SQLITE_READONLY: (JournalError, "can only be read, and a journal has to be written"),
    sqlite3.SQLITE_CANTOPEN: (JournalError, "cannot be opened"),
    sqlite3.SQLITE_PERM: (JournalError, "may not be opened"),
    sqlite3.SQLITE_AUTH: (JournalError, "may not be opened"),
}


def is_busy(error: Exception) -> bool:
    """Whether another holds a lock, and nothing was done."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    return isinstance(error, sqlite3.Error) and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def translated(error: sqlite3.Error | OSError, path: str) -> JournalError:
    """The error of a journal that this one is; it does not tell anything of an entry.

    Args:
        error: What SQLite or the operating system has raised.
        path: Of the journal.
    """
    if isinstance(error, OSError):
        return JournalError(f"the journal {path} cannot be used: {error.strerror or type(error).__name__}")
    code = getattr(error, "sqlite_errorcode", None) or 0
    if code == sqlite3.SQLITE_IOERR_SHMSIZE:  # a file beside it has no room
        code = sqlite3.SQLITE_FULL
    make, words = _WORDS.get(code & 0xFF, (JournalError, "cannot be used"))
    name = getattr(error, "sqlite_errorname", None) or type(error).__name__
    return make(f"the journal {path} {words} ({name})")
