"""The SDK in the loop that people write: on an `APIError` again from the beginning, thrice, printing as it goes."""

from __future__ import annotations

import asyncio

import anthropic

from benchmarks.survival.runners.reading import Order, Reader, serve
from benchmarks.survival.runners.sdk import ask, client_for


async def read(order: Order, reader: Reader) -> None:
    """Ask the primary twice, then the fallback."""
    tries = (order.primary, order.primary, order.fallback)
    async with client_for(order) as client:
        for n, model in enumerate(tries):
            try:
                await ask(client, model, order, reader)
            except anthropic.APIError:
                if n == len(tries) - 1:
                    raise
                await asyncio.sleep(2**n)
            else:
                return


if __name__ == "__main__":
    serve(read, "anthropic")
