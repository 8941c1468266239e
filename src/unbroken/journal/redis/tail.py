"""Waiting for news of any number of streams, on one connection: one `XREAD BLOCK` for all of them.

The reply only says that there is something, for entries are read elsewhere. What is no entry (an end without one, a
cancel, a release, a deletion) rings the bell: a stream of ids, which is waited for with the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
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
#: Of so many streams it is known how far they are; who waits for more asks for them each time.
_KNOWN: Final = 10_000

#: Fence and number of an entry.
Position = tuple[int, int]


class _Waiter:
    __slots__ = ("error", "positions", "until", "woken")

    def __init__(self, positions: Mapping[str, Position], until: float, woken: Wakeup) -> None:
        self.positions = positions
        self.until = until
        self.woken = woken
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
        self._known: dict[str, Position] = {}
        self._blocked: dict[str, Position] | None = None
        self._idle: Wakeup | None = None
        self._step: Step | None = None

    def saw(self, stream_id: str, position: Position | None) -> None:
        """A stream was read: where its last entry is. None: it does not live."""
        if position is None:
            self._known.pop(stream_id, None)
            return
        if len(self._known) >= _KNOWN:
            self._known.clear()
        self._known[stream_id] = position

    async def wait(self, after: Mapping[str, int], seconds: float) -> None:
        """Wait until one of these may have something behind the number that is named, or `seconds` are over.

        Raises:
            JournalUnavailable: There is no connection, and none can be made.
        """
        if self._step is None:
            self._step = detach(self._run)
        until = anyio.current_time() + seconds
        with anyio.move_on_after(seconds):
            positions = await self._positions(after)
            if positions is None:
                return
            waiter = _Waiter(positions, until, self._wakeup())
            self._waiters.add(waiter)
            try:
                if self._idle is not None:
                    self._idle.set()
                    self._idle = None
                await self._interrupt(waiter)
                await waiter.woken.wait()
            finally:
                self._waiters.discard(waiter)
            if waiter.error is not None:
                raise type(waiter.error)(*waiter.error.args) from waiter.error.__cause__

    async def close(self) -> None:
        """Nobody waits any more. Call it under a shield."""
        if self._step is not None:
            await self._step.cancel()

    # -- who waits

    async def _positions(self, after: Mapping[str, int]) -> dict[str, Position] | None:
        """From where they are to be waited for. None: one is further already, has ended, or is not there."""
        unknown = [name for name, head in after.items() if self._known.get(name, (0, -1))[1] != head]
        for start in range(0, len(unknown), 1000):
            names = unknown[start : start + 1000]
            heads = await self._commands.run("heads", *self._common, *names)
            for name, fence, head in zip(names, heads[::2], heads[1::2], strict=True):
                if not fence or head != after[name]:
                    return None
                self.saw(name, (fence, head))
        positions = {name: self._known.get(name, (0, -1)) for name in after}
        # Somebody may have read on while the others were asked for.
        return positions if all(positions[name][1] == head for name, head in after.items()) else None

    async def _interrupt(self, waiter: _Waiter) -> None:
        """Have the command that is under way given up, unless it waits for the same."""
        blocked = self._blocked
        if blocked is None or waiter.positions.items() <= blocked.items():
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
            if not self._waiters:
                self._idle = self._wakeup()
                await self._idle.wait()
                continue
            try:
                await self._blocking.connection()
            except JournalError as error:
                self._known.clear()
                for waiter in self._waiters:
                    waiter.error = error
                self._wake(self._waiters)
                continue
            try:
                await self._block()
            except JournalError:
                # Whoever waits reads, and finds out what it was. Who waits next has a new connection, or hears that
                # there is none. The server may be another by then, and know less.
                self._known.clear()
                self._wake(self._waiters)

    async def _block(self) -> None:
        if not self._waiters:
            return
        positions: dict[str, Position] = {}
        for waiter in self._waiters:
            for name, position in waiter.positions.items():
                positions[name] = min(position, positions.get(name, position))
        seconds = max(waiter.until for waiter in self._waiters) - anyio.current_time()
        seconds = min(max(seconds, 0.001), _LONGEST)
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
            self._known.pop(name, None)
        self._wake({waiter for waiter in self._waiters if not names.isdisjoint(waiter.positions)})

    def _wake(self, waiters: Iterable[_Waiter]) -> None:
        for waiter in list(waiters):
            self._waiters.discard(waiter)
            waiter.woken.set()
