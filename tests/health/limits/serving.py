"""A server with so many places, on a clock of its own: what a gate lets through, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from random import Random

from unbroken.health.limits.gate import Gate
from unbroken.health.limits.slot import Demand, Slot

__all__ = ["Served", "serve"]


@dataclass(slots=True)
class Served:
    """What a server has seen.

    Attributes:
        answered: When each request was answered that was, in seconds.
        refused: When each was refused that was.
        busy: By the second: how many places were in use, on average.
        most: The most requests that were out at a time, refused ones too.
    """

    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    busy: dict[int, float] = field(default_factory=dict)
    most: int = 0

    def used(self, begin: int, end: int) -> float:
        """The average of `busy` from one second to another."""
        return sum(self.busy.get(second, 0.0) for second in range(begin, end)) / (end - begin)


def serve(
    gate: Gate,
    places: Callable[[float], int],
    seconds: float,
    *,
    seed: int,
    wanted: Callable[[float], float] = lambda _now: float("inf"),
) -> Served:
    """Send as much as a gate lets through, and refuse what finds no place.

    A request takes some 0.1 s to the server, 1 s to its first content and 5 s to its end, by chance half as long or
    half as long again.

    Args:
        gate: Lets requests through.
        places: How many the server has, by the time.
        seconds: How long.
        seed: Of chance.
        wanted: The most requests out for which there is a demand, by the time.
    """
    chance, order, served = Random(seed), count(), Served()
    events: list[tuple[float, int, str, Slot | None]] = []
    now, busy = 0.0, 0

    def later(what: str, mean: float, slot: Slot | None = None) -> None:
        heappush(events, (now + mean * (0.5 + chance.random()), next(order), what, slot))

    for second in range(int(seconds)):
        heappush(events, (float(second), next(order), "second", None))
    while events:
        at, _, what, slot = heappop(events)
        served.busy[int(now)] = served.busy.get(int(now), 0.0) + busy * (at - now)
        now = at
        if what == "second" or slot is None:
            pass
        elif what == "arrived" and busy >= places(now):
            served.refused.append(now)
            gate.ended(slot, now, refused=True)
        elif what == "arrived":
            busy += 1
            gate.told(slot, {}, now)
            later("content", 1.0, slot)
        elif what == "content":
            served.answered.append(now)
            gate.answered(slot, now)
            later("end", 5.0, slot)
        else:
            busy -= 1
            gate.ended(slot, now)
        while now < seconds and gate.in_flight < wanted(now) and (sent := gate.enter(Demand(), now)) is not None:
            later("arrived", 0.1, sent)
            served.most = max(served.most, gate.in_flight)
    return served
