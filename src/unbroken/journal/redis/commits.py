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
from .claims import proof_of

__all__ = ["Commit", "Commits"]

#: So long is one script at work, at most: a few milliseconds of the server's, for which all its clients wait.
MOST_ARGUMENTS: Final = 4000
MOST_BYTES: Final = 2**20


class Commit:
    """One append, and what came of it."""

    __slots__ = ("arguments", "code", "done", "end", "error", "size")

    def __init__(self, lease: Lease, entries: Sequence[bytes], end: Ended | None, done: Wakeup) -> None:
        self.end = end
        self.done: Wakeup = done
        self.size: int = sum(map(len, entries))
        #: What `append.lua` has for a stream.
        self.arguments: tuple[bytes | str | int, ...] = (
            *proof_of(lease),
            end or "",
            len(entries),
            *entries,
        )
        self.code: int | None = None
        self.error: Exception | None = None


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

    async def append(self, lease: Lease, entries: Sequence[bytes], end: Ended | None) -> int:
        """Send it, with others; returns the script's code for it.

        Args:
            lease: Whose writer this is.
            entries: The data of each.
            end: How the stream has ended; None: it has not.

        Raises:
            JournalError: As sending raises it.
        """
        if self._closed:
            raise JournalError("the journal is closed")
        commit = Commit(lease, entries, end, self._wakeup())
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
        arguments = size = 0
        while self._staged and (not lot or (arguments < MOST_ARGUMENTS and size < MOST_BYTES)):
            commit = self._staged.popleft()
            arguments += len(commit.arguments)
            size += commit.size
            lot.append(commit)
        return lot

    async def _commit(self, script: str, lot: list[Commit]) -> None:
        if not lot:
            return
        arguments: list[bytes | str | int] = [*self._limits]
        for each in lot:
            arguments += each.arguments
        try:
            codes: list[int] = await self._send(script, *arguments)
            for each, code in zip(lot, codes, strict=True):
                each.code = code
        except Exception as error:
            for each in lot:
                each.error = error
        for each in lot:
            each.done.set()
