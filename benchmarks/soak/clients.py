"""The SDK's clients, as the benchmarks make them."""

from __future__ import annotations

import ssl
from typing import Final

from anthropic import AsyncAnthropic, DefaultAioHttpClient, DefaultAsyncHttpxClient

__all__ = ["STREAMS_PER_CLIENT", "TRANSPORTS", "client_of"]

#: The SDK's HTTP clients: its default, and the one that it offers beside.
TRANSPORTS: Final = ("httpx", "aiohttp")
#: As many clients as streams over this: a connection pool takes the longer for a request the more connections it has.
STREAMS_PER_CLIENT: Final = 100


def client_of(url: str, transport: str) -> AsyncAnthropic:
    """A client of the server there, without retries of its own."""
    # And without the certificates that nobody needs here: to read them takes a client 20 ms.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    http_client = (
        DefaultAioHttpClient(verify=context) if transport == "aiohttp" else DefaultAsyncHttpxClient(verify=context)
    )
    return AsyncAnthropic(base_url=url, api_key="test", max_retries=0, http_client=http_client)
