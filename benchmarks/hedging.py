"""What hedging saves and costs: a thousand requests with a heavy tail, plain, hedged and raced, over twenty seeds.

`python -m benchmarks.hedging` prints the table and fails if a bound is broken; `--write` also writes it, and the
picture, for the docs; `--quick` takes five seeds. The requests are real: `resilient_stream` over the SDK and TCP, from
the fault server, on trio's virtual clock, so that their seconds are exact and take none. All strategies of a seed get
the same times to first content, request by request.
"""

from __future__ import annotations

import argparse
import ssl
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from math import log
from multiprocessing import get_context
from pathlib import Path
from random import Random
from statistics import median
from typing import Final

import trio
import trio.testing
from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient
from anthropic.types import MessageParam

from benchmarks.pictures import LINES, picture
from benchmarks.tables import markdown, show
from benchmarks.virtual import run
from unbroken import Health, Hedging, Policy, resilient_stream
from unbroken.testing import AFTER_MESSAGE_START, FaultServer, Script, Silence

#: The first of the seeds; `--seed` sets another.
SEED: Final = 20_261_122
SEEDS: Final = 20
REQUESTS: Final = 1_000
#: The primary and its fallback.
MODELS: Final = ("claude-opus-5-5", "claude-sonnet-5-5")
#: Times to first content, in seconds: lognormal, and a few are so many times slower.
MEDIAN: Final = 0.5
SIGMA: Final = 0.3
SLOW_SHARE: Final = 0.03
SLOW_FACTOR: Final = 20.0
#: The mean time from the end of an answer to the next request, in seconds.
PAUSE: Final = 1.0

#: How many times shorter the p99 of hedged requests has to be, for how many per cent more requests at the most.
SPEED_UP: Final = 4.0
EXTRA: Final = 9.0
#: In how many of twenty seeds.
ENOUGH: Final = 18
#: For how many real seconds nothing may happen before the clock jumps, and how many if that was too short: where all
#: cores are busy, even the loopback interface takes its time.
PATIENCE: Final = (0.0005, 0.005, 0.05)

STRATEGIES: Final = {
    "plain": Policy(),
    "hedged at p95": Policy(hedging=Hedging("adaptive")),
    "raced": Policy(hedging=Hedging(0)),
}
MESSAGES: Final[list[MessageParam]] = [{"role": "user", "content": "Is it so?"}]
PAGES: Final = Path(__file__).parent.parent / "docs" / "pages"


@dataclass(frozen=True, slots=True)
class Run:
    """One strategy with one seed.

    Attributes:
        strategy: Its name.
        seed: Of the times to first content.
        times: Seconds to the first text, request by request.
        sent: How many requests the server got for them.
    """

    strategy: str
    seed: int
    times: list[float]
    sent: int

    def quantile(self, q: float) -> float:
        """A quantile of the times."""
        return sorted(self.times)[min(len(self.times) - 1, int(q * len(self.times)))]

    @property
    def extra(self) -> float:
        """Per cent more requests than were asked for."""
        return 100 * (self.sent / len(self.times) - 1)


def draw(rng: Random) -> float:
    """A time to first content."""
    return rng.lognormvariate(log(MEDIAN), SIGMA) * (SLOW_FACTOR if rng.random() < SLOW_SHARE else 1)


def script(seed: int, requests: int) -> Script:
    """Each model's times to first content, in the order in which it is asked."""
    return Script("Yes.", models={model: Script("Yes.", faults=waits(seed, model, requests)) for model in MODELS})


def waits(seed: int, model: str, requests: int) -> list[Silence]:
    """How long a model's contents take, request by request."""
    rng = Random(f"{seed} {model}")
    return [Silence(draw(rng), at=AFTER_MESSAGE_START) for _ in range(requests)]


def measure(strategy: str, seed: int, requests: int = REQUESTS) -> Run:
    """Make the requests, one after the other.

    Raises:
        RuntimeError: The clock jumped while bytes were on their way, again and again.
    """
    drawn = [wait.seconds or 0.0 for wait in waits(seed, MODELS[0], requests)]
    for patience in PATIENCE:
        clock = trio.testing.MockClock(rate=1)
        measured = run(_measure, strategy, seed, requests, clock, patience, seed=seed, clock=clock)
        # A fallback makes an answer faster or changes nothing: who waited longer than was drawn has waited for a jump.
        if all(took <= most + 1e-6 for took, most in zip(measured.times, drawn, strict=True)):
            return measured
    raise RuntimeError("the clock jumps before bytes arrive: this machine is too busy to measure on")


