"""Appends of all streams of a process, of which those share a round trip that are asked for while one is under way.

There is no timer: the first one goes at once, alone; whatever comes before its answer goes together with the next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from ...concurrency.detached import Step, Wakeup, detach, wakeups
from ..errors import JournalError, JournalUnavailable
from ..protocol import Ended, Lease

__all__ = ["Commit", "Commits"]

#: So long is one script at work, at most: a few milliseconds of the server's, for which all its clients wait.
MOST_ENTRIES: Final = 2000
MOST_BYTES: Final = 2**20


class Commit:
    """One append, and what came of it."""

    __slots__ = ("again", "code", "done", "end", "entries", "error", "lease", "size")

    def __init__(self, lease: Lease, entries: Sequence[bytes], end: Ended | None, again: bool, done: Wakeup) -> None:
        self.lease = lease
        self.entries = entries
        self.end = end
        self.again = again
        self.done = done
        self.size = sum(map(len, entries))
        self.code: int | None = None
        self.error: Exception | None = None

    def arguments(self) -> tuple[bytes | str | int, ...]:
        lease = self.lease
        again = int(self.again)
        return lease.stream_id, lease.fence, lease.head, again, self.end or "", len(self.entries), *self.entries


class Commits:
    """The appends of one process.

    Args:
        send: Runs a script, by its name, with these arguments.
        limits: What `append.lua` has before the streams.
    """

    def __init__(self, send: Callable[..., Awaitable[Any]], limits: tuple[int, int, int]) -> None:
        self._send = send
        self._limits = limits
        self._wakeup = wakeups()
        self._staged: deque[Commit] = deque()
        self._idle: Wakeup | None = None
        self._closed = False
        self._step: Step = detach(self._run)

    async def append(self, lease: Lease, entries: Sequence[bytes], end: Ended | None, again: bool) -> int:
        """Send it, with others; returns the script's code for it.

        Raises:
            JournalError: As sending raises it.
        """
        if self._closed:
            raise JournalError("the journal is closed")
        commit = Commit(lease, entries, end, again, self._wakeup())
        self._staged.append(commit)
        if self._idle is not None:
            self._idle.set()
            self._idle = None
        try:
            await commit.done.wait()
        except BaseException:
            with suppress(ValueError):  # it is not sent any more, unless it is under way
                self._staged.remove(commit)
            raise
        if commit.code is None:
            error = commit.error or JournalUnavailable("the journal was closed meanwhile")
            # Each of those who wait has its own: one that many raise would have the tracebacks of all.
            raise type(error)(*error.args) from error.__cause__
        return commit.code

    async def close(self) -> None:
        """What is under way may be done or not. Call it under a shield."""
        self._closed = True
        await self._step.cancel()

    # -- inside

    async def _run(self) -> None:
        lot: list[Commit] = []
        try:
            while True:
                if not self._staged:
                    self._idle = self._wakeup()
                    await self._idle.wait()
                    continue
                lot = self._next_lot()
                # An append is refused where `maxmemory` is reached, an end is not: they are two scripts.
                await self._commit("append", [each for each in lot if each.end is None])
                await self._commit("end", [each for each in lot if each.end is not None])
        finally:
            for each in (*lot, *self._staged):
                each.done.set()

    def _next_lot(self) -> list[Commit]:
        lot: list[Commit] = []
        entries = size = 0
        while self._staged and (not lot or (entries < MOST_ENTRIES and size < MOST_BYTES)):
            commit = self._staged.popleft()
            entries += len(commit.entries)
            size += commit.size
            lot.append(commit)
        return lot

    async def _commit(self, script: str, lot: list[Commit]) -> None:
        if not lot:
            return
        arguments: list[bytes | str | int] = [*self._limits]
        for each in lot:
            arguments += each.arguments()
        try:
            codes: list[int] = await self._send(script, *arguments)
            for each, each.code in zip(lot, codes, strict=True):
                pass
        except Exception as error:
            for each in lot:
                each.error = error
        for each in lot:
            each.done.set()
