"""How long the first content takes, and each one after it, when nothing goes wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.speed.figures import Figure, percentile
from benchmarks.speed.orders import Order
from benchmarks.speed.processes import alone
from benchmarks.speed.readers import connect, open_stream
from benchmarks.stamps import lags_of

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

    from benchmarks.speed.readers import Contender

__all__ = ["FULL", "QUICK", "Effort", "figures", "measure"]

#: Pieces a second of each stream, as a quick model writes.
PACE: Final = 50.0
#: The most that `unbroken` may add to the time to first content at the median, in ms.
FIRST: Final = 0.3
_CONTENDERS: Final[tuple[Contender, ...]] = ("SDK", "unbroken")
_MS: Final = 1e-6  # of a nanosecond
#: Pieces of each stream that do not count, because others are still being opened when they come.
_SETTLING: Final = 25
_WHAT: Final = {"first": "to the first content", "between": "from the server's writing to each content"}


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured.

    Attributes:
        rounds: How often all of it is.
        pairs: Streams of each, one after the other, for the time to first content.
        streams: Streams of each, all together, for the time between contents.
        events: Pieces of text of each of those.
    """

    rounds: int
    pairs: int
    streams: int
    events: int


FULL: Final = Effort(rounds=5, pairs=200, streams=5, events=250)
QUICK: Final = Effort(rounds=2, pairs=50, streams=4, events=50)


@dataclass(frozen=True, slots=True)
class Round:
    """What one contender had in one round, in ms."""

    first: list[float]
    between: list[float]


def measure(url: str, effort: Effort) -> dict[str, list[Round]]:
    """Each contender's rounds."""
    return alone(_measure, url, effort)


def _measure(url: str, effort: Effort) -> dict[str, list[Round]]:
    return asyncio.run(_rounds(url, effort))


async def _rounds(url: str, effort: Effort) -> dict[str, list[Round]]:
    rounds: dict[str, list[Round]] = {contender: [] for contender in _CONTENDERS}
    async with connect(url) as client:
        for contender in _CONTENDERS:
            await _first(contender, client)
        for _ in range(effort.rounds):
            first, between = await _pairs(client, effort), await _together(client, effort)
            for contender in _CONTENDERS:
                rounds[contender].append(Round(first[contender], between[contender]))
    return rounds


async def _pairs(client: AsyncAnthropic, effort: Effort) -> dict[str, list[float]]:
    """Milliseconds from the call to the first text, of a server that answers at once."""
    times: dict[str, list[float]] = {contender: [] for contender in _CONTENDERS}
    for number in range(effort.pairs):
        for contender in _CONTENDERS if number % 2 else reversed(_CONTENDERS):
            times[contender].append(await _first(contender, client))
    return times


async def _first(contender: Contender, client: AsyncAnthropic) -> float:
    began = time.monotonic_ns()
    took: float | None = None
    async with open_stream(contender, client, Order(1)) as stream:
        async for _ in stream.text_stream:
            took = took or (time.monotonic_ns() - began) * _MS
    assert took is not None
    return took


async def _together(client: AsyncAnthropic, effort: Effort) -> dict[str, list[float]]:
    """Milliseconds from the server's writing a piece to the reader's getting it."""
    times: dict[str, list[float]] = {contender: [] for contender in _CONTENDERS}
    order = Order(effort.events, pace=PACE)
    async with asyncio.TaskGroup() as group:
        for number in range(effort.streams):
            for place, contender in enumerate(_CONTENDERS):
                # Their pieces come one after the other, evenly, and neither's always first.
                place = (place + number) % 2 + 2 * number
                later = place / (2 * effort.streams * PACE)
                group.create_task(_follow(contender, client, order, later, times[contender]))
    return times


async def _follow(contender: Contender, client: AsyncAnthropic, order: Order, later: float, times: list[float]) -> None:
    await asyncio.sleep(later)
    lags: list[float] = []
    async with open_stream(contender, client, order) as stream:
        async for text in stream.text_stream:
            lags += [1e3 * lag for lag in lags_of(text)]
    times += lags[_SETTLING:]


def figures(rounds: dict[str, list[Round]]) -> list[Figure]:
    """Medians and 99th percentiles of both."""
    return [
        Figure(
            name=f"{name}, p{per_cent}",
            unit="ms",
            sdk=_percentiles(rounds["SDK"], what, per_cent),
            unbroken=_percentiles(rounds["unbroken"], what, per_cent),
            measure="more",
            target=FIRST if (what, per_cent) == ("first", 50) else None,
        )
        for what, name in _WHAT.items()
        for per_cent in (50, 99)
    ]


def _percentiles(rounds: Sequence[Round], what: str, per_cent: float) -> list[float]:
    return [percentile(getattr(each, what), per_cent) for each in rounds]
