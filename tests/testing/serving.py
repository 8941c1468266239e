"""What the fault server's tests share: a server with a client, and a request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from anthropic import AsyncAnthropic, AsyncStream

from unbroken.testing import FaultServer, Script


@asynccontextmanager
async def serving(script: Script | str, **client: Any) -> AsyncIterator[tuple[FaultServer, AsyncAnthropic]]:
    """A server in this event loop, and an SDK client that does not retry."""
    async with FaultServer(script) as server:
        options = {"api_key": "test", "max_retries": 0, **client}
        async with AsyncAnthropic(base_url=server.url, **options) as sdk:
            # The SDK asks for it in a thread, of which a virtual clock knows nothing.
            sdk._platform = "Linux"
            yield server, sdk
        await server.all_closed()


async def frames_of(sdk: AsyncAnthropic, **changes: Any) -> list[Any]:
    """The frames of a stream, pings included, as the SDK cuts them."""
    stream = await sdk.messages.create(**ask(**changes), stream=True)
    return [frame async for frame in AsyncStream.raw_events(stream.response)]


def ask(**changes: Any) -> dict[str, Any]:
    """The arguments of a plain request, with `changes`; None leaves one out."""
    plain = {
        "model": "claude-opus-5-5",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": "Tell me."}],
        **changes,
    }
    return {name: value for name, value in plain.items() if value is not None}
