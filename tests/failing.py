"""A stream that fails in another process: what a pool of workers hands back."""

from __future__ import annotations

import anyio
from anthropic import AsyncAnthropic

from unbroken import Policy, resilient_stream

__all__ = ["fail"]


def fail(url: str, key: str, prompt: str) -> None:
    """Raise what a stream from this server raises; `key` and `prompt` are what nobody else is to see."""
    anyio.run(_read, url, key, prompt)


async def _read(url: str, key: str, prompt: str) -> None:
    async with AsyncAnthropic(base_url=url, api_key=key) as client:
        async with resilient_stream(
            client,
            model="claude-opus-5-5",
            max_tokens=1000,
            messages=[{"role": "user", "content": prompt}],
            policy=Policy(initial_backoff=0, max_attempts=1),
        ) as stream:
            await stream.until_done()
