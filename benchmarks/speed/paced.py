"""CPU per event of many streams that come at a pace: it decides how many of them one core can read.

Beside the part `cpu`, where many events come with one read, nearly every event wakes the process up by itself here, so
that most of the work is the event loop's and the HTTP client's, which SDK and `unbroken` share.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.speed.figures import Figure
from benchmarks.speed.orders import Order
from benchmarks.speed.processes import alone
from benchmarks.speed.readers import connect, open_stream

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

    from benchmarks.speed.readers import Contender, Transport

__all__ = ["FULL", "QUICK", "Effort", "figures", "measure"]

#: Pieces a second of each stream, as a quick model writes.
PACE: Final = 50.0
#: The most CPU of the SDK's, by transport: with half of it, a core reads twice as many streams.
TARGETS: Final[dict[Transport, float | None]] = {"httpx2": 0.5, "aiohttp": None}
#: Seconds between the last stream's first text and the measurement, for what has piled up meanwhile.
_SETTLING: Final = 0.5


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured.

    Attributes:
        rounds: Processes for each contender and transport.
        streams: Streams of each, all together; few enough that a core has time for those of either contender.
        seconds: For how long their CPU is measured.
    """

    rounds: int
    streams: int
    seconds: float


FULL: Final = Effort(rounds=5, streams=20, seconds=5.0)
QUICK: Final = Effort(rounds=1, streams=20, seconds=2.0)

#: Seconds of CPU for one event, round by round, by transport and contender.
Times = dict[tuple["Transport", "Contender"], list[float]]


def measure(url: str, effort: Effort) -> Times:
    """Each in processes of their own, contenders by turns."""
    contenders: tuple[Contender, ...] = ("SDK", "unbroken")
    times: Times = {(transport, contender): [] for transport in TARGETS for contender in contenders}
    for _ in range(effort.rounds):
        for (transport, contender), found in times.items():
            found.append(alone(_measure, url, transport, contender, effort))
    return times


def _measure(url: str, transport: Transport, contender: Contender, effort: Effort) -> float:
    return asyncio.run(_read(url, transport, contender, effort))


async def _read(url: str, transport: Transport, contender: Contender, effort: Effort) -> float:
    came = [0] * effort.streams
    begun = [asyncio.Event() for _ in came]

    async def follow(client: AsyncAnthropic, number: int) -> None:
        await asyncio.sleep(number / effort.streams / PACE)  # so that their pieces come evenly
        async with open_stream(contender, client, Order(1_000_000, pace=PACE)) as stream:
            async for _ in stream.text_stream:
                came[number] += 1
                begun[number].set()

    async with connect(url, transport) as client:
        tasks = [asyncio.create_task(follow(client, number)) for number in range(effort.streams)]
        for event in begun:
            await event.wait()
        await asyncio.sleep(_SETTLING)
        cpu, events = time.process_time(), sum(came)
        await asyncio.sleep(effort.seconds)
        cpu, events = time.process_time() - cpu, sum(came) - events
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return cpu / events


def figures(times: Times, effort: Effort) -> list[Figure]:
    """In µs, of both transports."""
    return [
        Figure(
            name=f"text, {transport}, {effort.streams} streams of {PACE:g} events a second",
            unit="µs",
            sdk=_micro(times[transport, "SDK"]),
            unbroken=_micro(times[transport, "unbroken"]),
            measure="ratio",
            target=target,
        )
        for transport, target in TARGETS.items()
    ]


def _micro(seconds: Sequence[float]) -> list[float]:
    return [1e6 * each for each in seconds]
