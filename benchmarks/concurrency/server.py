"""A process, on the other core, that serves stamped streams."""

from __future__ import annotations

import json
import os
from multiprocessing.connection import Connection

from benchmarks.soak.children import obey
from benchmarks.soak.lags import Lags
from benchmarks.soak.serving import Response, Server
from benchmarks.soak.stamps import stamped
from benchmarks.soak.stories import stamps_asked
from unbroken.testing.wire.http import HttpRequest

__all__ = ["serve"]


async def serve(pipe: Connection, every: float, core: int | None) -> None:
    """A process that serves: ask for its `url`, and for its `lags` since it was last asked.

    Args:
        pipe: Where it is asked.
        every: Seconds between two pieces of text.
        core: The core that it is to run on. None: any.
    """
    if core is not None:
        os.sched_setaffinity(0, {core})

    def answer(http: HttpRequest) -> Response:
        body = json.loads(http.body)
        return stamped(body["model"], stamps_asked(body["messages"][0]["content"]) or 0, every)

    async with Server(answer) as server:

        async def url() -> str:
            return server.url

        async def lags() -> Lags:
            since, server.metronome.lags = server.metronome.lags, Lags()
            return since

        await obey(pipe, {"url": url, "lags": lags})