async def _measure(strategy: str, seed: int, requests: int, clock: trio.testing.MockClock, patience: float) -> Run:
    times: list[float] = []
    pauses = Random(f"{seed} pauses")
    http_client = DefaultAsyncHttpxClient(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    async with FaultServer(script(seed, requests)) as server:
        async with AsyncAnthropic(base_url=server.url, api_key="test", http_client=http_client) as client:
            # A client's first request looks its platform up in a thread, for which a clock that jumps would not wait.
            await client.messages.count_tokens(model=MODELS[0], messages=MESSAGES)
            clock.rate, clock.autojump_threshold = 0, patience
            health = Health(clock=trio.current_time)
            for _ in range(requests):
                times.append(await _ask(client, strategy, health))
                await trio.sleep(pauses.expovariate(1 / PAUSE))
        sent = sum(request.path == "/v1/messages" for request in server.requests)
    return Run(strategy, seed, times, sent)


async def _ask(client: AsyncAnthropic, strategy: str, health: Health) -> float:
    """Read one answer; the seconds to its first text."""
    asked = trio.current_time()
    first: float | None = None
    async with resilient_stream(
        client,
        model=MODELS[0],
        max_tokens=1024,
        messages=MESSAGES,
        fallback_models=MODELS[1:] if strategy != "plain" else (),
        policy=STRATEGIES[strategy],
        health=health,
    ) as stream:
        async for _ in stream.text_stream:
            first = first or trio.current_time()
    assert first is not None
    return first - asked


@dataclass(frozen=True, slots=True)
class Trial:
    """All strategies with one seed."""

    seed: int
    runs: dict[str, Run]

    @property
    def speed_up(self) -> float:
        """How many times shorter the p99 of hedged requests is than that of plain ones."""
        return self.runs["plain"].quantile(0.99) / self.runs["hedged at p95"].quantile(0.99)

    @property
    def passed(self) -> bool:
        """Whether it is shorter enough, for few enough requests."""
        return self.speed_up >= SPEED_UP and self.runs["hedged at p95"].extra <= EXTRA


def try_all(seed: int) -> Trial:
    """Measure every strategy."""
    return Trial(seed, {strategy: measure(strategy, seed) for strategy in STRATEGIES})


HEADS: Final = (
    "seed",
    *(f"{name}, {q}" for name in STRATEGIES for q in ("p50", "p99")),
    "p99 shorter",
    *(f"{name}, more requests" for name in STRATEGIES if name != "plain"),
    "holds",
)


def rows(trials: Sequence[Trial]) -> Iterator[tuple[str, ...]]:
    """A row for each seed, and one for their medians."""
    for trial in trials:
        yield (str(trial.seed), *_cells([trial]), "yes" if trial.passed else "no")
    yield ("median", *_cells(trials), f"{sum(trial.passed for trial in trials)} of {len(trials)}")


def _cells(trials: Sequence[Trial]) -> Iterator[str]:
    for name in STRATEGIES:
        for q in (0.5, 0.99):
            yield f"{median(trial.runs[name].quantile(q) for trial in trials):.2f} s"
    yield f"{median(trial.speed_up for trial in trials):.1f} ×"
    for name in STRATEGIES:
        if name != "plain":
            yield f"{median(trial.runs[name].extra for trial in trials):.1f} %"


def broken(trials: Sequence[Trial]) -> list[str]:
    """The bound, if it does not hold, in one sentence."""
    passed = sum(trial.passed for trial in trials)
    if passed * SEEDS >= ENOUGH * len(trials):
        return []
    return [f"hedging makes p99 {SPEED_UP:g} × shorter for at most {EXTRA:g} % more in {passed} of {len(trials)} only"]


def draw_tails(trials: Sequence[Trial]) -> str:
    """The share of requests that still wait for their first content, by the time that they have waited."""
    with picture(height=3.2) as (drawn, [axes]):
        for name, colour in zip(STRATEGIES, LINES, strict=False):
            times = sorted(time for trial in trials for time in trial.runs[name].times)
            # Points at equal distances of the logarithm: all would be megabytes.
            left = [10 ** (-n / 100) for n in range(331)]
            axes.plot([times[int((1 - share) * len(times))] for share in left], left, color=colour, label=name)
        axes.set(xscale="log", yscale="log", ylim=(5e-4, 1.2), xlabel="seconds since the request")
        axes.set_ylabel("share without first content")
        axes.axhline(0.01, color="0.6", linewidth=0.8, linestyle=":")
        axes.annotate("p99", (axes.get_xlim()[1], 0.01), xytext=(-4, 3), textcoords="offset points", ha="right")
        axes.set_xticks([0.2, 0.5, 1, 2, 5, 10, 20], ["0.2", "0.5", "1", "2", "5", "10", "20"])
        axes.legend(frameon=False)
    return drawn.svg


def main() -> int:
    """Print the table; return 1 if a bound is broken."""
    options = argparse.ArgumentParser(description="What hedging saves and costs.")
    options.add_argument("--seed", type=int, default=SEED, help="the first of the seeds")
    options.add_argument("--quick", action="store_true", help="five seeds instead of twenty")
    options.add_argument("--write", action="store_true", help="write the table and the picture for the docs")
    chosen = options.parse_args()
    seeds = range(chosen.seed, chosen.seed + (5 if chosen.quick else SEEDS))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        trials = list(processes.map(try_all, seeds))
    show("Time to first content, and its price", HEADS, list(rows(trials)))
    faults = broken(trials)
    verdict = f"{REQUESTS:,} requests a strategy and seed; {'; '.join(faults) or 'the bound holds'}"
    print(verdict)
    if chosen.write:
        table = f"{markdown(HEADS, list(rows(trials)))}\n\n{verdict}\n"
        (PAGES / "benchmarks-hedging-table.md").write_text(table, "utf-8")
        (PAGES / "benchmarks-hedging.svg").write_text(draw_tails(trials), "utf-8")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
