"""How a soak is to be: its numbers, which all of its processes are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from unbroken import Policy

__all__ = ["ON_TIME", "POLICY", "SILENT_FOR", "Plan"]

#: The defaults, but for the waits in which a stall is found: minutes would be most of a soak.
POLICY: Final = Policy(idle_timeout=5.0, progress_timeout=8.0)
#: A stream that brings nothing for so many seconds hangs: as long as the policy would wait for a `retry-after`.
SILENT_FOR: Final = POLICY.max_retry_after
#: An event loop that comes later than this, in seconds, is too busy to say of anything else that it is silent.
ON_TIME: Final = 0.25


@dataclass(frozen=True, slots=True)
class Plan:
    """How a soak is to be.

    Attributes:
        streams: How many are open at a time, over all readers.
        seconds: For how long, after the start; then each goes on to its end.
        rate: Events of text a second, of each.
        seed: Everything is drawn from it.
        shortest: The shortest answer, in seconds.
        longest: The longest answer, in seconds. The start takes as long, so that answers do not end together.
        servers: Processes that serve.
        readers: Processes that read.
        transport: The SDK's HTTP client: `"httpx"`, its default, or `"aiohttp"`.
        loop: The event loop of those that read: `"asyncio"`, Python's own, or `"uvloop"`.
    """

    streams: int = 2_000
    seconds: float = 300.0
    rate: float = 8.0
    seed: int = 20_261_122
    shortest: float = 20.0
    longest: float = 40.0
    servers: int = 2
    readers: int = 2
    transport: str = "httpx"
    loop: str = "asyncio"

    @property
    def probes(self) -> int:
        """How many of the streams are stamped, and tell how late text comes; their answers are not broken."""
        return max(self.readers, self.streams // 100)

    def share(self, reader: int, of: int) -> int:
        """How many of so many things a reader has."""
        return of // self.readers + (reader < of % self.readers)
