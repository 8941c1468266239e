"""Places for processes that are killed: where one dies, another comes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.children import Child

__all__ = ["Died", "Place"]


class Died(Exception):
    """The process died before it had answered."""


class Place:
    """A place for one process at a time.

    Args:
        name: For messages.
        make: Begins a process.

    Attributes:
        name: As given.
        numbers: The streams that whoever stands here has to see to.
        pids: Of all who have stood here.
        strange: How often one has died that nobody had killed.
    """

    def __init__(self, name: str, make: Callable[[], Child]) -> None:
        self.name = name
        self.numbers: set[int] = set()
        self.pids: list[int] = []
        self.strange: int = 0
        self._make = make
        self._turn = asyncio.Lock()
        self._asked: set[asyncio.Task[Any]] = set()
        self._killed = False
        self._left = False
        self._child = self._begin()

    def _begin(self) -> Child:
        child = self._make()
        self.pids.append(child.pid)
        return child

    @property
    def alive(self) -> int:
        """How many of those who have stood here are there still."""
        return sum(Path(f"/proc/{pid}").exists() for pid in self.pids)

    @property
    def is_busy(self) -> bool:
        """Whether it is asked for something just now."""
        return self._turn.locked()

    async def ask(self, command: str, *arguments: Any, patience: float | None = None) -> Any:
        """What a command gives.

        Args:
            command: The command.
            arguments: Its arguments.
            patience: For how long it is waited for, in seconds; what comes later is nobody's. None: while it lives.

        Raises:
            Died: The process died before it had answered.
            TimeoutError: It has not answered by then.
        """
        asking = asyncio.create_task(self._in_turn(command, *arguments))
        self._asked.add(asking)
        asking.add_done_callback(self._answered)
        return await asyncio.wait_for(asyncio.shield(asking), patience)

    def _answered(self, asking: asyncio.Task[Any]) -> None:
        self._asked.discard(asking)
        if not asking.cancelled():
            asking.exception()  # who has asked has it, if anybody waits still

    async def _in_turn(self, command: str, *arguments: Any) -> Any:
        async with self._turn:
            return await self._ask(command, *arguments)

    async def _ask(self, command: str, *arguments: Any) -> Any:
        try:
            return await asyncio.to_thread(self._child.ask, command, *arguments)
        except RuntimeError as error:
            raise Died(f"{self.name} died when it was asked for: {command}") from error

    async def kill(self) -> None:
        """Kill -9, and another comes."""
        self._killed = True
        self._child.send(signal.SIGKILL)
        await self.replace()

    async def pause(self, seconds: float) -> None:
        """Let it stand still, without knowing; if it is killed meanwhile, that is that."""
        child = self._child
        child.send(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            child.send(signal.SIGCONT)

    async def leave(self, *, replaced: bool = True) -> dict[str, int]:
        """Let it leave in good order, and another come; what it still held, by name.

        Raises:
            Died: It was killed meanwhile.
        """
        async with self._turn:
            left: dict[str, int] = await self._ask("leave")
            self._killed = True
            await self._put_away()
            if replaced:
                await self._fill()
            else:
                self._left = True
        return left

    async def replace(self) -> None:
        """Put away who is dead, and let another come who sees to the same."""
        async with self._turn:
            if self._left or (self._child.is_alive and not self._killed):
                return
            self.strange += not self._killed
            await self._put_away()
            await self._fill()

    async def _put_away(self) -> None:
        with suppress(ValueError):  # it was put away before
            await asyncio.to_thread(self._child.__exit__)

    async def _fill(self) -> None:
        self._killed = False
        self._child = self._begin()
        if self.numbers:
            # If it dies of that, too, the next one is told.
            with suppress(Died):
                await self._ask("write", sorted(self.numbers))

    async def tend(self) -> None:
        """Let another come where one has died by itself."""
        if not self.is_busy and not self._left and not self._child.is_alive:
            await self.replace()

    async def close(self) -> None:
        """Nobody stands here any more."""
        self._left = True
        self._child.send(signal.SIGKILL)
        async with self._turn:
            await self._put_away()
