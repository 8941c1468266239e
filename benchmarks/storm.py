"""A storm in virtual time: users who ask again and again, an endpoint that loses most of its places, and what was seen.

The streams are `resilient_stream` itself, with the real `Plan`, `Health` and `Policy`; only the endpoint is a model
(`endpoint.py`), and what it is compared with (`strategies.py`).
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from random import Random
from typing import Any, Final

import trio

from benchmarks.endpoint import Endpoint, Overload, Pool, Work
from benchmarks.strategies import MODELS, Answered, Strategy, Unbroken, naive_race, naive_retries, sdk_defaults
from benchmarks.virtual import run
from unbroken import Health, Hedging, Policy

__all__ = ["STRATEGIES", "Outcome", "Scenario", "simulate"]

#: What counts as normal again: this share of what was seen before the outage, over so many seconds.
NORMAL: Final = 0.95
SMOOTH: Final = 5
#: For so many seconds before the outage, much of what is written will be lost in it.
CUT: Final = 15


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is simulated. Times are in seconds.

    Attributes:
        strategy: A name of `STRATEGIES`.
        users: How many people there are, each of whom waits for an answer, thinks, and asks again.
        processes: How many applications they use; each has one `Health`.
        think: The mean time from an answer to the next question; it is exponentially distributed.
        utilisation: The share of the places that is taken before the outage.
        lost: The share of the places that goes away.
        shared: Whether all models have the same places. If not, each has as many, and the primary's go away.
        warm_up: Before what is measured.
        normal: Before the outage.
        outage: How long it lasts.
        after: After the repair.
        tail: After what is measured, for the answers that are being written then.
        health: Arguments of `Health` other than its defaults.
        seed: Draws everything.
    """

    strategy: str
    users: int = 10_000
    processes: int = 100
    think: float = 20.0
    utilisation: float = 0.7
    lost: float = 0.6
    shared: bool = True
    warm_up: int = 30
    normal: int = 60
    outage: int = 120
    after: int = 60
    tail: int = 25
    work: Work = field(default_factory=Work)
    overload: Overload = field(default_factory=Overload)
    health: tuple[tuple[str, float], ...] = ()
    seed: int = 0

    @property
    def places(self) -> int:
        """How many streams the endpoint can have at a time."""
        asked = self.users * self.work.mean / (self.work.mean + self.think)
        return round(asked / self.utilisation)


@dataclass(slots=True)
class Outcome:
    """What was seen, by whole second from the end of the warm-up.

    Attributes:
        scenario: What was simulated.
        offered: Requests that arrived at the endpoint.
        completed: Answers that were complete.
        goodput: How many such answers were being written, on the mean over the second: text, in the end, that somebody
            could use.
        lost: Answers that were not, and given up.
        first_content: Seconds from a question to its first content, by when that came.
    """

    scenario: Scenario
    offered: list[int]
    completed: list[int]
    goodput: list[float]
    lost: list[int]
    first_content: list[tuple[float, float]] = field(default_factory=list)

    @property
    def outage(self) -> range:
        """The seconds of the outage."""
        return range(self.scenario.normal, self.scenario.normal + self.scenario.outage)

    def rate(self, seen: Sequence[float], seconds: range | None = None) -> float:
        """How many a second; None: before the outage, but for the seconds in which what it cut was being written."""
        seconds = range(self.scenario.normal - CUT) if seconds is None else seconds
        return sum(seen[second] for second in seconds) / len(seconds)

    @property
    def load(self) -> float:
        """The load during the outage, as a multiple of the normal load."""
        return self.rate(self.offered, self.outage) / self.rate(self.offered)

    @property
    def worst_load(self) -> float:
        """The same of the ten seconds with the most."""
        tens = [range(second, second + 10) for second in self.outage[:-9]]
        return max(self.rate(self.offered, ten) for ten in tens) / self.rate(self.offered)

    @property
    def goodput_left(self) -> float:
        """The goodput during the outage, as a share of the normal goodput."""
        return self.rate(self.goodput, self.outage) / self.rate(self.goodput)

    def recovery(self, seen: Sequence[float]) -> float:
        """Seconds from the repair to the end of the first `SMOOTH` in which as much was seen as is normal."""
        enough = NORMAL * self.rate(seen)
        for end in range(self.outage.stop + SMOOTH, len(seen) + 1):
            if self.rate(seen, range(end - SMOOTH, end)) >= enough:
                return float(end - self.outage.stop)
        return inf

    @property
    def lost_share(self) -> float:
        """The share of the answers of the outage that were lost."""
        lost, completed = self.rate(self.lost, self.outage), self.rate(self.completed, self.outage)
        return lost / (lost + completed)

    def slowest(self, seconds: range) -> float:
        """The 99th percentile of the time to first content of what began to be answered then."""
        times = sorted(took for at, took in self.first_content if int(at) in seconds)
        return times[min(len(times) - 1, int(0.99 * len(times)))] if times else float("nan")


