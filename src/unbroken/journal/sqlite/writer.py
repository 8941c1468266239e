"""The thread that writes: what is asked for while a transaction is under way goes into the next one, all together."""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import JournalError, JournalUnavailable
from .calls import Append, Call
from .failures import translated
from .store import Store

__all__ = ["Writer"]


class Writer:
    """One thread, and the only connection of its journal that writes.

    Args:
        path: Of the journal.
        open_store: Opens the store; called in the thread.
        tell: Called in the thread with what has ended, and the ids of streams that have something new.
    """

    def __init__(
        self, path: str, open_store: Callable[[], Store], tell: Callable[[Sequence[Call[Any]], frozenset[str]], None]
    ) -> None:
        self._path = path
        self._open = open_store
        self._tell = tell
        self._queue: queue.SimpleQueue[Call[Any] | None] = queue.SimpleQueue()
        self._stopped: Call[Any] | None = None
        # A daemon: who forgets to close a journal can still leave.
        self._thread = threading.Thread(target=self._run, name="unbroken journal writer", daemon=True)

    def start(self, opened: Call[Any]) -> None:
        """Begin; `opened` ends when the store is open, or raises why not. `stop` has to follow in both cases."""
        self._queue.put(opened)
        self._thread.start()

    def do(self, call: Call[Any]) -> None:
        """Have something written."""
        self._queue.put(call)

    def stop(self, stopped: Call[Any]) -> None:
        """Write what was asked for before, then end; `stopped` ends when the connection is closed."""
        self._stopped = stopped
        self._queue.put(None)

    # -- in the thread

    def _run(self) -> None:
        opened = self._queue.get()
        store: Store | None = None
        assert opened is not None
        try:
            opened.result = store = self._open()
        except Exception as error:
            opened.error = error
        self._tell([opened], frozenset())
        while None not in (calls := self._next()):
            self._do(store, calls)
        self._do(store, calls)
        if store is not None:
            with contextlib.suppress(sqlite3.Error):
                store.close()
        if self._stopped is not None:
            self._tell([self._stopped], frozenset())

    def _next(self) -> list[Call[Any] | None]:
        waiting = self._queue
        calls = [waiting.get()]
        while not waiting.empty():
            calls.append(waiting.get())
        return calls

    def _do(self, store: Store | None, calls: Sequence[Call[Any] | None]) -> None:
        wanted = [call for call in calls if call is not None and not call.abandoned]
        if store is not None and wanted:
            self._write(store, wanted)

    def _write(self, store: Store, calls: list[Call[Any]]) -> None:
        try:
            self._transact(store, calls)
        except Exception as error:
            self._undo(store)
            failure = translated(error, self._path) if isinstance(error, sqlite3.Error) else error
            if len(calls) > 1 and not isinstance(failure, JournalUnavailable):
                for call in calls:  # one of them may be what fails
                    self._write(store, [call])
                return
            for call in calls:
                call.error = failure
        self._tell(calls, frozenset(store.changed))
        store.changed.clear()
        if store.is_long:
            try:
                store.move()
            except sqlite3.Error:
                self._undo(store)  # it is done another time

    def _transact(self, store: Store, calls: list[Call[Any]]) -> None:
        appends = [call for call in calls if isinstance(call, Append)]
        others: Sequence[Call[Any]] = [call for call in calls if not isinstance(call, Append)]
        if not others:
            # Each statement is a transaction of its own where none has begun.
            others = store.append_plain(appends)
            if not others:
                return
            appends = []
        store.connection.execute("BEGIN IMMEDIATE")
        for call in [*(store.append_plain(appends) if appends else ()), *others]:
            try:
                call.result = call.work(store)
            except JournalError as error:
                call.error = error  # it has written nothing
        store.connection.execute("COMMIT")

    def _undo(self, store: Store) -> None:
        with contextlib.suppress(sqlite3.Error):
            if store.connection.in_transaction:
                store.connection.execute("ROLLBACK")
        store.forget()
