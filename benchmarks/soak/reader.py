"""The reader's side of the soak: a process that keeps its share of the streams open, and judges what they bring."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from multiprocessing.connection import Connection
from random import Random
from typing import Any

from anthropic import AsyncAnthropic

from benchmarks.children import obey
from benchmarks.lags import Lags
from benchmarks.soak.clients import STREAMS_PER_CLIENT, client_of
from benchmarks.soak.judge import Tally
from benchmarks.soak.leaks import Complaints, Held, Memory, held, kept_waiting
from benchmarks.soak.plan import ON_TIME, POLICY, SILENT_FOR, Plan
from benchmarks.soak.stories import MODELS, Soaked, question, soaked
from benchmarks.stamps import lags_of
from unbroken import Health, resilient_stream

__all__ = ["Leaks", "Progress", "read"]

_MAX_TOKENS = 8_192


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a reader stands.

    Attributes:
        open: How many streams it has open.
        done: Whether all have ended, and no new one begins.
        tally: What became of the others.
        loop_lag: How late its event loop came, in seconds.
        cpu: Seconds of CPU so far.
        kept_waiting: Seconds so far for which other processes had the core that it wanted.
    """

    open: int
    done: bool
    tally: Tally
    loop_lag: Lags
    cpu: float
    kept_waiting: float


@dataclass(frozen=True, slots=True)
class Leaks:
    """What a reader still held when all of its streams had ended and its clients were closed.

    Attributes:
        left: What there is more than before the first stream, by name.
        complaints: What Python complained of.
        per_stream: By how many bytes the process grew for each stream that ended; None if that was too short to say.
        of_one: How many bytes of memory one open stream takes.
        most: The most memory that the process had, in bytes.
    """

    left: dict[str, int]
    complaints: dict[str, int]
    per_stream: float | None
    of_one: float
    most: int


@dataclass(slots=True, eq=False)
class Open:
    """A stream that is open.

    Attributes:
        task: What reads it.
        silent: For how many seconds, in which the event loop came on time, it has brought nothing.
        hangs: Whether it was given up for that.
    """

    task: asyncio.Task[Any] | None
    silent: int = 0
    hangs: bool = False


