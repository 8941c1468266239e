"""Memory: of a stream that is open and half-way, and what a thousand streams leave behind."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psutil  # type: ignore[import-untyped]

from benchmarks.speed.figures import Figure
from benchmarks.speed.orders import Order
from benchmarks.speed.processes import alone
from benchmarks.speed.readers import connect, open_stream, read

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

    from benchmarks.speed.readers import Contender

__all__ = ["FULL", "QUICK", "Effort", "figures", "measure"]

#: The most memory of an open stream, as a multiple of the SDK's.
TARGET: Final = 1.2
#: Streams that are read at a time, of those that are read to the end.
_AT_A_TIME: Final = 10
_KB: Final = 1024


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured.

    Attributes:
        rounds: Processes for each contender where pages are looked at; where allocations are traced, which takes
            four times as long and hardly varies, there is one.
        open: Streams that are open together.
        half: Pieces of text that each has received.
        warm: Streams that are read to the end first.
        whole: Streams that are read to the end then.
        events: Pieces of text of each of those.
    """

    rounds: int
    open: int
    half: int
    warm: int
    whole: int
    events: int


FULL: Final = Effort(rounds=3, open=200, half=150, warm=100, whole=1_000, events=10)
QUICK: Final = Effort(rounds=1, open=50, half=50, warm=20, whole=100, events=10)


@dataclass(frozen=True, slots=True)
class Taken:
    """What one process took, in bytes.

    Attributes:
        open: For each open stream.
        left: What the whole streams left behind, in all.
    """

    open: float
    left: float


#: By contender, and then by whether Python's own allocations were counted or the process's pages.
Dispatcher = dict[str, dict[str, list[Taken]]]


def measure(url: str, effort: Effort) -> Dispatcher:
    """Each in a process of its own, contenders by turns."""
    contenders: tuple[Contender, ...] = ("SDK", "unbroken")
    rounds: Dispatcher = {contender: {"resident": [], "traced": []} for contender in contenders}
    for _ in range(effort.rounds):
        for contender in contenders:
            for look, taken in rounds[contender].items():
                if look == "resident" or not taken:
                    taken.append(alone(_measure, url, contender, effort, traced=look == "traced"))
    return rounds


def _measure(url: str, contender: Contender, effort: Effort, *, traced: bool) -> Taken:
    if traced:
        tracemalloc.start()
    return asyncio.run(_take(url, contender, effort))


async def _take(url: str, contender: Contender, effort: Effort) -> Taken:
    async with connect(url) as client:
        await _read(contender, client, effort.warm, effort.events)
        warm = _memory()
        await _read(contender, client, effort.whole, effort.events)
        used = _memory()
        return Taken(await _open(contender, client, effort), used - warm)


async def _read(contender: Contender, client: AsyncAnthropic, streams: int, events: int) -> None:
    for begun in range(0, streams, _AT_A_TIME):
        async with asyncio.TaskGroup() as group:
            for _ in range(min(_AT_A_TIME, streams - begun)):
                group.create_task(read(contender, "text", client, Order(events)))


async def _open(contender: Contender, client: AsyncAnthropic, effort: Effort) -> float:
    """Bytes for each of the streams, all of which wait for their second half."""
    before = _memory()
    halfway = [asyncio.Event() for _ in range(effort.open)]
    order = Order(2 * effort.half, hold=effort.half)
    async with AsyncExitStack() as stack:
        tasks = [asyncio.create_task(_follow(contender, client, order, event)) for event in halfway]
        stack.push_async_callback(_cancel, tasks)
        for event in halfway:
            await event.wait()
        await asyncio.sleep(0)  # so that the last one waits as well
        return (_memory() - before) / effort.open


async def _follow(contender: Contender, client: AsyncAnthropic, order: Order, halfway: asyncio.Event) -> None:
    count = 0
    async with open_stream(contender, client, order) as stream:
        async for _ in stream.text_stream:
            count += 1
            if count == order.hold:
                halfway.set()


async def _cancel(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _memory() -> float:
    """Bytes: of Python's own allocations where those are traced, else of the pages that the process has."""
    gc.collect()
    if tracemalloc.is_tracing():
        return float(tracemalloc.get_traced_memory()[0])
    return float(psutil.Process().memory_info().rss)


def figures(rounds: Dispatcher) -> list[Figure]:
    """In kB, both ways of looking."""
    made = []
    for what, field in (("an open stream", "open"), ("left after the streams, in all", "left")):
        for look, words in (("resident", "resident"), ("traced", "Python's own")):
            sdk, ours = rounds["SDK"][look], rounds["unbroken"][look]
            made.append(
                Figure(
                    name=f"{what}, {words}",
                    unit="kB",
                    sdk=[getattr(each, field) / _KB for each in sdk],
                    unbroken=[getattr(each, field) / _KB for each in ours],
                    measure="ratio" if field == "open" else "more",
                    target=TARGET if field == "open" else None,
                )
            )
    return made
