"""Waiting for news of any number of streams, on one connection: one `XREAD BLOCK` for all of them.

The reply only says that there is something, for entries are read elsewhere. What is no entry (an end without one, a
cancel, a release, a deletion) rings the bell: a stream of ids, which is waited for with the others.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import anyio

from ...concurrency.detached import Step, Wakeup, detach, wakeups
from ..errors import JournalError, JournalUnavailable
from .link import Link

__all__ = ["Tail"]

#: Seconds after which a blocked command is begun anew: as long as a server that hangs may go unnoticed.
_LONGEST: Final = 5.0
#: Entries of each stream at a time. Readers have read what there was, so that more is seldom there, but for the bell.
_COUNT: Final = 100
#: How long who interrupts stands back while the server has not yet read what it is to give up, in seconds.
_AGAIN: Final = 0.002
#: So many streams are asked for at a time.
_STEP: Final = 1000
#: Of so many streams it is kept how far they were when they were read.
_SEEN: Final = 10_000
#: For so long, in seconds: a key that is evicted or flushed wakes nobody, and has to be missed by somebody who asks.
_SURE: Final = 5.0

#: Fence and number of an entry.
Position = tuple[int, int]


class _Waiter:
    __slots__ = ("after", "error", "news", "positions", "until", "woken")

    def __init__(self, after: Mapping[str, int], until: float, woken: Wakeup) -> None:
        self.after = after
        self.until = until
        self.woken = woken
        #: From where its streams are waited for; None: that is still being found out.
        self.positions: Mapping[str, Position] | None = None
        self.news: Collection[str] = ()
        self.error: JournalError | None = None


class Tail:
    """Where a process waits for news.

    Args:
        base: What the names of all keys begin with.
        blocking: A connection for this alone.
        commands: The connection for all else.
        common: The arguments that all scripts begin with.
        bell: The last that the bell has rung for.
    """

    def __init__(
        self, base: str, blocking: Link, commands: Link, common: tuple[bytes | str | int, ...], bell: str
    ) -> None:
        self._base = base
        self._blocking = blocking
        self._commands = commands
        self._common = common
        self._bell = bell
        self._wakeup = wakeups()
        self._waiters: set[_Waiter] = set()
        self._seen: dict[str, Position] = {}
        self._sure_since = anyio.current_time()
        self._blocked: dict[str, Position] | None = None
        self._idle: Wakeup | None = None
        self._step: Step | None = None

    def saw(self, stream_id: str, position: Position | None) -> None:
        """A stream was read: where its last entry is. None: it is not there."""
        self._seen.pop(stream_id, None)
        if position is not None:
            if len(self._seen) >= _SEEN:
                del self._seen[next(iter(self._seen))]
            self._seen[stream_id] = position

    async def wait(self, after: Mapping[str, int], seconds: float) -> Collection[str]:
        """Wait until one of these may have something behind the number that is named, or `seconds` are over.

        Returns:
            The ids of those that may have; empty where time is up.

        Raises:
            JournalUnavailable: There is no connection, and none can be made.
        """
        if self._step is None:
            self._step = detach(self._run)
        waiter = _Waiter(after, anyio.current_time() + seconds, self._wakeup())
        self._waiters.add(waiter)
        try:
            with anyio.move_on_after(seconds):
                positions, news = await self._positions(after)
                if news or waiter.news:
                    return news or waiter.news
                waiter.positions = positions
                if self._idle is not None:
                    self._idle.set()
                    self._idle = None
                await self._interrupt(waiter)
                await waiter.woken.wait()
        finally:
            self._waiters.discard(waiter)
        if not waiter.news and anyio.current_time() - self._sure_since >= _SURE:
            self._seen.clear()
            self._sure_since = anyio.current_time()
        if waiter.error is not None:
            raise type(waiter.error)(*waiter.error.args) from waiter.error.__cause__
        return waiter.news

    async def close(self) -> None:
        """Nobody waits any more. Call it under a shield."""
        if self._step is not None:
            await self._step.cancel()

    # -- who waits

    async def _positions(self, after: Mapping[str, int]) -> tuple[dict[str, Position], list[str]]:
        """From where they are waited for; and those that are elsewhere already, or not there."""
        positions: dict[str, Position] = {}
        unknown = []
        for name, head in after.items():
            seen = self._seen.get(name)
            if seen is not None and seen[1] == head:
                positions[name] = seen
            else:
                unknown.append(name)
        news = []
        for start in range(0, len(unknown), _STEP):
            names = unknown[start : start + _STEP]
            heads = await self._commands.run("heads", *self._common, *names)
            for name, fence, head in zip(names, heads[::2], heads[1::2], strict=True):
                if fence and head == after[name]:
                    positions[name] = (fence, head)
                    self.saw(name, (fence, head))
                else:
                    news.append(name)
        return positions, news

    async def _interrupt(self, waiter: _Waiter) -> None:
        """Have the command that is under way given up, unless it waits for the same."""
        blocked = self._blocked
        if blocked is None or waiter.positions is None or waiter.positions.items() <= blocked.items():
            return
        connection = await self._blocking.connection()
        while self._blocked is blocked and waiter in self._waiters:
            try:
                given_up = await self._commands.ask(b"CLIENT UNBLOCK", connection.client_id or 0)
            except JournalUnavailable:
                return  # the command ends by itself; what waits meanwhile may wait longer, and reads
            except JournalError:  # this user may not do that
                self._blocking.drop(connection)
                return
            if not given_up:
                await anyio.sleep(_AGAIN)

    # -- one for all

    async def _run(self) -> None:
        while True:
            if all(waiter.positions is None for waiter in self._waiters):
                self._idle = self._wakeup()
                await self._idle.wait()
                continue
            try:
                await self._blocking.connection()
            except JournalError as error:
                for waiter in self._waiters:
                    waiter.error = error
                self._wake_all()
                continue
            try:
                await self._block()
            except JournalError:
                # Whoever waits reads, and finds out what it was. Who waits next has a new connection, or hears that
                # there is none. The server may be another by then, and know less.
                self._wake_all()

    async def _block(self) -> None:
        positions: dict[str, Position] = {}
        until = 0.0
        for waiter in self._waiters:
            if waiter.positions is not None:
                until = max(until, waiter.until)
                for name, position in waiter.positions.items():
                    positions[name] = min(position, positions.get(name, position))
        seconds = min(max(until - anyio.current_time(), 0.001), _LONGEST)
        self._blocked = positions
        try:
            reply = await self._blocking.ask(
                b"XREAD",
                *(b"COUNT", _COUNT, b"BLOCK", math.ceil(seconds * 1000), b"STREAMS"),
                *(f"{self._base}:l:{name}" for name in positions),
                f"{self._base}:bell",
                *(f"{fence}-{head}" for fence, head in positions.values()),
                self._bell,
                timeout=seconds + self._blocking.timeout,
            )
        finally:
            self._blocked = None
        if reply:
            self._tell(reply.items())

    def _tell(self, news: Iterable[tuple[bytes, list[Any]]]) -> None:
        logs = f"{self._base}:l:"
        names: set[str] = set()
        for key, entries in news:
            name = key.decode()
            if name.startswith(logs):
                names.add(name[len(logs) :])
            else:
                self._bell = entries[-1][0].decode()
                names.update(fields[1].decode() for _, fields in entries)
        for name in names:
            self._seen.pop(name, None)
        for waiter in list(self._waiters):
            if found := [name for name in waiter.after if name in names]:
                self._wake(waiter, found)

    def _wake_all(self) -> None:
        """Any of them may have something new, for all that is known here."""
        self._seen.clear()
        for waiter in list(self._waiters):
            self._wake(waiter, list(waiter.after))

    def _wake(self, waiter: _Waiter, news: Collection[str]) -> None:
        waiter.news = news
        self._waiters.discard(waiter)
        waiter.woken.set()
