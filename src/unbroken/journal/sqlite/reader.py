"""The thread that reads, and looks every now and then whether another process has written."""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from .calls import Call
from .failures import translated
from .states import has_news

__all__ = ["Reader"]

#: How often it is looked for changes of other processes while somebody waits for them, in seconds: 1 % of a core.
_POLL: Final = 0.02


class Reader:
    """One thread and its connection, which never writes; so no commit has to be waited for.

    Args:
        path: Of the journal.
        open_connection: Opens it; called in the thread.
        tell: Called in the thread with what has ended.
        news: Called in the thread when a stream that is waited for has something new.
    """

    def __init__(
        self,
        path: str,
        open_connection: Callable[[], sqlite3.Connection],
        tell: Callable[[Sequence[Call[Any]]], None],
        news: Callable[[], None],
    ) -> None:
        self.waited_for: Sequence[Mapping[str, int]] = ()
        self._path = path
        self._open = open_connection
        self._tell = tell
        self._news = news
        self._version = 0
        self._next_look = 0.0
        self._stopped: Call[Any] | None = None
        self._queue: queue.SimpleQueue[Call[Any] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="unbroken journal reader", daemon=True)

    def start(self, opened: Call[Any]) -> None:
        """Begin; `opened` ends when the connection is open, or raises why not. `stop` has to follow in both cases."""
        self._queue.put(opened)
        self._thread.start()

    def do(self, call: Call[Any]) -> None:
        """Have something read."""
        self._queue.put(call)

    def stop(self, stopped: Call[Any]) -> None:
        """Read what was asked for before, then end; `stopped` ends when the connection is closed."""
        self._stopped = stopped
        self._queue.put(None)

    # -- in the thread

    def _run(self) -> None:
        opened = self._queue.get()
        connection: sqlite3.Connection | None = None
        assert opened is not None
        try:
            opened.result = connection = self._open()
        except Exception as error:
            opened.error = error
        self._tell([opened])
        while self._step(connection):
            if connection is not None and self.waited_for and time.monotonic() >= self._next_look:
                self._look(connection)
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
        if self._stopped is not None:
            self._tell([self._stopped])

    def _step(self, connection: sqlite3.Connection | None) -> bool:
        timeout = max(0.0, self._next_look - time.monotonic()) if self.waited_for else None
        try:
            call = self._queue.get(timeout=timeout)
        except queue.Empty:
            return True
        if call is None:
            return False
        if not call.abandoned:
            try:
                call.result = call.work(connection)
            except sqlite3.Error as error:
                call.error = translated(error, self._path)
            except Exception as error:
                call.error = error
            self._tell([call])
        return True

    def _look(self, connection: sqlite3.Connection) -> None:
        self._next_look = time.monotonic() + _POLL
        # Where it cannot be read just now, whoever reads next is told.
        with contextlib.suppress(sqlite3.Error):
            [version] = connection.execute("PRAGMA data_version").fetchone()
            if version != self._version:
                self._version = version
                if any(has_news(connection, after) for after in self.waited_for):
                    self._news()
