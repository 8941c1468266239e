"""The server's side of the soak: a process that serves until it is told to stop."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from multiprocessing.connection import Connection

from benchmarks.children import obey
from benchmarks.lags import Lags
from benchmarks.server import Server
from benchmarks.soak.mishaps import SHARE
from benchmarks.soak.model import Asked, Model

__all__ = ["Served", "serve"]


@dataclass(frozen=True, slots=True)
class Served:
    """Where a server stands.

    Attributes:
        requests: How many requests it got.
        sent: How many pieces of answers it has sent.
        mishaps: What went wrong with them, by kind.
        rejected: What it rejected as the API would, by its message.
        failures: What went wrong in the server itself.
        busy: How many requests it is answering now.
        connections: How many connections are open now.
        lags: How much later than due the pieces were sent, in seconds.
        full: How often a connection took no more.
        cpu: Seconds of CPU so far.
    """

    requests: int
    sent: int
    mishaps: Counter[str]
    rejected: Counter[str]
    failures: list[str]
    busy: int
    connections: int
    lags: Lags
    full: int
    cpu: float


async def serve(pipe: Connection, seed: int, every: float, share: float = SHARE) -> None:
    """A process that serves: ask for its `url`, its `progress`, and what was `asked` of it.

    Args:
        pipe: Where it is asked.
        seed: Of texts and mishaps.
        every: Seconds between two events.
        share: The share of requests that go wrong.
    """
    model = Model(seed, every, share)
    async with Server(model) as server:

        async def url() -> str:
            return server.url

        async def progress() -> Served:
            metronome = server.metronome
            return Served(
                model.requests,
                metronome.sent,
                model.mishaps,
                model.rejected,
                server.failures[:10],
                server.busy,
                len(server.connections),
                metronome.lags,
                server.full,
                time.process_time(),
            )

        async def asked() -> dict[int, list[Asked]]:
            return model.asked

        await obey(pipe, {"url": url, "progress": progress, "asked": asked})
