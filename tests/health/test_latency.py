"""How soon a route begins to answer, with those that nobody waited for to the end."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken.health.latency import Latency

TIMES = st.lists(st.tuples(st.floats(0, 1e3), st.booleans()), min_size=1, max_size=250)


def of(*times: float, lost: tuple[float, ...] = ()) -> Latency:
    """A route that brought content after `times`, and none while it was watched for the times in `lost`."""
    latency = Latency()
    for seconds in times:
        latency.add(seconds)
    for seconds in lost:
        latency.add(seconds, censored=True)
    return latency


def test_where_all_brought_content_it_is_the_time_at_that_rank() -> None:
    """The nearest rank, as everywhere."""
    latency = of(*map(float, range(1, 101)))
    assert (len(latency), latency.observed) == (100, 100)
    assert [latency.quantile(q) for q in (0.01, 0.5, 0.95, 1.0)] == [1.0, 50.0, 95.0, 100.0]


def test_the_last_two_hundred_count() -> None:
    """A route that has become faster is known for it."""
    latency = of(*[9.0] * 500, *[1.0] * 200)
    assert (len(latency), latency.quantile(1.0)) == (200, 1.0)


def test_of_nothing_there_is_no_quantile() -> None:
    """Whoever asks has to know."""
    latency = Latency()
    assert not latency
    with pytest.raises(IndexError):
        latency.quantile(0.5)


def test_who_lost_late_is_slower_than_the_rest() -> None:
    """Six of a hundred had nothing by 3 s: the 95th percentile is not below that, as the survivors alone would say."""
    latency = of(*[1.0] * 94, lost=(3.0,) * 6)
    assert latency.observed == 94
    assert latency.quantile(0.94) == 1.0
    assert latency.quantile(0.95) == 3.0


def test_who_lost_early_says_nothing_about_what_comes_later() -> None:
    """A hedge that is left after a moment, because the primary answered, does not make its route look fast."""
    assert of(*[1.0] * 19, 2.0, lost=(0.05,) * 180).quantile(0.95) == 1.0
    assert of(*[1.0] * 18, 2.0, 2.0, lost=(0.05,) * 180).quantile(0.95) == 2.0


def test_a_time_counts_before_the_others_that_were_given_up_then() -> None:
    """They were watched for as long, and had nothing."""
    assert of(1.0, lost=(1.0,)).quantile(0.5) == 1.0


@given(TIMES)
def test_a_quantile_is_a_time_that_was_noted(times: list[tuple[float, bool]]) -> None:
    """Never made up between two, and in order; the censored ones only make it longer."""
    latency = Latency()
    for seconds, censored in times:
        latency.add(seconds, censored=censored)
    kept = [seconds for seconds, _ in times[-200:]]
    assert len(latency) == len(kept)
    p50, p95 = latency.quantile(0.5), latency.quantile(0.95)
    assert {p50, p95} <= set(kept)
    assert p50 <= p95
    assert p95 >= sorted(kept)[math.ceil(0.95 * len(kept)) - 1]


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=200), st.sampled_from([0.01, 0.5, 0.9, 0.95, 0.99, 1.0]))
def test_without_censored_ones_it_is_the_nearest_rank(times: list[float], q: float) -> None:
    """The estimate falls back to what everybody computes."""
    assert of(*times).quantile(q) == sorted(times)[math.ceil(q * len(times)) - 1]


def test_hedging_by_it_does_not_hedge_more_and_more() -> None:
    """Whatever was not waited for, one request in twenty goes on being slower than the 95th percentile."""
    dice = random.Random(20)
    latency, hedged = Latency(), 0
    for request in range(5_000):
        delay = latency.quantile(0.95) if latency.observed >= 20 else math.inf
        seconds = dice.lognormvariate(0, 0.3) * (20 if dice.random() < 0.03 else 1)
        other = delay + dice.lognormvariate(0, 0.3)
        latency.add(min(seconds, other), censored=seconds > other)
        hedged += seconds > delay and request >= 1_000
    assert 0.03 < hedged / 4_000 < 0.07
