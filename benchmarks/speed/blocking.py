"""The longest turn of the event loop, in CPU: what every other task of the process has to wait for.

A million characters were delivered, of a text that is hard to find a place in; then the stream dies, the rest is asked
for, and joined. The SDK reads the same answer until it dies. Whether the rest could be joined is not measured here: an
honest failure takes its turns too.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from benchmarks.families import FAMILIES
from benchmarks.speed.figures import Figure
from benchmarks.speed.orders import Order
from benchmarks.speed.processes import alone
from benchmarks.speed.readers import connect, open_stream

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

    from benchmarks.speed.readers import Contender

__all__ = ["figures", "measure"]

#: The most CPU of one turn, in ms.
TARGET: Final = 50.0
#: Pieces of text, of which half are delivered before the failure: a million characters.
EVENTS: Final = 20_000
_MS: Final = 1e-6  # of a nanosecond

#: By family, in ms, round by round: the SDK's longest turn, and ours.
Turns = dict[str, tuple[list[float], list[float]]]


def measure(url: str, *, rounds: int, events: int = EVENTS) -> Turns:
    """The longest turn over each family, in processes of their own."""
    turns: Turns = {}
    for family in FAMILIES:
        theirs = [alone(_longest, url, "SDK", family, events) for _ in range(rounds)]
        turns[family] = (theirs, [alone(_longest, url, "unbroken", family, events) for _ in range(rounds)])
    return turns


def _longest(url: str, contender: Contender, family: str, events: int) -> float:
    turns: list[int] = []
    with _watched(turns):
        asyncio.run(_read(url, contender, turns, Order(events, failure="reset", name=family, family=family)))
    return max(turns) * _MS


async def _read(url: str, contender: Contender, turns: list[int], order: Order) -> None:
    async with connect(url) as client:
        await _through(contender, client, Order(50, failure="reset", name=f"warm {order.name}"))
        turns.clear()  # what is imported is imported once
        await _through(contender, client, order)


async def _through(contender: Contender, client: AsyncAnthropic, order: Order) -> None:
    import httpx2
    from anthropic import APIError

    more: dict[str, Any] = {}
    expected: tuple[type[Exception], ...] = (APIError, httpx2.HTTPError)
    if contender == "unbroken":
        from unbroken import Health, Policy, StreamFailed

        more = {"policy": Policy(initial_backoff=0, max_backoff=0), "health": Health()}
        expected = (StreamFailed,)
    with contextlib.suppress(*expected):
        async with open_stream(contender, client, order, **more) as stream:
            async for _ in stream.text_stream:
                pass


@contextlib.contextmanager
def _watched(turns: list[int]) -> Iterator[None]:
    """Note what CPU each callback of the event loop takes, in ns."""
    run: Any = asyncio.Handle._run  # noqa: SLF001  # asyncio has no other place to look at each turn

    def timed(handle: asyncio.Handle) -> None:
        began = time.thread_time_ns()
        run(handle)
        turns.append(time.thread_time_ns() - began)

    asyncio.Handle._run = timed  # type: ignore[method-assign, assignment]  # noqa: SLF001
    try:
        yield
    finally:
        asyncio.Handle._run = run  # type: ignore[method-assign]  # noqa: SLF001


def figures(turns: Turns) -> list[Figure]:
    """One for each family."""
    return [
        Figure(name=family, unit="ms", sdk=theirs, unbroken=ours, measure="itself", target=TARGET)
        for family, (theirs, ours) in turns.items()
    ]