@dataclass(slots=True)
class Reader:
    """Keeps streams open. The arguments are its plan, its number, and the servers' addresses."""

    plan: Plan
    number: int
    urls: Sequence[str]
    health: Health = field(default_factory=Health)
    tally: Tally = field(default_factory=Tally)
    loop_lag: Lags = field(default_factory=Lags)
    memory: Memory = field(default_factory=Memory)
    complaints: Complaints = field(default_factory=Complaints)
    open: set[Open] = field(default_factory=set)
    clients: list[AsyncAnthropic] = field(default_factory=list)
    before: Held | None = None
    running: asyncio.Task[None] | None = None
    began: float = 0.0
    _numbers: Iterator[int] = field(init=False)

    def __post_init__(self) -> None:
        self._numbers = count(self.number, self.plan.readers)

    async def start(self) -> None:
        """Begin."""
        self.complaints.listen()
        streams = self.plan.share(self.number, self.plan.streams)
        self.before, self.memory = held(), Memory()
        for n in range(max(len(self.urls), streams // STREAMS_PER_CLIENT)):
            self.clients.append(client_of(self.urls[n % len(self.urls)], self.plan.transport))
        self.began = asyncio.get_running_loop().time()
        self.running = asyncio.create_task(self._run(streams))

    async def progress(self) -> Progress:
        """Where it stands."""
        done = self.running is not None and self.running.done()
        if done and self.running is not None:
            self.running.result()  # an error of ours is to be seen
        return Progress(len(self.open), done, self.tally, self.loop_lag, time.process_time(), kept_waiting())

    async def finish(self) -> Leaks:
        """Close the clients, and see what is left."""
        assert self.before is not None
        for client in self.clients:
            await client.close()
        self.clients.clear()
        self.running = None
        # A thread that waits for work is no leak; one that has some does not end.
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.get_running_loop().shutdown_default_executor(), 5)
        await asyncio.sleep(0.1)  # for what the transports do in their last step
        left = held().beyond(self.before)
        streams = self.plan.share(self.number, self.plan.streams)
        return Leaks(
            left,
            dict(self.complaints.heard),
            # The start, and one answer more, until as many end as begin.
            self.memory.per_stream(self.began + 2 * self.plan.longest, self.began + self.plan.seconds, streams),
            (self.memory.most - self.memory.before) / streams,
            self.memory.most,
        )

    async def _run(self, streams: int) -> None:
        probes = self.plan.share(self.number, self.plan.probes)
        watching = asyncio.create_task(self._watch())
        try:
            async with asyncio.TaskGroup() as slots:
                for n in range(streams):
                    slots.create_task(self._slot(n, streams, probe=n < probes))
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _slot(self, n: int, streams: int, *, probe: bool) -> None:
        """Read one answer after another."""
        loop = asyncio.get_running_loop()
        client = self.clients[n % len(self.clients)]
        rng = Random(f"{self.plan.seed} {self.number} {n}")
        await asyncio.sleep(self.plan.longest * n / streams)
        while loop.time() < self.began + self.plan.seconds:
            pieces = max(1, round(rng.uniform(self.plan.shortest, self.plan.longest) * self.plan.rate))
            opened = Open(asyncio.current_task())
            self.open.add(opened)
            try:
                await (self._probe(client, pieces, opened) if probe else self._read(client, pieces, opened))
            finally:
                self.open.discard(opened)

    async def _read(self, client: AsyncAnthropic, pieces: int, opened: Open) -> None:
        story = soaked(next(self._numbers), pieces, self.plan.seed)
        loop = asyncio.get_running_loop()
        got: list[str] = []
        error: Exception | None = None
        stream = None
        began = loop.time()
        try:
            async with self._stream(client, story.model, story.question) as stream:
                async for text in stream.text_stream:
                    opened.silent = 0
                    if not got:
                        self.tally.first_content.add(loop.time() - began)
                    got.append(text)
        except asyncio.CancelledError:
            self._hangs(story, opened, stream)
            return
        except Exception as raised:
            error = raised
        report = stream.report if stream is not None else getattr(error, "report", None)
        if report is None:
            self.tally.errors[f"without a report: {error!r}"] += 1
            self.tally.lost += 1
            return
        self.tally.judge(story, "".join(got), report, error)

    def _hangs(self, story: Soaked, opened: Open, stream: Any) -> None:
        """Cancelled by the watch, for that stream alone; anything else that cancels is none of the soak's."""
        task = asyncio.current_task()
        if task is None or not opened.hangs:
            raise asyncio.CancelledError
        task.uncancel()
        self.tally.hung += 1
        if stream is not None:
            self.tally.describe(story, f"nothing for {SILENT_FOR:g} s", stream.report)

    async def _probe(self, client: AsyncAnthropic, pieces: int, opened: Open) -> None:
        """Read stamps, and see how late they come."""
        seen = 0
        async with self._stream(client, MODELS[0], question(pieces)) as stream:
            async for text in stream.text_stream:
                opened.silent = 0
                for lag in lags_of(text):
                    self.tally.lags.add(lag)
                    seen += 1
        self.tally.streams += 1
        self.tally.whole += seen == pieces
        self.tally.lost += seen < pieces
        self.tally.duplicated += seen > pieces
        self.tally.count(stream.report)

    def _stream(self, client: AsyncAnthropic, model: str, prompt: str) -> Any:
        return resilient_stream(
            client,
            model=model,
            max_tokens=_MAX_TOKENS,
            messages=[{"role": "user", "content": prompt}],
            policy=POLICY,
            health=self.health,
        )

    async def _watch(self) -> None:
        """Look once a second."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + 1
            await asyncio.sleep(1)
            self._look(loop.time(), loop.time() - due)

    def _look(self, now: float, late: float) -> None:
        """How late is the loop, how large is the process, and does any stream hang?"""
        self.loop_lag.add(late)
        self.memory.look(now, self.tally.streams)
        if late > ON_TIME:
            return  # it is this process that is slow: what it has not read yet does not hang
        for opened in self.open:
            opened.silent += 1
            if opened.silent > SILENT_FOR and opened.task is not None and not opened.hangs:
                opened.hangs = True
                opened.task.cancel()


async def read(pipe: Connection, plan: Plan, number: int, urls: Sequence[str]) -> None:
    """A process that reads: `start` it, ask for its `progress`, and `finish` it."""
    reader = Reader(plan, number, urls)

    async def start() -> None:
        await reader.start()

    await obey(pipe, {"start": start, "progress": reader.progress, "finish": reader.finish})
