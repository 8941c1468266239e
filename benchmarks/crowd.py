"""A crowd: many streams at once on one fresh `Health`, each of which is refused once and would then be answered."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from math import inf
from random import Random
from typing import Any, Final

import trio

from benchmarks.endpoint import Endpoint, Job, Overload, Pool, Refused, Stream, Work
from benchmarks.strategies import MODELS, Answered, Unbroken
from benchmarks.virtual import run
from unbroken import Health, Policy

__all__ = ["STREAMS", "crowd"]

#: How many streams start at once.
STREAMS: Final = 200


class _RefusesOnce(Endpoint):
    """Answers each job when it is asked for a second time."""

    def __init__(self, rng: Random) -> None:
        super().__init__(dict.fromkeys(MODELS, Pool(STREAMS)), Work(), Overload(), rng)
        self._asked: set[int] = set()

    async def ask(self, job: Job, model: str, done: float = 0.0) -> Stream:
        if id(job) not in self._asked:
            self._asked.add(id(job))
            await trio.sleep(self.overload.refusal)
            raise Refused
        return await super().ask(job, model, done)


def crowd(health: Mapping[str, Any], seed: int) -> tuple[float, int]:
    """Seconds until the last of the streams that were answered has its first content, and how many were.

    Args:
        health: Arguments of `Health` other than its defaults.
        seed: Draws everything.
    """
    logging.getLogger("unbroken").setLevel(logging.CRITICAL)
    return run(_crowd, dict(health), seed, seed=seed)


async def _crowd(health: dict[str, Any], seed: int) -> tuple[float, int]:
    endpoint = _RefusesOnce(Random(seed))
    ask = Unbroken(endpoint, 1, Policy(), lambda: Health(**health, clock=trio.current_time))
    began = trio.current_time()
    told = [Answered() for _ in range(STREAMS)]
    jobs = [endpoint.job() for _ in told]
    async with trio.open_nursery() as nursery:
        for user, answered in enumerate(told):
            nursery.start_soon(ask, user, jobs[user], answered)
    seen = [each.first_content - began for each in told if each.first_content is not None and each.complete]
    return max(seen, default=inf), len(seen)
