"""The thread that reads, and looks every now and then whether another process has written.

A read may have to wait for the disk, but never for who writes.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from ...concurrency.detached import call_soon, wakeups
from ..errors import JournalError
from . import states
from .calls import Call
from .failures import translated
from .schema import open_reader

__all__ = ["Reader"]

T = TypeVar("T")

#: How often it is looked for changes of other processes while somebody waits for them, in seconds: 1 % of a core.
_POLL: Final = 0.02


class Reader:
    """Reads one journal, for one event loop: the one that is running when this is made.

    Args:
        path: Of the journal.
        tell: Called in the event loop with the ids of streams that have something new.

    Attributes:
        waited_for: The streams of which news are waited for, with the numbers of the last entries that are known.
    """

    def __init__(self, path: str, tell: Callable[[Collection[str]], None]) -> None:
        self.waited_for: Sequence[Mapping[str, int]] = ()
        self._path = path
        self._tell = tell
        self._call_soon = call_soon()
        self._wakeups = wakeups()
        self._version = 0
        self._next_look = 0.0
        self._closing: Call[Any] | None = None
        self._queue: queue.SimpleQueue[Call[Any]] = queue.SimpleQueue()
        # A daemon: who forgets to close a journal can still leave.
        self._thread = threading.Thread(target=self._run, name="unbroken journal reader", daemon=True)

    async def open(self) -> None:
        """Open the file, which is a journal. `close` has to follow, whether this raises or not."""
        self._thread.start()
        await self.do(lambda _: open_reader(self._path))

    async def close(self) -> None:
        """Read what was asked for before, and close the file."""
        if self._thread.ident is None:  # never opened
            return
        self._closing = Call(lambda _: None)
        self._queue.put(self._closing)
        await self._closing.wait(self._wakeups)

    async def do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Have something read, and return what comes of it."""
        if self._closing is not None:
            raise JournalError(f"the journal {self._path} is closed")
        call = Call(work)
        self._queue.put(call)
        return await call.wait(self._wakeups)

    # -- in the thread

    def _run(self) -> None:
        opening = self._queue.get()
        self._do(opening, None)
        connection: sqlite3.Connection | None = opening.result
        while (call := self._next()) is not self._closing or call is None:
            if connection is not None:
                if call is not None:
                    self._do(call, connection)
                if self.waited_for and time.monotonic() >= self._next_look:
                    self._look(connection)
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
        self._call_soon(call.end)

    def _next(self) -> Call[Any] | None:
        timeout = max(0.0, self._next_look - time.monotonic()) if self.waited_for else None
        try:
            return self._queue.get(timeout=timeout)
        except queue.Empty:
            return None

    def _do(self, call: Call[Any], connection: sqlite3.Connection | None) -> None:
        if call.abandoned:
            return
        try:
            call.result = call.run(connection)
        except sqlite3.Error as error:
            call.error = translated(error, self._path)
        except Exception as error:
            call.error = error
        self._call_soon(call.end)

    def _look(self, connection: sqlite3.Connection) -> None:
        self._next_look = time.monotonic() + _POLL
        # Where it cannot be read just now, whoever reads next is told.
        with contextlib.suppress(sqlite3.Error):
            [version] = connection.execute("PRAGMA data_version").fetchone()
            if version != self._version:
                self._version = version
                for after in self.waited_for:
                    if found := states.news(connection, after):
                        self._call_soon(partial(self._tell, found))
