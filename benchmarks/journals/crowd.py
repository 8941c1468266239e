"""A thousand readers of one stream in one process: what each takes, and what they ask of the journal together."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from typing import Any

from benchmarks.journals.rows import Row
from benchmarks.journals.stores import STORES, journal_at, place
from benchmarks.speed.orders import Order
from benchmarks.speed.processes import alone
from benchmarks.speed.readers import connect

__all__ = ["measure"]

_READERS = 1_000


def measure(url: str, *, quick: bool) -> list[Row]:  # noqa: ARG001  # a thousand are a thousand
    """Memory by Python's own count, with readers that wait at the live end; tails and connections of the process."""
    rows = []
    for store in STORES:
        with place(store) as address:
            each, tails, connections = alone(_measure, url, address)
        rows.append(Row(f"{store}: 1,000 readers of one stream, memory of each", each / 1024, "KiB", 3.0))
        rows.append(Row(f"{store}: their questions to the journal at a time", tails, "", 1.0))
        if store == "Redis":
            rows.append(
                Row("Redis: connections of the readers' process", connections, "", 3.0, "with its own presence")
            )
    return rows


def _measure(url: str, address: str) -> tuple[float, int, int]:
    return asyncio.run(_crowd(url, address))


async def _crowd(url: str, address: str) -> tuple[float, int, int]:
    from unbroken import StreamHost, attach

    waiting = most = 0
    # The writer is another process's as far as the readers know: another journal on the same store.
    async with connect(url) as client, journal_at(address) as writers, journal_at(address) as journal:
        inner = journal.wait

        async def counted(*args: Any, **kwargs: Any) -> Any:
            nonlocal waiting, most
            waiting += 1
            most = max(most, waiting)
            try:
                return await inner(*args, **kwargs)
            finally:
                waiting -= 1

        journal.wait = counted
        async with StreamHost(writers, client, recover=False) as host:
            await host.start("s/1", **Order(1_000_000, hold=50).arguments)
            seen = asyncio.Event()
            arrived = 0

            async def read() -> None:
                nonlocal arrived
                first = True
                async for _ in attach(journal, "s/1").entries:
                    if first:
                        first = False
                        arrived += 1
                        if arrived == _READERS:
                            seen.set()

            gc.collect()
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            tasks = [asyncio.create_task(read()) for _ in range(_READERS)]
            await seen.wait()
            await asyncio.sleep(1)
            gc.collect()
            each = (tracemalloc.get_traced_memory()[0] - before) / _READERS
            tracemalloc.stop()
            connections = await _connections(address)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return each, most, connections


async def _connections(address: str) -> int:
    if not address.startswith("redis://"):
        return 0
    import coredis

    client = coredis.Redis.from_url(address)
    async with client:
        # Those of two journals, and this one.
        return (len(await client.client_list()) - 1) // 2
