"""Time that a journal adds before a reader has what the server wrote: the own reader, and one elsewhere."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from multiprocessing import get_context
from multiprocessing.connection import Connection

from benchmarks.journals.rows import Row
from benchmarks.journals.stores import STORES, journal_at, place
from benchmarks.speed.figures import percentile
from benchmarks.speed.orders import Order
from benchmarks.speed.processes import alone
from benchmarks.speed.readers import connect, open_stream
from benchmarks.stamps import lags_of

__all__ = ["measure"]

#: Goals in ms: at the median and at the 99th percentile, of the own reader and of another's.
_GOALS = {"SQLite": ((0.5, 5.0), (12.0, 25.0)), "Redis": ((1.0, 5.0), (12.0, 25.0))}
_PACE = 50.0


def measure(url: str, *, quick: bool) -> list[Row]:
    """Lags of paced streams, less those without a journal in the same run."""
    order, streams = Order(100 if quick else 500, pace=_PACE), 5
    rows = []
    for store in STORES:
        plain = alone(_own, url, order, streams, None)
        with place(store) as address:
            own = alone(_own, url, order, streams, address)
        with place(store) as address:
            other = alone(_other, url, order, streams, address)
        for name, lags, goals in zip(("own reader", "reader elsewhere"), (own, other), _GOALS[store], strict=True):
            for per_cent, goal in zip((50, 99), goals, strict=True):
                added = percentile(lags, per_cent) - percentile(plain, per_cent)
                rows.append(Row(f"{store}: time added for the {name}, p{per_cent}", added, "ms", goal))
    return rows


def _own(url: str, order: Order, streams: int, address: str | None) -> list[float]:
    return asyncio.run(_all(url, order, streams, address))


def _other(url: str, order: Order, streams: int, address: str) -> list[float]:
    """The lags of readers in another process than the writers'."""
    processes = get_context("spawn")
    here, there = processes.Pipe()
    reader = processes.Process(target=_elsewhere, args=(there, address, streams))
    reader.start()
    here.recv()
    asyncio.run(_all(url, order, streams, address))
    lags: list[float] = here.recv()
    reader.join()
    return lags


async def _all(url: str, order: Order, streams: int, address: str | None) -> list[float]:
    lags: list[float] = []
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(connect(url))
        journal = None if address is None else await stack.enter_async_context(journal_at(address))

        async def one(number: int) -> None:
            await asyncio.sleep(number / _PACE / streams)
            named = {} if journal is None else {"journal": journal, "stream_id": f"s/{number}"}
            async with open_stream("unbroken", client, order, **named) as stream:
                async for text in stream.text_stream:
                    lags.extend(_lags(text))

        async with asyncio.TaskGroup() as group:
            for number in range(streams):
                group.create_task(one(number))
    return lags


def _lags(text: str) -> list[float]:
    return [1e3 * lag for lag in lags_of(text)]


def _elsewhere(parent: Connection, address: str, streams: int) -> None:
    parent.send(asyncio.run(_attached(parent, address, streams)))


async def _attached(parent: Connection, address: str, streams: int) -> list[float]:
    from unbroken import StreamMissing, attach

    lags: list[float] = []
    async with journal_at(address) as journal:

        async def one(number: int) -> None:
            while await journal.look(f"s/{number}") is None:  # noqa: ASYNC110  # another process creates it
                await asyncio.sleep(0.005)
            try:
                async for text in attach(journal, f"s/{number}", after="0").text_stream:
                    lags.extend(_lags(text))
            except StreamMissing:
                return

        parent.send("ready")
        async with asyncio.TaskGroup() as group:
            for number in range(streams):
                group.create_task(one(number))
    # What was there before they looked is no news.
    return lags[5 * streams :]