def strategy(scenario: Scenario, endpoint: Endpoint) -> Strategy:
    """The strategy that a scenario names."""
    policies = {"unbroken": Policy(), "unbroken, hedged": Policy(hedging=Hedging("adaptive"))}
    match scenario.strategy:
        case "SDK defaults":
            return sdk_defaults(endpoint)
        case "naive retries ×5":
            return naive_retries(endpoint)
        case "naive race":
            return naive_race(endpoint)
        case name:
            health: dict[str, Any] = dict(scenario.health)
            make = lambda: Health(**health, clock=trio.current_time)  # noqa: E731
            return Unbroken(endpoint, scenario.processes, policies[name], make)


STRATEGIES: Final = ("SDK defaults", "naive retries ×5", "naive race", "unbroken", "unbroken, hedged")


def simulate(scenario: Scenario) -> Outcome:
    """Run one scenario."""
    # What every stream would tell an operator, ten thousand times.
    logging.getLogger("unbroken").setLevel(logging.CRITICAL)
    return run(_simulate, scenario, seed=scenario.seed)


async def _simulate(scenario: Scenario) -> Outcome:
    rng = Random(scenario.seed)
    models = {model: Pool(scenario.places) for model in MODELS}
    if scenario.shared:
        models = dict.fromkeys(MODELS, models[MODELS[0]])
    endpoint = Endpoint(models, scenario.work, scenario.overload, rng)
    answer = strategy(scenario, endpoint)
    begin = trio.current_time() + scenario.warm_up
    completed: Counter[int] = Counter()
    lost: Counter[int] = Counter()
    goodput: dict[int, float] = defaultdict(float)
    times: list[tuple[float, float]] = []

    async def use(user: int) -> None:
        own = Random(f"{scenario.seed} {user}")
        # At a random point of an answer or of the thinking after it.
        busy = own.random() < scenario.work.mean / (scenario.work.mean + scenario.think)
        await trio.sleep(own.expovariate(1 / scenario.think) + busy * own.uniform(0, scenario.work.mean))
        while True:
            asked, told = trio.current_time(), Answered()
            await answer(user, endpoint.job(), told)
            second = int(trio.current_time() - begin)
            (completed if told.complete else lost)[second] += 1
            for start, end in told.kept:
                _spread(goodput, start - begin, end - begin)
            if told.first_content is not None:
                times.append((told.first_content - begin, told.first_content - asked))
            await trio.sleep(own.expovariate(1 / scenario.think))

    async with trio.open_nursery() as nursery:
        for user in range(scenario.users):
            nursery.start_soon(use, user)
        primary = models[MODELS[0]]
        await trio.sleep_until(begin + scenario.normal)
        primary.resize(round(scenario.places * (1 - scenario.lost)), rng)
        await trio.sleep(scenario.outage)
        primary.resize(scenario.places, rng)
        await trio.sleep(scenario.after + scenario.tail)
        nursery.cancel_scope.cancel()
    seconds = range(scenario.normal + scenario.outage + scenario.after)
    offered = Counter(int(arrived - begin) for arrived in endpoint.arrivals if arrived >= begin)
    return Outcome(
        scenario,
        offered=[offered[second] for second in seconds],
        completed=[completed[second] for second in seconds],
        goodput=[goodput[second] for second in seconds],
        lost=[lost[second] for second in seconds],
        first_content=times,
    )


def _spread(counts: dict[int, float], start: float, end: float) -> None:
    """Count the part of each second that lies between two times."""
    for second in range(int(start // 1), int(end // 1) + 1):
        counts[second] += min(end, second + 1) - max(start, second)
