"""Who writes: the event loop itself where that takes microseconds, and else a thread.

What is asked for while a transaction is under way goes into the next one, all of it together; there is no timer. What
tasks ask for in one turn of the event loop goes together too.

A commit that waits for no lock and for no disk takes some 20 microseconds, and to go through a thread takes longer
than that: the thread has to get Python's global lock from a busy event loop several times, for which that takes
milliseconds each. So the loop commits, while nobody else has the connection. All that may take longer is the
thread's: a locked file, a commit that waits for the disk, much at a time. Meanwhile everything is.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from ...concurrency.detached import call_soon, others_first, wakeups
from ..errors import JournalError, JournalUnavailable
from ..protocol import Lease
from .calls import Call
from .schema import PATIENCE
from .store import Store

__all__ = ["Writer"]

T = TypeVar("T")

#: Between two tries to get a lock, in seconds, from the first to the longest.
_PAUSES: Final = (0.0005, 0.01)
#: A commit of the event loop that took longer, in seconds: then the disk is slow, and the thread writes for a while.
_SLOW: Final = 0.1
_A_WHILE: Final = 1.0


class Writer:
    """Writes one journal, on one event loop: the one that is running when this is made.

    Args:
        path: Of the journal.
        open_store: Opens the store; called in the thread.
        waits: Whether each commit waits for the disk.
        tell: Called in the event loop with the ids of streams that have something new.
    """

    def __init__(
        self,
        path: str,
        open_store: Callable[[], Store],
        *,
        waits: bool,
        tell: Callable[[Collection[str]], None],
    ) -> None:
        self._path = path
        self._open = open_store
        self._tell = tell
        self._call_soon = call_soon()
        self._others_first = others_first()
        self._wakeups = wakeups()
        self._store: Store | None = None
        self._staged: list[Call[Any]] = []
        self._under_way = 0  # in the thread: as long as there is any, the connection is the thread's
        self._thread_until = float("inf") if waits else 0.0
        self._closing: Call[Any] | None = None
        self._queue: queue.SimpleQueue[Call[Any]] = queue.SimpleQueue()
        # A daemon: who forgets to close a journal can still leave.
        self._thread = threading.Thread(target=self._run, name="unbroken journal writer", daemon=True)

    # -- in the event loop

    async def open(self) -> None:
        """Open the file. `close` has to follow, whether this raises or not."""
        self._thread.start()
        self._store = await self._in_thread(Call(lambda _: self._open()))

    async def close(self) -> None:
        """Write what was asked for before, and close the file."""
        staged, self._staged = self._staged, []
        self._hand_over(staged)
        self._closing = Call(_nothing)
        await self._in_thread(self._closing)

    async def do(self, call: Call[T], *, quick: bool = True) -> T:
        """Have something written, and return what comes of it; `quick`: it takes no longer than some appends."""
        if not quick:
            return await self._in_thread(call)
        if self._closing is not None:
            raise JournalError(f"the journal {self._path} is closed")
        call.until = time.monotonic() + PATIENCE
        self._staged.append(call)
        if len(self._staged) == 1 and not self._under_way:
            try:
                await self._others_first()  # they may have something to write, too
            except BaseException:
                call.abandoned = True
                raise
            finally:
                self._commit()
        return await call.wait(self._wakeups)

    def do_soon(self, call: Call[Any]) -> None:
        """Have something written that nobody waits for."""
        call.until = time.monotonic() + PATIENCE
        self._hand_over([call])

    async def _in_thread(self, call: Call[T]) -> T:
        if self._closing not in (None, call):
            raise JournalError(f"the journal {self._path} is closed")
        self.do_soon(call)
        return await call.wait(self._wakeups)

    def _hand_over(self, calls: Sequence[Call[Any]]) -> None:
        for call in calls:
            self._under_way += 1
            self._queue.put(call)

    def _commit(self) -> None:
        if self._under_way or not self._staged:
            return  # they go together with what comes until that has ended
        calls, self._staged = self._staged, []
        store, begin = self._store, time.monotonic()
        if store is None or begin < self._thread_until:
            self._hand_over(calls)
            return
        left = store.commit([call for call in calls if not call.abandoned])
        if time.monotonic() - begin > _SLOW:
            self._thread_until = begin + _A_WHILE
        self._end([call for call in calls if call not in left] if left else calls, store.news())
        self._hand_over(left)

    def _ended_in_thread(self, calls: Sequence[Call[Any]], news: Collection[str]) -> None:
        self._under_way -= len(calls)
        self._end(calls, news)
        if self._staged:
            self._commit()

    def _end(self, calls: Sequence[Call[Any]], news: Collection[str]) -> None:
        for call in calls:
            call.end()
            if call.abandoned and isinstance(call.result, Lease):
                # Whoever asked for it was cancelled, and will not write what it has got.
                self.do_soon(Call(partial(_release, call.result)))
        if news:
            self._tell(news)

    # -- in the thread

    def _run(self) -> None:
        opening = self._queue.get()
        store: Store | None = None
        try:
            opening.result = store = opening.run(None)
        except Exception as error:
            opening.error = error
        self._call_soon(partial(self._ended_in_thread, [opening], ()))
        while True:
            calls = [self._queue.get()]
            while not self._queue.empty():
                calls.append(self._queue.get())
            if store is not None:
                self._write(store, [call for call in calls if call is not self._closing])
            if calls[-1] is self._closing:
                break
        if store is not None:
            with contextlib.suppress(sqlite3.Error):
                store.close()
        self._call_soon(partial(self._ended_in_thread, [self._closing], ()))

    def _write(self, store: Store, calls: Sequence[Call[Any]]) -> None:
        pause, longest = _PAUSES
        while calls:
            left = store.commit([call for call in calls if not call.abandoned])
            now = time.monotonic()
            late = [call for call in left if call.until <= now]
            for call in late:
                call.error = JournalUnavailable(f"the journal {self._path} is locked by another process")
            ended = [call for call in calls if call not in left or call in late]
            if ended:
                self._call_soon(partial(self._ended_in_thread, ended, store.news()))
            calls = [call for call in calls if call not in ended]
            if calls:
                time.sleep(pause)
                pause = min(2 * pause, longest)


def _nothing(_: object) -> None:
    """What closing a file has to write."""


def _release(lease: Lease, store: Store) -> None:
    store.release(lease)
