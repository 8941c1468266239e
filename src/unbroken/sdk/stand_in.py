"""A client that asks nobody: what the SDK parses a response by that no client of the caller's has got."""

from __future__ import annotations

from functools import lru_cache
from typing import NoReturn

import anthropic
import httpx2

__all__ = ["stand_in"]


class _NoNetwork(httpx2.AsyncBaseTransport):
    """Sends nothing: neither certificates nor proxies are looked up for it."""

    async def handle_async_request(self, request: httpx2.Request) -> NoReturn:
        raise httpx2.ConnectError("nothing is sent by this client", request=request)


@lru_cache(maxsize=1)
def stand_in() -> anthropic.AsyncAnthropic:
    """The SDK's own client, without a key, an address or a connection."""
    return anthropic.AsyncAnthropic(
        api_key="none",
        base_url="http://nowhere.invalid",
        http_client=httpx2.AsyncClient(transport=_NoNetwork(), trust_env=False),
        max_retries=0,
    )
