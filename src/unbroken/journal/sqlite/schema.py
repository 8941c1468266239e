"""The file: how it is opened, and what its tables are.

An append is one row of `entries`, whichever its stream, in the order in which they come: so a commit of many streams
changes a page or two, and one of the index for each, where rows in the order of their streams would move many more.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from typing import Final, Literal

from ..errors import JournalError
from .failures import translated

__all__ = ["PAGE", "PATIENCE", "TOUCH", "Durability", "open_checkpointer", "open_reader", "open_writer"]

Durability = Literal["process", "host"]

#: How long a lock of another process is waited for, in seconds. Transactions of ours take milliseconds; who holds it
#: for longer is a tool, or hangs.
PATIENCE: Final = 5.0

#: Bytes of a page. A commit writes whole pages, of which it has changed a hundred bytes or two.
PAGE: Final = 1024

#: "unbr": what tells a journal from another program's database.
_APPLICATION: Final = 0x756E6272
_VERSION: Final = 1
#: Writes what is there already.
TOUCH: Final = f"PRAGMA user_version = {_VERSION}"

_TABLES: Final = (
    """
    CREATE TABLE streams (
        n INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order of creation, and never used again
        id TEXT NOT NULL UNIQUE,
        fingerprint BLOB NOT NULL,
        owner BLOB NOT NULL,
        created REAL NOT NULL,               -- seconds since the epoch, like `ended` and `touched`
        fence INTEGER NOT NULL,
        status INTEGER NOT NULL,             -- 0 live, 1 complete, 2 failed, 3 cancelled
        stopping INTEGER NOT NULL,
        ended REAL,
        holder INTEGER,                      -- whose presence says that it is written; NULL: nobody's
        lease REAL NOT NULL,                 -- seconds
        held REAL NOT NULL,                  -- when the lease began, by the machine's monotonic clock, like `at`
        touched REAL NOT NULL
    )
    """,
    "CREATE INDEX streams_live ON streams (n, holder, held, lease) WHERE status = 0",
    "CREATE INDEX streams_ended ON streams (ended) WHERE ended IS NOT NULL",
    "CREATE INDEX streams_owner ON streams (owner)",
    """
    CREATE TABLE entries (
        p INTEGER PRIMARY KEY,
        n INTEGER NOT NULL,                  -- whose stream's
        first INTEGER NOT NULL,              -- the number of the first
        fence INTEGER NOT NULL,
        count INTEGER NOT NULL,
        at REAL NOT NULL,
        size INTEGER NOT NULL,               -- of the stream's entries up to the last of these
        data BLOB NOT NULL                   -- of one as it is; of many see `entries.pack`
    )
    """,
    "CREATE UNIQUE INDEX entries_first ON entries (n, first)",
    # Streams that are gone, and whose entries are being deleted.
    "CREATE TABLE dropped (n INTEGER PRIMARY KEY)",
    f"PRAGMA application_id = {_APPLICATION}",
    TOUCH,
)


def open_writer(path: str, durability: Durability) -> sqlite3.Connection:
    """Open the file for writing; an empty or missing one becomes a journal. The connection does not wait for locks.

    Raises:
        JournalError: It cannot be used.
    """
    try:
        with contextlib.suppress(FileExistsError):
            # SQLite gives the files beside it the same mode.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        if not os.access(path, os.W_OK):
            # SQLite opens it all the same, and begins to write; it would say so of the first entry.
            raise JournalError(f"the journal {path} can only be read, and a journal has to be written")
        connection = _connect(path)
    except (sqlite3.Error, OSError) as error:
        raise translated(error, path) from error
    try:
        _prepare(connection, path)
        connection.execute(f"PRAGMA synchronous = {'FULL' if durability == 'host' else 'NORMAL'}")
        # What is deleted is overwritten: it was somebody's conversation.
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA wal_autocheckpoint = 0")  # `Checkpoints` sees to it
        connection.execute("PRAGMA busy_timeout = 0")
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.Error):
            raise translated(error, path) from error
        raise
    return connection


def open_reader(path: str) -> sqlite3.Connection:
    """Open a journal that is there, to read it.

    Raises:
        JournalError: It cannot be used.
    """
    try:
        connection = _connect(path)
        connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        raise translated(error, path) from error
    return connection


def open_checkpointer(path: str) -> sqlite3.Connection:
    """Open a journal that is there, to bring its write-ahead log into the file. Raises `sqlite3.Error`."""
    connection = _connect(path)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    # Who waits for readers to begin a log anew has writers wait.
    connection.execute("PRAGMA busy_timeout = 50")
    return connection


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def _prepare(connection: sqlite3.Connection, path: str) -> None:
    if not _check(connection, path):
        connection.execute(f"PRAGMA page_size = {PAGE}")
    _set_wal(connection, path)
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not _check(connection, path):
            for statement in _TABLES:
                connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _check(connection: sqlite3.Connection, path: str) -> bool:
    """Whether it is a journal of this version; False: it is empty."""
    [application] = connection.execute("PRAGMA application_id").fetchone()
    [version] = connection.execute("PRAGMA user_version").fetchone()
    [tables] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if (application, version) == (_APPLICATION, _VERSION):
        return True
    if application == _APPLICATION:
        raise JournalError(f"the journal {path} has version {version} of the format, and this release reads {_VERSION}")
    if application or version or tables:
        raise JournalError(f"{path} is another program's database, and no journal")
    return False


def _set_wal(connection: sqlite3.Connection, path: str) -> None:
    # SQLite does not wait for a lock here, and two processes may open the file at a time.
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            [mode] = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            break
    if mode != "wal":
        raise JournalError(f"the journal {path} is on a file system that has no write-ahead log of SQLite's")
