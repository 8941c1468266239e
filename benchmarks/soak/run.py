"""Runs a soak: starts its processes, looks every second, and ends them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from benchmarks.children import Child
from benchmarks.soak.findings import Findings
from benchmarks.soak.judge import Tally
from benchmarks.soak.plan import SILENT_FOR, Plan
from benchmarks.soak.reader import Progress, read
from benchmarks.soak.server import Served, serve

__all__ = ["Look", "soak"]

#: Seconds between two looks.
EVERY: Final = 1.0
#: Seconds in which a server has to notice that a client has gone.
_NOTICED: Final = 10.0


@dataclass(frozen=True, slots=True)
class Look:
    """Where a soak stands.

    Attributes:
        seconds: Since its start.
        readers: Where each reader stands.
        servers: Where each server stands.
    """

    seconds: float
    readers: list[Progress]
    servers: list[Served]

    @property
    def open(self) -> int:
        """How many streams are open."""
        return sum(each.open for each in self.readers)

    @property
    def tally(self) -> Tally:
        """What became of the others."""
        return Tally.of(each.tally for each in self.readers)

    @property
    def sent(self) -> int:
        """How many events of text were sent."""
        return sum(each.sent for each in self.servers)

    @property
    def faults(self) -> int:
        """How much went wrong."""
        return sum(each.mishaps.total() for each in self.servers)


def soak(plan: Plan, tell: Callable[[Look], object]) -> Findings:
    """Run a soak to its end.

    Args:
        plan: How it is to be.
        tell: Called with each look at it.

    Raises:
        RuntimeError: One of its processes has died, or streams do not even end when they are said to hang.
    """
    with ExitStack() as stack:
        # On Python's own event loop, on which an event costs the server half of what it does on uvloop.
        servers = [stack.enter_context(Child(serve, plan.seed, 1 / plan.rate)) for _ in range(plan.servers)]
        urls = [server.ask("url") for server in servers]
        readers = [stack.enter_context(Child(read, plan, n, urls, loop=plan.loop)) for n in range(plan.readers)]
        for reader in readers:
            reader.ask("start")
        began, most, looks = time.monotonic(), 0, []
        while True:
            look = Look(
                time.monotonic() - began,
                [reader.ask("progress") for reader in readers],
                [server.ask("progress") for server in servers],
            )
            tell(look)
            looks.append((look.seconds, look.sent))
            most = max(most, look.open)
            if all(reader.done for reader in look.readers):
                break
            if look.seconds > plan.seconds + 10 * (plan.longest + SILENT_FOR):
                raise RuntimeError(f"{look.open} streams do not end")
            time.sleep(EVERY)
        return Findings(
            plan=plan,
            opened=most,
            readers=look.readers,
            leaks=[reader.ask("finish") for reader in readers],
            servers=_settled(servers),
            closed=[server.ask("progress") for server in servers],
            seconds=look.seconds,
            steady=_rate([each for each in looks if plan.longest <= each[0] <= plan.seconds] or looks),
        )


def _rate(looks: list[tuple[float, int]]) -> float:
    """Events a second between the first look and the last."""
    (start, before), (end, after) = looks[0], looks[-1]
    return (after - before) / (end - start) if end > start else 0.0


def _settled(servers: Sequence[Child]) -> list[Served]:
    """What the servers tell when they answer nothing any more, or have had the time to notice that nobody listens."""
    until = time.monotonic() + _NOTICED
    while True:
        told: list[Served] = [server.ask("progress") for server in servers]
        if not any(each.busy for each in told) or time.monotonic() > until:
            return told
        time.sleep(EVERY / 10)
