"""The thread that brings what was written into the file, and so keeps SQLite's write-ahead log short.

SQLite would do that in a commit, which then waits for the disk, some 10 milliseconds; here no commit does.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
import time
from typing import Final

from .schema import PAGE, TOUCH, open_checkpointer

__all__ = ["Checkpoints"]

#: From how many bytes on the log is begun anew, for which writers have to wait some milliseconds. A checkpoint beside
#: them never quite reaches its end while they write.
_LONG: Final = 32 * 2**20
#: For how long that is not tried again, in seconds, while another program reads in one transaction for long.
_PAUSE: Final = 10.0
#: Besides a page's bytes, each has a header in the log.
_FRAME: Final = PAGE + 24


class Checkpoints:
    """The checkpoints of one file.

    Args:
        path: Of the file.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._queue: queue.SimpleQueue[bool | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._wipe = False
        self._not_before = 0.0

    def ask(self, *, wipe: bool) -> None:
        """Have one made, soon; called by whoever has written. `wipe`: nothing is to be left of what was deleted."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="unbroken journal checkpoints", daemon=True)
            self._thread.start()
        self._queue.put(wipe)

    def close(self) -> None:
        """Have none made any more, and wait for the one under way. May take as long as that."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    # -- in the thread

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        while True:
            asked = [self._queue.get()]
            while not self._queue.empty():
                asked.append(self._queue.get())
            if None in asked:
                break
            # What fails is tried again with the next one; and whoever writes is told what is wrong.
            with contextlib.suppress(sqlite3.Error):
                connection = connection or open_checkpointer(self._path)
                self._checkpoint(connection, wipe=True in asked)
        if connection is not None:
            connection.close()

    def _checkpoint(self, connection: sqlite3.Connection, *, wipe: bool) -> None:
        self._wipe = self._wipe or wipe
        _, frames, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        now = time.monotonic()
        if now < self._not_before or not (self._wipe or frames * _FRAME > _LONG):
            return
        how = "TRUNCATE" if self._wipe else "RESTART"
        [locked, _, _] = connection.execute(f"PRAGMA wal_checkpoint({how})").fetchone()
        if locked:
            self._not_before = now + _PAUSE
        else:
            self._wipe = False
            connection.execute(TOUCH)  # who writes first behind that waits for the disk
