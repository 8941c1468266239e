"""The process that streams is killed with -9: of the SDK's answer there is half, and `unbroken`'s another goes on with.

There are two processes. The first streams both: what comes of the SDK's answer it hands on, and the other one it writes
into a journal, which the second has open as well. On the side of `unbroken` is what a reader of the journal sees, who
notices nothing but a pause.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import anyio

from ...api.attach import attach
from ...journal import Journal, SQLiteJournal
from ...testing import FaultServer
from ..problems import Problem
from .children import JOURNAL, STREAM_ID, Child, Order
from .play import Performance
from .sides import to_its_end, tone_of

__all__ = ["PROCESSES", "perform_killed"]

#: How many it takes.
PROCESSES: Final = 2


async def perform_killed(performance: Performance, cast: Sequence[Child], model: str, fallbacks: Sequence[str]) -> None:
    """Perform an act in which a process is killed; behind it they are all dead, and their journal is deleted.

    Args:
        performance: The act.
        cast: The processes, `PROCESSES` of them.
        model: The model to ask.
        fallbacks: Where `unbroken` may go when it does not answer.

    Raises:
        Problem: A process has died by itself.
        JournalError: There can be no journal in the directory for temporary files.
    """
    for child in cast:
        await child.ready()
    script = performance.act.script
    with tempfile.TemporaryDirectory(prefix="unbroken-demo-", ignore_cleanup_errors=True) as directory:
        async with (
            FaultServer(script) as left,
            FaultServer(script) as right,
            SQLiteJournal(Path(directory, JOURNAL)) as journal,
        ):
            order = Order(
                url=right.url,
                url_alone=left.url,
                model=model,
                truth=performance.act.truth,
                fallbacks=tuple(fallbacks),
                directory=directory,
            )
            try:
                await _Killed(performance, journal, *cast).perform(order)
            finally:
                # While there are processes, there may be requests, and new files in the directory.
                with anyio.CancelScope(shield=True):
                    for child in cast:
                        await child.end()


class _Killed:
    """An act in which a process is killed.

    Args:
        performance: The act.
        journal: As its reader has it.
        first: The process that streams.
        second: The one that goes on.
    """

    def __init__(self, performance: Performance, journal: Journal, first: Child, second: Child) -> None:
        self._alone, self._ours = performance.sides
        self._at = performance.act.killed_at or 0
        self._journal = journal
        self._first = first
        self._second = second
        self._is_killed = False
        self._second_stands_by = anyio.Event()
        self._first_has_asked = anyio.Event()
        self._alone_is_over = anyio.Event()

    async def perform(self, order: Order) -> None:
        """Have the second process stand by and the first one stream, and kill it."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._hear_second)
            await self._second.tell(replace(order, url_alone=None))
            await self._second_stands_by.wait()
            for side in (self._alone, self._ours):
                side.begin(order.model, self._first.pid)
            tasks.start_soon(self._hear_first)
            await self._first.tell(order)
            await self._first_has_asked.wait()
            if not self._ours.ending:
                await to_its_end(self._ours, self._read)
            self._look()
            await self._alone_is_over.wait()
            tasks.cancel_scope.cancel()

    async def _hear_second(self) -> None:
        """Tell what happens in the process that goes on; it has to live as long as it is heard."""
        while (said := await self._second.heard()) is not None:
            if "raised" in said:
                raise Problem(f"a process of the demo has raised {said['raised']}")
            self._second_stands_by.set()
            self._note(said)
        raise _died()

    async def _hear_first(self) -> None:
        """Show what comes of the SDK's answer, until the process is dead."""
        while (said := await self._first.heard()) is not None:
            if "text" in said:
                self._alone.take(said["text"])
            elif "alone" in said:
                self._alone.end(said["alone"], whole=said["whole"])
                self._alone_is_over.set()
            elif "raised" in said and not self._first_has_asked.is_set():
                self._ours.end(f"raised {said['raised']}")
                self._first_has_asked.set()
            elif "at_work" in said:
                self._first_has_asked.set()
            self._note(said)
            self._look()
        if not self._is_killed:
            raise _died()
        if not self._alone.ending:
            self._alone.end("gone with its process")
            self._alone_is_over.set()

    def _note(self, said: Mapping[str, Any]) -> None:
        if "notice" in said:
            self._ours.happen(said["notice"], tone_of(said["code"]))

    def _look(self) -> None:
        """Kill the first process, if enough is shown of what it streams."""
        going_on = [side for side in (self._alone, self._ours) if not side.ending]
        if self._is_killed or not going_on or any(len(side.text) < self._at for side in going_on):
            return
        self._is_killed = True
        self._first.kill()
        for side in going_on:
            side.happen(f"kill -9 {self._first.pid}", "cut")

    async def _read(self) -> None:
        """Read the stream from its first event to its end, whoever writes it."""
        side, before = self._ours, None
        async with attach(self._journal, STREAM_ID, after="0") as stream:
            async for piece in stream.text_stream:
                side.report = stream.report
                # A position begins with a number that is one higher for each who writes.
                by = (stream.position or "").partition("-")[0]
                if before not in (None, by):
                    side.go_on(self._second.pid)
                before = by
                side.take(piece)
                self._look()
            await stream.get_final_message()
            side.report = stream.report


def _died() -> Problem:
    return Problem("a process of the demo has died, and it was not the demo that killed it")
