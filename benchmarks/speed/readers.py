"""Who reads: the SDK's stream, `unbroken`'s over the same client, and the body alone, over either transport.

`unbroken` is imported only where it reads, so that the SDK is measured in a process that has never heard of it.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any, Literal

from anthropic import AsyncAnthropic, DefaultAioHttpClient, DefaultAsyncHttpxClient

from benchmarks.speed.orders import Order

__all__ = ["Contender", "Reading", "Transport", "connect", "open_stream", "read"]

#: The SDK's default, and that of its extra `aiohttp`.
Transport = Literal["httpx2", "aiohttp"]
Contender = Literal["SDK", "unbroken"]
#: `text_stream`, `async for event in stream`, or the bytes of the response that nobody looks into.
Reading = Literal["text", "typed", "bytes"]


def connect(url: str, transport: Transport = "httpx2") -> AsyncAnthropic:
    """A client of the server. What the environment says of proxies is not for it."""
    http_client = DefaultAsyncHttpxClient if transport == "httpx2" else DefaultAioHttpClient
    return AsyncAnthropic(base_url=url, api_key="test", http_client=http_client(trust_env=False))


def open_stream(
    contender: Contender, client: AsyncAnthropic, order: Order, **more: Any
) -> AbstractAsyncContextManager[Any]:
    """A contender's stream of an answer; `more` is for `resilient_stream` alone."""
    if contender == "SDK":
        return client.messages.stream(**order.arguments)
    from unbroken import resilient_stream

    return resilient_stream(client, **order.arguments, **more)


async def read(contender: Contender, reading: Reading, client: AsyncAnthropic, order: Order) -> int:
    """Read an answer to its end; how many characters it had, or bytes."""
    if reading == "bytes":
        return await _bytes(client, order)
    count = 0
    async with open_stream(contender, client, order) as stream:
        if reading == "text":
            async for text in stream.text_stream:
                count += len(text)
        else:
            async for event in stream:
                if event.type == "text":
                    count += len(event.text)
    return count


async def _bytes(client: AsyncAnthropic, order: Order) -> int:
    count = 0
    async with client.messages.with_streaming_response.create(**order.arguments, stream=True) as response:
        async for data in response.iter_bytes():
            count += len(data)
    return count
