"""The gap that a failure leaves: from when the server let the stream die to the next character that is delivered.

What the server itself takes from getting the resume to writing its first piece is not in it, and the policy's waits
are switched off. Beside it stands what the SDK takes to ask for anything at all, from the call to the first text.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from benchmarks.speed.figures import Figure, percentile
from benchmarks.speed.orders import MARKER, Failure, Order, notes
from benchmarks.speed.processes import alone
from benchmarks.speed.readers import connect, open_stream

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

__all__ = ["FAILURES", "figures", "measure"]

FAILURES: Final[tuple[Failure, ...]] = ("error event", "reset", "clean end")
#: The most at the median, in ms.
TARGET: Final = 5.0
#: Pieces of text of an answer that dies half-way.
EVENTS: Final = 200
_MS: Final = 1e-6  # of a nanosecond

#: By failure, one list of milliseconds for each round: the gaps, and the SDK's requests beside them.
Gaps = dict[Failure, list[tuple[list[float], list[float]]]]


def measure(url: str, *, rounds: int, streams: int) -> Gaps:
    """So many streams of each failure, in each round."""
    return alone(_measure, url, rounds, streams)


def _measure(url: str, rounds: int, streams: int) -> Gaps:
    return asyncio.run(_rounds(url, rounds, streams))


async def _rounds(url: str, rounds: int, streams: int) -> Gaps:
    gaps: Gaps = {failure: [] for failure in FAILURES}
    async with connect(url) as client:
        await _gap(client, Order(EVENTS, failure="reset", name="warm"))
        for number in range(rounds):
            for failure in FAILURES:
                found: tuple[list[float], list[float]] = ([], [])
                for stream in range(streams):
                    order = Order(EVENTS, failure=failure, name=f"{failure} {number} {stream}")
                    found[0].append(await _gap(client, order))
                    found[1].append(await _request(client))
                gaps[failure].append(found)
    return gaps


async def _gap(client: AsyncAnthropic, order: Order) -> float:
    from unbroken import Health, Policy

    # The benchmark's cuts alone would make a shared `Health` take the model for dead.
    more = {"policy": Policy(initial_backoff=0, max_backoff=0), "health": Health()}
    pieces: list[str] = []
    arrived = 0
    async with open_stream("unbroken", client, order, **more) as stream:
        async for text in stream.text_stream:
            pieces.append(text)
            if not arrived and MARKER in text:
                arrived = time.monotonic_ns()
    failed, asked, sent = notes("".join(pieces))
    return (arrived - failed - (sent - asked)) * _MS


async def _request(client: AsyncAnthropic) -> float:
    began = time.monotonic_ns()
    took = 0.0
    async with open_stream("SDK", client, Order(1)) as stream:
        async for _ in stream.text_stream:
            took = took or (time.monotonic_ns() - began) * _MS
    return took


def figures(gaps: Gaps) -> list[Figure]:
    """Medians and 99th percentiles."""
    return [
        Figure(
            name=f"after {'an' if failure[0] in 'aeiou' else 'a'} {failure}, p{per_cent}",
            unit="ms",
            sdk=[percentile(requests, per_cent) for _, requests in rounds],
            unbroken=[percentile(times, per_cent) for times, _ in rounds],
            measure="itself",
            target=TARGET if per_cent == 50 else None,
        )
        for failure, rounds in gaps.items()
        for per_cent in (50, 99)
    ]
