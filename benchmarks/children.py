"""Processes of one's own, and what is said to them: a command by its name, with arguments; it gives something back."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractContextManager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Final

import uvloop

__all__ = ["LOOPS", "Child", "Commands", "forked", "obey"]

Commands = Mapping[str, Callable[..., Awaitable[Any]]]
#: What a process runs: it is given its end of the pipe, and its arguments.
Work = Callable[..., Coroutine[Any, Any, None]]

#: The event loops that a process can have: Python's own, and the fast one.
LOOPS: Final[Mapping[str, Callable[[Coroutine[Any, Any, None]], None]]] = {"asyncio": asyncio.run, "uvloop": uvloop.run}

_PROCESSES: Final = get_context("spawn")
_FORKS: Final = get_context("forkserver")
#: How long a process may take to answer, and to end, in seconds.
PATIENCE: Final = 60.0


def forked(*modules: str) -> None:
    """From now on, have these modules loaded in every process that is begun with `fork=True`."""
    _FORKS.set_forkserver_preload([*modules])


class Child(AbstractContextManager["Child"]):
    """A process that runs `work` on an event loop, until the `with` block ends.

    Args:
        work: A function of a module, called with a pipe and the arguments.
        arguments: Whatever can be pickled.
        loop: One of `LOOPS`.
        fork: Whether it is forked from a process that has loaded what `forked` was told: it then begins in
            milliseconds, where to load the SDK takes a second.
    """

    def __init__(self, work: Work, *arguments: Any, loop: str = "asyncio", fork: bool = False) -> None:
        context = _FORKS if fork else _PROCESSES
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(theirs, work, arguments, loop), daemon=True)
        self._process.start()
        theirs.close()
        self.pid: int = self._process.pid or 0

    @property
    def is_alive(self) -> bool:
        """Whether the process runs, or stands still."""
        return self._process.is_alive()

    def send(self, sign: signal.Signals) -> None:
        """Send the process a signal, if it is alive."""
        with suppress(ProcessLookupError, ValueError):  # it is dead, or was put away
            if self._process.is_alive():
                os.kill(self.pid, sign)

    def ask(self, command: str, *arguments: Any) -> Any:
        """What a command gives.

        Raises:
            RuntimeError: The process has died, or says nothing.
        """
        try:
            self._pipe.send((command, arguments))
            if not self._pipe.poll(PATIENCE):
                raise RuntimeError(f"a process has said nothing for {PATIENCE:g} s when it was asked for: {command}")
            return self._pipe.recv()
        except (EOFError, OSError) as error:
            raise RuntimeError(f"a process died when it was asked for: {command}") from error

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join(PATIENCE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()


def _run(pipe: Connection, work: Work, arguments: tuple[Any, ...], loop: str) -> None:
    LOOPS[loop](work(pipe, *arguments))


async def obey(pipe: Connection, commands: Commands) -> None:
    """Do what is said, one command after another, until the pipe is closed."""
    loop = asyncio.get_running_loop()
    said: asyncio.Queue[tuple[str, tuple[Any, ...]] | None] = asyncio.Queue()

    def hear() -> None:
        try:
            said.put_nowait(pipe.recv())
        except (EOFError, OSError):
            said.put_nowait(None)
            loop.remove_reader(pipe.fileno())

    loop.add_reader(pipe.fileno(), hear)
    while (order := await said.get()) is not None:
        command, arguments = order
        pipe.send(await commands[command](*arguments))
