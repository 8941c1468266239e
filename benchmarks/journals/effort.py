"""CPU that a journalled event costs beyond one without a journal, in the process that writes the stream."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from statistics import median

from benchmarks.journals.rows import Row
from benchmarks.journals.stores import STORES, journal_at, place
from benchmarks.speed.orders import Order
from benchmarks.speed.processes import alone
from benchmarks.speed.readers import connect, open_stream

__all__ = ["measure"]


def measure(url: str, *, quick: bool) -> list[Row]:
    """One stream as fast as it comes, and a hundred as a quick model writes them."""
    rounds, events, seconds = (1, 5_000, 2) if quick else (5, 20_000, 5)
    rows = []
    for store in STORES:
        added = [_added(url, store, Order(events), 1) for _ in range(rounds)]
        rows.append(Row(f"{store}: CPU added an event, one fast stream", median(added), "µs", 15.0, _spread(added)))
        paced = Order(50 * seconds, pace=50.0)
        added = [_added(url, store, paced, 100) for _ in range(max(1, rounds // 2))]
        rows.append(Row(f"{store}: CPU added an event, 100 streams × 50/s", median(added), "µs", 20.0, _spread(added)))
    return rows


def _spread(values: list[float]) -> str:
    return f"{min(values):.1f} to {max(values):.1f}" if len(values) > 1 else "one round"


def _added(url: str, store: str, order: Order, streams: int) -> float:
    with place(store) as address:
        plain, journalled = alone(_effort, url, order, streams, None), alone(_effort, url, order, streams, address)
    return journalled - plain


def _effort(url: str, order: Order, streams: int, address: str | None) -> float:
    """Microseconds of CPU for each event, in this process."""
    return asyncio.run(_read(url, order, streams, address))


async def _read(url: str, order: Order, streams: int, address: str | None) -> float:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(connect(url))
        more = {}
        if address is not None:
            more["journal"] = await stack.enter_async_context(journal_at(address))
        await _one(client, Order(100), 0, more)
        began = time.process_time()
        async with asyncio.TaskGroup() as group:
            for number in range(1, streams + 1):
                group.create_task(_one(client, order, number, more))
        return (time.process_time() - began) / (streams * order.events) * 1e6


async def _one(client: object, order: Order, number: int, more: dict[str, object]) -> None:
    named = {**more, "stream_id": f"s/{number}"} if more else {}
    async with open_stream("unbroken", client, order, **named) as stream:  # type: ignore[arg-type]
        async for _ in stream.text_stream:
            pass
