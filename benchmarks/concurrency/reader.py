"""A process on one core that reads so many stamped streams at a time, with the SDK or with `unbroken`."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Final, Literal, TypeAlias

from anthropic import AsyncAnthropic

from benchmarks.soak.children import obey
from benchmarks.soak.clients import STREAMS_PER_CLIENT, client_of
from benchmarks.soak.lags import Lags
from benchmarks.soak.leaks import kept_waiting
from benchmarks.soak.stamps import lag_of
from benchmarks.soak.stories import MODELS, question
from unbroken import Health, resilient_stream

__all__ = ["Seen", "Side", "read"]

Side: TypeAlias = Literal["SDK", "unbroken"]

#: How many streams are begun a second: opening them must not be what keeps the core busy.
OPENED_PER_SECOND: Final = 100
#: Seconds between the last stream's first text and the measurement, for what has piled up meanwhile.
SETTLING: Final = 1.5
#: How long streams may take to begin, beyond that pace, in seconds. Where they do not, the core is long too busy.
PATIENCE: Final = 10.0
_LONG: Final = 10_000_000


@dataclass(slots=True)
class Seen:
    """What was seen of so many streams.

    Attributes:
        lags: How many seconds after it was sent each piece of text was there.
        cpu: Seconds of CPU that the process took for them.
        kept_waiting: Seconds for which other processes had the core that it wanted.
        begun: Whether all streams began; otherwise nothing was measured.
    """

    lags: Lags = field(default_factory=Lags)
    cpu: float = 0.0
    kept_waiting: float = 0.0
    begun: bool = True


@dataclass(slots=True)
class _Trial:
    """Some streams, read at the same time.

    Attributes:
        side: Who reads them.
        left: How many have not begun.
        all_begun: Set when all have.
        since: When the measurement begins, in monotonic seconds.
        until: When it ends.
        health: What the streams of `unbroken` share.
        seen: What was seen.
    """

    side: Side
    left: int
    all_begun: asyncio.Event = field(default_factory=asyncio.Event)
    since: float = float("inf")
    until: float = float("inf")
    health: Health = field(default_factory=Health)
    seen: Seen = field(default_factory=Seen)

    async def stream(self, client: AsyncAnthropic, after: float) -> None:
        """Read one, until the measurement is over."""
        await asyncio.sleep(after)
        first = True
        request: dict[str, Any] = {
            "model": MODELS[0],
            "max_tokens": 1024,
            "messages": [{"role": "user", "content": question(_LONG)}],
        }
        opening: Any = (
            client.messages.stream(**request)
            if self.side == "SDK"
            else resilient_stream(client, **request, health=self.health)
        )
        async with opening as stream:
            async for text in stream.text_stream:
                now = time.monotonic()
                if self.since <= now < self.until:
                    self.seen.lags.add(lag_of(text))
                elif now >= self.until:
                    return
                if first:
                    first = False
                    self._begun()

    def _begun(self) -> None:
        self.left -= 1
        if not self.left:
            self.all_begun.set()

    async def measure(self, streams: int, seconds: float) -> None:
        """Wait until all have begun, and measure for so long."""
        try:
            async with asyncio.timeout(streams / OPENED_PER_SECOND + PATIENCE):
                await self.all_begun.wait()
        except TimeoutError:
            self.seen.begun = False
            self.until = 0.0
            return
        await asyncio.sleep(SETTLING)
        self.since = time.monotonic()
        cpu, waited = time.process_time(), kept_waiting()
        self.until = self.since + seconds
        await asyncio.sleep(seconds)
        self.seen.cpu = time.process_time() - cpu
        self.seen.kept_waiting = kept_waiting() - waited


async def read(pipe: Connection, url: str, core: int | None) -> None:
    """A process that reads: `try` so many streams.

    Args:
        pipe: Where it is asked.
        url: The server's address.
        core: The core that it is to run on. None: any.
    """
    if core is not None:
        os.sched_setaffinity(0, {core})

    async def attempt(side: Side, transport: str, streams: int, seconds: float) -> Seen:
        trial = _Trial(side, streams)
        clients = [client_of(url, transport) for _ in range(-(-streams // STREAMS_PER_CLIENT))]
        try:
            async with asyncio.TaskGroup() as tasks:
                for n in range(streams):
                    tasks.create_task(trial.stream(clients[n % len(clients)], n / OPENED_PER_SECOND))
                tasks.create_task(trial.measure(streams, seconds))
        finally:
            for client in clients:
                await client.close()
        return trial.seen

    await obey(pipe, {"try": attempt})
