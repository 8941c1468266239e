"""A partial outage in virtual time: each request is refused with the same probability, whatever the load.

The streams are `resilient_stream` itself, as in `storm.py`; users ask again and again, of one model without a fallback.
`python -m benchmarks.partial` prints the table, and fails if a bound is broken; `--rates 0.5 1` takes some rates only.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import trio

from benchmarks.endpoint import Endpoint, Job, Overload, Pool, Refused, Stream, Work
from benchmarks.strategies import MODELS, Answered, Strategy, Unbroken, sdk_defaults
from benchmarks.tables import show
from benchmarks.virtual import run
from unbroken import Health, Policy

__all__ = ["RATES", "Partial", "Seen", "partial_outage"]

#: The refusal rates that are compared; 1 is a total outage.
RATES: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class Partial:
    """What is simulated. Times are in seconds.

    Attributes:
        refused: The share of the requests that are refused during the outage.
        processes: Over how many processes the users are spread, each with a `Health`. 0: the SDK with five retries.
        users: Each waits for an answer, thinks, and asks again.
        think: The mean time from an answer, or an error, to the next question; it is exponentially distributed.
        warm_up: Before what is measured.
        normal: Before the outage.
        outage: How long it lasts.
        after: After the outage.
        max_attempts: Of the policy.
        health: Arguments of `Health` other than its defaults.
        seed: Draws everything.
    """

    refused: float
    processes: int = 1
    users: int = 300
    think: float = 9.0
    warm_up: int = 30
    normal: int = 60
    outage: int = 60
    after: int = 30
    max_attempts: int = 8
    health: tuple[tuple[str, float], ...] = ()
    seed: int = 0


@dataclass(slots=True)
class Seen:
    """What was seen, by whole second from the end of the warm-up.

    Attributes:
        scenario: What was simulated.
        sent: Requests that arrived.
        answered: Answers that were complete.
        waits: Of each question of the outage: when it was asked, how long until its first content or its error, and
            whether it was answered.
    """

    scenario: Partial
    sent: Counter[int]
    answered: Counter[int]
    waits: list[tuple[float, float, bool]] = field(default_factory=list)

    @property
    def outage(self) -> range:
        """The seconds of the outage."""
        return range(self.scenario.normal, self.scenario.normal + self.scenario.outage)

    def rate(self, seen: Counter[int], seconds: range | None = None) -> float:
        """How many a second; None: before the outage."""
        seconds = range(self.scenario.normal) if seconds is None else seconds
        return sum(seen[second] for second in seconds) / len(seconds)

    @property
    def load(self) -> float:
        """The requests of the outage, as a multiple of the normal rate."""
        return self.rate(self.sent, self.outage) / self.rate(self.sent)

    @property
    def second_after(self) -> float:
        """The most in any one second after the outage, as a multiple of the normal rate."""
        after = range(self.outage.stop, self.outage.stop + self.scenario.after)
        return max(self.sent[second] for second in after) / self.rate(self.sent)

    @property
    def normal_after(self) -> int:
        """Seconds from the end of the outage until as much is answered in three seconds as in three normal ones."""
        for end in range(self.outage.stop + 1, self.outage.stop + self.scenario.after):
            if self.rate(self.answered, range(end - 1, end + 2)) >= 0.9 * self.rate(self.answered):
                return end - self.outage.stop
        return self.scenario.after

    @property
    def answers(self) -> float:
        """Answers a second, in the outage."""
        return self.rate(self.answered, self.outage)

    def wait(self, *, of_answers: bool = False) -> float:
        """The mean wait of a question that was asked in the outage, in seconds; of those that were answered only."""
        waits = [waited for _, waited, answered in self.waits if answered or not of_answers]
        return sum(waits) / len(waits) if waits else float("nan")

    @property
    def lost(self) -> float:
        """The share of these questions that were given up."""
        return sum(not answered for *_, answered in self.waits) / max(1, len(self.waits))


class _Refuses(Endpoint):
    """Refuses a share of all requests while it is told to."""

    def __init__(self, users: int, rng: Random) -> None:
        work = Work(first_content=0.4, writing=0.5, writing_sigma=0.3)
        super().__init__(dict.fromkeys(MODELS, Pool(10 * users)), work, Overload(), rng)
        self.refused = 0.0

    async def ask(self, job: Job, model: str, done: float = 0.0) -> Stream:
        if self.rng.random() < self.refused:
            self.arrivals.append(trio.current_time())
            await trio.sleep(self.overload.refusal)
            raise Refused
        return await super().ask(job, model, done)


def partial_outage(scenario: Partial) -> Seen:
    """Run one scenario."""
    logging.getLogger("unbroken").setLevel(logging.CRITICAL)
    return run(_partial_outage, scenario, seed=scenario.seed)


def _strategy(scenario: Partial, endpoint: Endpoint) -> Strategy:
    if not scenario.processes:
        return sdk_defaults(endpoint, max_retries=5)
    health: dict[str, Any] = dict(scenario.health)
    make = lambda: Health(**health, clock=trio.current_time)  # noqa: E731
    return Unbroken(endpoint, scenario.processes, Policy(max_attempts=scenario.max_attempts), make, fallbacks=())


async def _partial_outage(scenario: Partial) -> Seen:
    endpoint = _Refuses(scenario.users, Random(scenario.seed))
    answer = _strategy(scenario, endpoint)
    begin = trio.current_time() + scenario.warm_up
    seen = Seen(scenario, Counter(), Counter())

    async def use(user: int) -> None:
        own = Random(f"{scenario.seed} {user}")
        await trio.sleep(own.uniform(0, scenario.think))
        while True:
            asked, told = trio.current_time() - begin, Answered()
            await answer(user, endpoint.job(), told)
            ended = trio.current_time() - begin
            seen.answered[int(ended)] += told.complete
            if int(asked) in seen.outage:
                until = ended if told.first_content is None else told.first_content - begin
                seen.waits.append((asked, until - asked, told.complete))
            await trio.sleep(own.expovariate(1 / scenario.think))

    async with trio.open_nursery() as nursery:
        for user in range(scenario.users):
            nursery.start_soon(use, user)
        await trio.sleep_until(begin + scenario.normal)
        endpoint.refused = scenario.refused
        await trio.sleep(scenario.outage)
        endpoint.refused = 0.0
        await trio.sleep(scenario.after)
        nursery.cancel_scope.cancel()
    seen.sent = Counter(int(arrived - begin) for arrived in endpoint.arrivals if arrived >= begin)
    return seen


#: Who is compared: a name, the processes, and `max_attempts`. The SDK with five retries makes six attempts.
WHO: Final = (("SDK, `max_retries=5`", 0, 6), ("one process", 1, 8), ("eight processes", 8, 8), ("six attempts", 1, 6))
#: The most load, as a multiple of the normal one: in a total outage, and in any second after it.
OUTAGE_BOUND: Final = 1.25
AFTER_BOUND: Final = 2.0

HEADS: Final = (
    "refused",
    "",
    "answers a second",
    "mean wait",
    "wait for an answer",
    "given up",
    "load in the outage",
    "most in a second after",
    "normal after",
)


def cells(seen: Seen) -> Iterator[str]:
    """What was seen as a row of the table, without its name."""
    yield f"{seen.answers:.1f}"
    yield f"{seen.wait():.1f} s"
    yield f"{seen.wait(of_answers=True):.1f} s"
    yield f"{100 * seen.lost:.0f} %"
    yield f"{seen.load:.2f} ×"
    yield f"{seen.second_after:.2f} ×"
    yield f"{seen.normal_after} s"


def broken(seen: Seen, sdk: Seen) -> Iterator[str]:
    """The bounds that do not hold, one sentence each."""
    where = f"{seen.scenario.refused:.0%} refused, {seen.scenario.processes} processes"
    if seen.scenario.refused == 1:
        if seen.load > OUTAGE_BOUND:
            yield f"{where}: the load in the outage is {seen.load:.2f} × normal."
        if seen.second_after > AFTER_BOUND:
            yield f"{where}: in a second after the outage the load is {seen.second_after:.2f} × normal."
    elif seen.answers < 0.98 * sdk.answers:  # what the dice do to two runs
        yield f"{where}: {seen.answers:.1f} answers a second, and the SDK's retries bring {sdk.answers:.1f}."


def main() -> int:
    """Print the table; return 1 if a bound is broken."""
    options = argparse.ArgumentParser(description="Partial outages, and what clients make of them.")
    options.add_argument("--seed", type=int, default=0, help="draws everything")
    options.add_argument("--rates", type=float, nargs="+", default=RATES, help="the shares that are refused")
    chosen = options.parse_args()
    table, faults = [], []
    for rate in chosen.rates:
        outcomes = [
            partial_outage(Partial(rate, processes, max_attempts=n, seed=chosen.seed)) for _, processes, n in WHO
        ]
        for (name, _, _), seen in zip(WHO, outcomes, strict=True):
            table.append((f"{rate:.0%}", name, *cells(seen)))
        faults += [fault for seen in outcomes[1:3] for fault in broken(seen, outcomes[0])]
    show("Partial outages", HEADS, table)
    print(" ".join(faults) or "every bound holds")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
