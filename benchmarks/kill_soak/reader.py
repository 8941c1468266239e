"""A process that reads every stream from its beginning to its end, goes away now and then, and comes back."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass
from multiprocessing.connection import Connection
from random import Random
from typing import Any, Final, cast

from benchmarks.children import obey
from benchmarks.kill_soak.opened import Opened
from benchmarks.kill_soak.plan import PASSING, Plan, stream_id
from benchmarks.kill_soak.seen import Seen
from benchmarks.lags import Lags
from unbroken import StreamFailed, StreamMissing, attach

__all__ = ["Progress", "Read", "read"]

#: Seconds until a stream is asked for again that is not there yet, or has failed for now.
_AGAIN: Final = 0.2
#: The longest that a reader stays away, in seconds.
_AWAY: Final = 3.0


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a reader stands.

    Attributes:
        open: How many streams it reads.
        ended: How many it has read to their end.
        characters: How many it has had.
    """

    open: int
    ended: int
    characters: int


@dataclass(frozen=True, slots=True)
class Read:
    """What a reader has at the end.

    Attributes:
        seen: Each stream, as it had it.
        silence: For how long it waited for each text, in seconds.
        left: What it still held when its journal was closed, by name.
    """

    seen: list[Seen]
    silence: Lags
    left: dict[str, int]


class Reader:
    """Reads the streams of a plan. The arguments are the plan, its own number, and its journal."""

    def __init__(self, plan: Plan, number: int, opened: Opened) -> None:
        self._plan = plan
        self._opened = opened
        # One has every event as it came, and one, text alone, behind a snapshot of what is there.
        self._takes_events = number % 2 == 0
        self._rng = Random(f"{plan.seed} reader {number}")
        self._seen = [Seen(n, f"reader {number}") for n in range(plan.streams)]
        self._reading: dict[int, asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._characters = 0
        self._silence = Lags()

    async def start(self, began: float) -> None:
        """Read each stream from when it is due; `began` is when the soak did, in monotonic seconds."""
        self._tasks = [asyncio.create_task(self._follow(seen, began)) for seen in self._seen]

    async def disconnect(self) -> int:
        """Leave some streams, and come back to each at its position; how many."""
        chosen = [task for task in self._reading.values() if self._rng.random() < 0.5]
        for task in chosen:
            task.cancel()
        return len(chosen)

    async def progress(self) -> Progress:
        """Where it stands."""
        for task in self._tasks:
            if task.done():
                task.result()  # an error of ours is to be seen
        ended = sum(seen.ended is not None for seen in self._seen)
        return Progress(len(self._reading), ended, self._characters)

    async def finish(self) -> Read:
        """Leave, and see what is left."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        return Read(self._seen, self._silence, await self._opened.close())

    async def _follow(self, seen: Seen, began: float) -> None:
        await asyncio.sleep(began + self._plan.due(seen.number) - time.monotonic())
        while seen.ended is None:
            task = self._reading[seen.number] = asyncio.create_task(self._read(seen))
            try:
                await asyncio.wait({task})
            finally:
                del self._reading[seen.number]
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            if task.cancelled():
                seen.returns += 1
                await asyncio.sleep(self._rng.uniform(0, _AWAY))
            elif seen.ended is None:
                await asyncio.sleep(_AGAIN)

    async def _read(self, seen: Seen) -> None:
        if seen.position == "0":
            seen.forget()  # a snapshot that was left in its middle has no place to come back to
        try:
            await (self._read_events(seen) if self._takes_events else self._read_text(seen))
            seen.ended = "complete"
        except StreamMissing:
            return
        except StreamFailed as error:
            if error.diagnosis.code in PASSING:
                seen.passing[str(error)] += 1
            else:
                seen.ended = f"{type(error).__name__}, {error.diagnosis.code}"
        except Exception as error:
            seen.ended = f"{type(error).__name__}: {error}"

    async def _read_events(self, seen: Seen) -> None:
        entries = cast("Any", attach(self._opened.journal, stream_id(seen.number), after=seen.position).entries)
        last = time.monotonic()
        async with aclosing(entries):
            async for position, event in entries:
                before = len(seen.pieces)
                seen.take(position, event)
                if len(seen.pieces) > before:
                    last = self._heard(seen, last)

    async def _read_text(self, seen: Seen) -> None:
        after = None if seen.position == "0" else seen.position
        last = time.monotonic()
        async with attach(self._opened.journal, stream_id(seen.number), after=after) as stream:
            async for text in stream.text_stream:
                seen.pieces.append(text)
                seen.position = stream.position or "0"
                last = self._heard(seen, last)

    def _heard(self, seen: Seen, last: float) -> float:
        now = time.monotonic()
        self._silence.add(now - last)
        self._characters += len(seen.pieces[-1])
        return now


async def read(pipe: Connection, plan: Plan, number: int, address: str) -> None:
    """A process that reads: `start` it, have it `disconnect`, ask for its `progress`, and `finish` it."""
    opened = Opened(address)
    await opened.open()
    reader = Reader(plan, number, opened)
    await obey(
        pipe,
        {
            "start": reader.start,
            "disconnect": reader.disconnect,
            "progress": reader.progress,
            "finish": reader.finish,
        },
    )
