"""A gate against the API's own token buckets: all of them is used, and hardly anything is refused."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from unbroken.core.wire.rate_limits import Quota
from unbroken.health.limits.gate import Gate
from unbroken.health.limits.settings import Limits
from unbroken.health.limits.slot import Demand
from unbroken.report import AttemptReport

#: A run takes a second: a failing one is shown as it was found.
QUICK = tuple(set(Phase) - {Phase.shrink, Phase.explain})


@dataclass(slots=True)
class Api:
    """The API's limits for a minute: requests, and input tokens; each is filled up all the time.

    Attributes:
        limits: How many of each.
        left: Of each.
        at: When.
        used: How many of each were let through, by the second.
        answered: How many requests were answered, by the second.
        refused: How many were refused, by the second.
    """

    limits: tuple[float, float]
    left: list[float] = field(default_factory=list)
    at: float = 0.0
    used: dict[int, list[float]] = field(default_factory=dict)
    answered: dict[int, int] = field(default_factory=dict)
    refused: dict[int, int] = field(default_factory=dict)

    def ask(self, tokens: float, now: float) -> tuple[bool, dict[str, Quota]]:
        """Whether a request is let through, and what its headers say: thousands of tokens, and whole seconds."""
        left = self.left or list(self.limits)
        self.left = [
            min(limit, each + (now - self.at) * limit / 60) for limit, each in zip(self.limits, left, strict=True)
        ]
        self.at, second = now, int(now)
        accepted = self.left[0] >= 1 and self.left[1] >= min(tokens, self.limits[1])
        counts = self.answered if accepted else self.refused
        counts[second] = counts.get(second, 0) + 1
        if accepted:
            self.left = [self.left[0] - 1, self.left[1] - tokens]
            used = self.used.setdefault(second, [0.0, 0.0])
            used[0] += 1
            used[1] += tokens
        remaining = (int(self.left[0]), round(max(0.0, self.left[1]), -3))
        seconds = [math.ceil((limit - each) * 60 / limit) for limit, each in zip(self.limits, self.left, strict=True)]
        return accepted, {
            name: Quota(int(limit), int(each), until if each * 2 < limit else None)
            for name, limit, each, until in zip(
                ("requests", "input-tokens"), self.limits, remaining, seconds, strict=True
            )
        }


def run(gate: Gate, api: Api, seconds: float, *, tokens: float, guessed: float, seed: int, others: float = 0.0) -> None:
    """Send as much as a gate lets through of four hundred streams.

    Args:
        gate: Lets requests through.
        api: Answers.
        seconds: How long.
        tokens: What a request has, on average.
        guessed: What is estimated, for each token that there is.
        seed: Of chance.
        others: Requests a second by another process with the same account.
    """
    chance, order, now = Random(seed), count(), 0.0
    events: list[tuple[float, int, str, object, float]] = []

    def later(what: str, mean: float, slot: object = None, size: float = 0.0) -> None:
        heappush(events, (now + mean * (0.5 + chance.random()), next(order), what, slot, size))

    for tick in range(int(seconds * 20)):
        heappush(events, (tick / 20, next(order), "look", None, 0.0))
    if others:
        later("other", 1 / others)
    while events:
        now, _, what, slot, size = heappop(events)
        if what == "other":
            api.ask(tokens, now)
            if now < seconds:
                later("other", 1 / others)
        elif what == "arrived":
            accepted, quotas = api.ask(size, now)
            gate.told(slot, quotas, now)  # type: ignore[arg-type]
            if accepted:
                gate.answered(slot, now)  # type: ignore[arg-type]
                slot.report = AttemptReport(1, 0, "m", "request", 0.0, input_tokens=int(size), output_tokens=100)  # type: ignore[attr-defined]
                later("end", 4.0, slot)
            else:
                gate.ended(slot, now, refused=True)  # type: ignore[arg-type]
        elif what == "end":
            gate.ended(slot, now)  # type: ignore[arg-type]
        while now < seconds and gate.in_flight < 400:
            size = tokens * (0.5 + chance.random())
            sent = gate.enter(Demand(size * guessed, 1_000), now)
            if sent is None:
                break
            later("arrived", 0.3, sent, size)


def share(counts: dict[int, int], other: dict[int, int], begin: int) -> float:
    """Of all from one second on, how many are in the first."""
    first, second = (sum(n for at, n in each.items() if at >= begin) for each in (counts, other))
    return first / max(1, first + second)


@settings(deadline=None, max_examples=8, phases=QUICK)
@given(st.integers(30, 600), st.integers(0, 10**6), st.sampled_from([None, "adaptive"]))
def test_a_limit_of_requests_is_used_and_seldom_met(per_minute: int, seed: int, concurrency: str | None) -> None:
    """From the first minute on: at most one in a hundred is refused, and 95 % of what there is are used."""
    api = Api((per_minute, 10**9))
    run(Gate(Limits(concurrency=concurrency)), api, 300, tokens=500, guessed=1.0, seed=seed)  # type: ignore[arg-type]
    assert share(api.refused, api.answered, 60) <= 0.01
    assert sum(api.used.get(second, [0])[0] for second in range(60, 300)) >= 0.95 * per_minute * 4


@settings(deadline=None, max_examples=8, phases=QUICK)
@given(st.integers(20_000, 400_000), st.floats(0.2, 2.0), st.integers(0, 10**6))
def test_a_limit_of_input_tokens_is_used_and_seldom_met(per_minute: int, guessed: float, seed: int) -> None:
    """Whatever the estimate from characters is off by: what the API counts is learnt."""
    api = Api((10**6, per_minute))
    run(Gate(Limits()), api, 300, tokens=1_000, guessed=guessed, seed=seed)
    assert share(api.refused, api.answered, 60) <= 0.01
    assert sum(api.used.get(second, [0, 0.0])[1] for second in range(60, 300)) >= 0.95 * per_minute * 4


def test_what_others_use_of_the_account_is_left_to_them() -> None:
    """Headers are account-wide: half of the limit is used by another process, which knows nothing of this one."""
    api = Api((120, 10**9))
    run(Gate(Limits()), api, 300, tokens=500, guessed=1.0, seed=3, others=1.0)
    assert share(api.refused, api.answered, 60) <= 0.05
    assert sum(api.used.get(second, [0])[0] for second in range(60, 300)) >= 0.95 * 120 * 4


@pytest.mark.parametrize("per_minute", [10, 60, 1_000])
def test_with_the_callers_numbers_below_the_apis_nothing_is_refused(per_minute: int) -> None:
    """And all of them is used."""
    api = Api((per_minute, 10**9))
    run(Gate(Limits(requests_per_minute=per_minute)), api, 300, tokens=500, guessed=1.0, seed=4)
    assert not api.refused
    assert sum(api.used.get(second, [0])[0] for second in range(60, 300)) >= 0.95 * per_minute * 4
