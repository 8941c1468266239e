"""Runs a kill soak on one journal: begins its processes, lets things go wrong, and judges what came of it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, Final

from benchmarks.children import Child, forked
from benchmarks.journals.stores import journal_at
from benchmarks.kill_soak.caller import call
from benchmarks.kill_soak.findings import Findings
from benchmarks.kill_soak.host import host
from benchmarks.kill_soak.judge import Judge
from benchmarks.kill_soak.logs import read_log
from benchmarks.kill_soak.mishaps import Mishaps
from benchmarks.kill_soak.places import Died, Place
from benchmarks.kill_soak.plan import HANGS_AFTER, Plan, stream_id
from benchmarks.kill_soak.reader import Progress, Read, read
from benchmarks.kill_soak.seen import Seen
from benchmarks.kill_soak.stores import Store, store
from benchmarks.lags import Lags
from benchmarks.soak.model import Asked
from benchmarks.soak.server import Served, serve

__all__ = ["Look", "kill_soak"]

#: Seconds between two looks.
_EVERY: Final = 1.0
#: How long whoever asks for a stream waits for a host before another is asked, in seconds.
_IMPATIENT: Final = 3.0
#: Seconds in which servers have to notice that their clients have gone.
_NOTICED: Final = 10.0


@dataclass(frozen=True, slots=True)
class Look:
    """Where a kill soak stands.

    Attributes:
        store: The journal's name.
        seconds: Since its start.
        readers: Where each reader stands.
        requests: How many the server got.
        mishaps: How much went wrong.
    """

    store: str
    seconds: float
    readers: list[Progress]
    requests: int
    mishaps: int

    @property
    def moved(self) -> tuple[int, int]:
        """What grows as long as anything moves."""
        return sum(each.characters for each in self.readers), sum(each.ended for each in self.readers)


def kill_soak(plan: Plan, name: str, tell: Callable[[Look], object]) -> Findings:
    """Run a kill soak to its end.

    Args:
        plan: How it is to be.
        name: The journal, one of `STORES`.
        tell: Called with each look at it.

    Raises:
        RuntimeError: One of the processes has died that nobody kills.
    """
    forked("benchmarks.kill_soak.preloaded")
    with store(name) as where, ExitStack() as stack:
        return asyncio.run(_Soak(plan, name, where, stack, tell).run())


@dataclass(slots=True)
class _Soak:
    plan: Plan
    name: str
    where: Store
    stack: ExitStack
    tell: Callable[[Look], object]
    began: float = 0.0
    happened: Counter[str] = field(default_factory=Counter)
    called: dict[int, Seen] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    collecting: set[asyncio.Task[None]] = field(default_factory=set)
    errors: list[BaseException] = field(default_factory=list)
    server: Child = field(init=False)
    readers: list[Place] = field(init=False)
    hosts: list[Place] = field(init=False)
    callers: list[Place] = field(init=False)
    mishaps: Mishaps = field(init=False)

    @property
    def places(self) -> list[Place]:
        return self.hosts + self.callers

    async def run(self) -> Findings:
        plan, address = self.plan, self.where.address
        # Whoever is asked and stands still keeps a thread waiting: there is one for each, and for the journal.
        threads = plan.hosts + plan.callers + plan.readers + 4
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(threads))
        self.server = self.stack.enter_context(Child(serve, plan.seed, 1 / plan.rate, plan.share))
        url = self.server.ask("url")
        make_reader = partial(Child, read, plan, fork=True)
        self.readers = [Place(f"reader {n}", partial(make_reader, n, address)) for n in range(plan.readers)]
        self.hosts = [
            Place(f"host {n}", partial(Child, host, plan, address, url, fork=True)) for n in range(plan.hosts)
        ]
        self.callers = [
            Place(f"caller {n}", partial(Child, call, plan, address, url, fork=True)) for n in range(plan.callers)
        ]
        self.mishaps = Mishaps(plan, self.where, self.hosts, self.callers, self.readers)
        for place in self.places:
            await place.ask("ready")
        self.began = time.monotonic() + _EVERY
        for reader in self.readers:
            await reader.ask("start", self.began)
        try:
            await self._go()
            seconds = time.monotonic() - self.began
            return await self._findings(seconds)
        finally:
            tasks = self.tasks | self.collecting
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for place in self.places + self.readers:
                await place.close()

    # -- while it goes on

    async def _go(self) -> None:
        """Let things go wrong for as long as streams begin; then wait until all have ended, or nothing moves."""
        plan = self.plan
        for number in range(plan.streams):
            self._keep(self.tasks, self._start(number))
        rng, number = Random(f"{plan.seed} mishaps"), 0
        moved, since = (0, 0), self.began
        while True:
            number += 1
            await asyncio.sleep(self.began + number * _EVERY - time.monotonic())
            now = time.monotonic()
            if now < self.began + plan.seconds:
                kind = self.mishaps.draw(rng)
                self.happened[kind] += 1
                self._keep(self.tasks, self.mishaps.happen(kind, Random(f"{plan.seed} {number}")))
            look = await self._look(now)
            if self.errors:
                raise self.errors[0]
            if look.moved != moved:
                moved, since = look.moved, now
            is_over = now > self.began + plan.seconds and not self.tasks
            if is_over and (self._have_ended(look) or now > since + HANGS_AFTER):
                return

    async def _look(self, now: float) -> Look:
        for place in self.places:
            await place.tend()
        for place in self.callers:
            if not place.is_busy:
                self._keep(self.collecting, self._collect(place))
        readers = [await reader.ask("progress") for reader in self.readers]
        served: Served = await asyncio.to_thread(self.server.ask, "progress")
        look = Look(self.name, now - self.began, readers, served.requests, self.happened.total())
        self.tell(look)
        return look

    async def _collect(self, place: Place) -> None:
        """Hear which calls have ended."""
        with suppress(Died):  # who comes next is told to call for them again, and asks for nothing
            for seen in await place.ask("ended"):
                self.called[seen.number] = seen
                place.numbers.discard(seen.number)

    def _have_ended(self, look: Look) -> bool:
        return all(each.ended == self.plan.streams for each in look.readers) and not any(
            place.numbers for place in self.callers
        )

    def _keep(self, tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(partial(self._done, tasks))

    def _done(self, tasks: set[asyncio.Task[None]], task: asyncio.Task[None]) -> None:
        tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.errors.append(error)

    async def _start(self, number: int) -> None:
        """Ask for a stream, as its client does: of a process that has died, or says nothing, another is asked."""
        await asyncio.sleep(self.began + self.plan.due(number) - time.monotonic())
        rng = Random(f"{self.plan.seed} {number} start")
        if self.plan.is_called(number):
            place = rng.choice(self.callers)
            place.numbers.add(number)
            with suppress(Died):  # who comes next is told
                await place.ask("write", [number])
            return
        while True:
            with suppress(Died, TimeoutError):
                if await rng.choice(self.hosts).ask("start", number, patience=_IMPATIENT) is None:
                    return

    # -- when it is over

    async def _findings(self, seconds: float) -> Findings:
        mishaps = self.mishaps
        for left in await asyncio.gather(*(place.leave(replaced=False) for place in self.places)):
            mishaps.add(left)
        reads: list[Read] = [await reader.ask("finish") for reader in self.readers]
        for each in reads:
            mishaps.add(each.left)
        judge = await self._judge(reads)
        served, left = await self._settled()
        mishaps.add(left)
        return Findings(
            plan=self.plan,
            store=self.name,
            disturbance=self.where.disturbance,
            judge=judge,
            left=mishaps.left,
            happened=self.happened,
            returns=mishaps.returns,
            processes=sum(len(place.pids) for place in self.places),
            silence=Lags.of(each.silence for each in reads),
            seconds=seconds,
            said=[
                *(f"the API would not accept: {what} ({n} ×)" for what, n in served.rejected.items()),
                *(f"the server failed: {what}" for what in served.failures),
                *(f"{place.name} died {place.strange} times by itself" for place in self.places if place.strange),
            ],
        )

    async def _judge(self, reads: list[Read]) -> Judge:
        plan, judge = self.plan, Judge()
        asked: dict[int, list[Asked]] = await asyncio.to_thread(self.server.ask, "asked")
        waiting = {number for place in self.callers for number in place.numbers}
        async with journal_at(self.where.address) as journal:
            for number in range(plan.streams):
                seen = [each.seen[number] for each in reads]
                if number in self.called or number in waiting:
                    seen.append(self.called.get(number) or Seen(number, "its caller"))
                name, requests = stream_id(number), asked.get(number, [])
                log = await read_log(journal, name)
                pauses = self.mishaps.pauses_in(requests[0].at, requests[-1].at) if requests else 0
                judge.judge(name, plan.story(number).text, log, seen, requests, pauses=pauses)
        return judge

    async def _settled(self) -> tuple[Served, dict[str, int]]:
        """What is left once everybody has had the time to notice that the others have gone."""
        until = time.monotonic() + _NOTICED
        while True:
            served: Served = await asyncio.to_thread(self.server.ask, "progress")
            left = {
                "requests that the server still answers": served.busy,
                "connections of clients that are closed": served.connections,
                "processes": sum(place.alive for place in self.places),
                **self.where.left(),
            }
            left = {name: count for name, count in left.items() if count}
            if not left or time.monotonic() > until:
                return served, left
            await asyncio.sleep(_EVERY / 10)
