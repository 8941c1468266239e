"""Processes of the demo's own: how they are started, told what to do, heard, killed and cleared away."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any, Final

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from ..problems import Problem

__all__ = ["JOURNAL", "STREAM_ID", "Child", "Order", "can_kill", "children"]

#: The journal's file, and the id of the stream in it, which processes share.
JOURNAL: Final = "answers.db"
STREAM_ID: Final = "demo"


#: What a process runs (`process.py`).
_WORK: Final = "unbroken.cli.demo.process"
#: The most that a process says at a time, in bytes: a piece of an answer, or a sentence.
_LONGEST: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a process is to do.

    Attributes:
        url: Where `unbroken` asks.
        url_alone: Where the SDK alone asks; None: neither asks here, and what another process leaves behind is gone on
            with.
        model: The model to ask.
        truth: The answer that the model wants to write.
        fallbacks: Where `unbroken` may go when it does not answer.
        directory: Where the journal is.
    """

    url: str
    url_alone: str | None
    model: str
    truth: str
    fallbacks: tuple[str, ...]
    directory: str


class Child:
    """A process that streams as it is told.

    Args:
        process: Just started.
    """

    def __init__(self, process: Process) -> None:
        assert process.stdout is not None
        self._process = process
        self._lines = BufferedByteReceiveStream(process.stdout)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    async def ready(self) -> None:
        """Return when it has loaded what it needs. Raises `Problem` where it has died of that."""
        if await self.heard() is None:
            raise Problem("a process that was started for the demo has died before it could begin")

    async def tell(self, order: Order) -> None:
        """Have it begin; once."""
        assert self._process.stdin is not None
        # Who is dead is found out by who listens.
        with suppress(anyio.BrokenResourceError):
            await self._process.stdin.send(json.dumps(asdict(order)).encode() + b"\n")

    async def heard(self) -> dict[str, Any] | None:
        """The next thing that it says; None: it is dead, and everything that it had said was heard."""
        while True:
            try:
                line = await self._lines.receive_until(b"\n", _LONGEST)
            except (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError):
                return None
            # What else is printed in a process, by what its environment loads into it, is passed over.
            with suppress(ValueError):
                if isinstance(said := json.loads(line), dict):
                    return said

    def kill(self) -> None:
        """Kill it with -9: it gets no chance to do anything about it."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)

    async def end(self) -> None:
        """Kill it, and return when there is nothing left of it."""
        self.kill()
        await self._process.aclose()


def can_kill() -> bool:
    """Whether this system has the signal."""
    return hasattr(signal, "SIGKILL")


@asynccontextmanager
async def children(number: int) -> AsyncIterator[list[Child]]:
    """So many processes, which load what they need while others perform; none of them is left behind.

    Raises:
        Problem: One cannot be started.
    """
    started: list[Child] = []
    try:
        while len(started) < number:
            started.append(await _start())
        yield started
    finally:
        with anyio.CancelScope(shield=True):
            for child in started:
                await child.end()


async def _start() -> Child:
    try:
        # Ctrl-C is for the demo alone, which clears its processes away: so they are in a session of their own.
        process = await anyio.open_process(
            [sys.executable, "-m", _WORK], stdin=subprocess.PIPE, stderr=None, start_new_session=True
        )
    except OSError as error:
        raise Problem(f"the demo cannot start a process: {error.strerror}") from None
    return Child(process)
