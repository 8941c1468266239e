"""The retry budget and what is known of models, on a clock that the test moves."""

from __future__ import annotations

import gc
import math
import threading
import weakref
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken import Health
from unbroken.health import default_health


class Clock:
    """Monotonic seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def spent(**settings: Any) -> tuple[Health, Clock]:
    """A budget of two retries, both taken."""
    clock = Clock()
    health = Health(max_retries=2, clock=clock, **settings)
    assert [health.take_retry(), health.take_retry()] == [0.0, 0.0]
    return health, clock


def test_a_new_budget_is_full() -> None:
    """A hundred retries: Finagle's ten seconds of its minimum."""
    health = Health(clock=Clock())
    assert health.snapshot() == {"retries_left": 100.0, "first_content": {}}
    assert [health.take_retry() for _ in range(100)] == [0.0] * 100
    assert health.take_retry() == 0.1


def test_with_time_retries_come_back() -> None:
    """Ten a second by default; until the next, the wait is said and nothing is taken."""
    health, clock = spent()
    assert health.take_retry() == pytest.approx(0.1)
    clock.now += 0.05
    assert health.take_retry() == pytest.approx(0.05)
    assert health.take_retry() == pytest.approx(0.05)
    clock.now += 0.0501
    assert health.take_retry() == 0.0
    assert health.take_retry() > 0


def test_every_success_earns_a_fraction_of_a_retry() -> None:
    """Five for one, by default."""
    health, _ = spent(retries_per_second=0)
    for _ in range(4):
        health.succeeded("m", None)
        assert health.take_retry() == math.inf
    health.succeeded("m", None)
    assert health.take_retry() == 0.0


def test_what_is_saved_up_has_a_limit() -> None:
    """A quiet night does not pay for a storm in the morning."""
    health, clock = spent()
    clock.now += 3_600
    assert health.snapshot()["retries_left"] == 2
    for _ in range(100):
        health.succeeded("m", None)
    assert health.snapshot()["retries_left"] == 2


def test_without_a_rate_there_is_none_to_wait_for() -> None:
    """Only a success brings the next."""
    health, clock = spent(retries_per_second=0)
    clock.now += 1e9
    assert health.take_retry() == math.inf


def test_a_clock_that_goes_back_takes_nothing() -> None:
    """Monotonic clocks do not, but virtual ones may be exchanged."""
    health = Health(clock=(clock := Clock()))
    clock.now -= 50
    assert health.snapshot()["retries_left"] == 100.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"retry_ratio": -0.1}, "must not be negative"),
        ({"retries_per_second": -1}, "must not be negative"),
        ({"max_retries": 0.5}, "max_retries must be at least 1"),
        ({"retry_ratio": math.nan}, "must not be negative"),
        ({"retries_per_second": math.nan}, "must not be negative"),
        ({"max_retries": math.nan}, "max_retries must be at least 1"),
    ],
)
def test_numbers_that_make_no_budget(settings: dict[str, Any], message: str) -> None:
    """Each says which."""
    with pytest.raises(ValueError, match=message):
        Health(**settings)


def test_the_time_to_first_content_is_known_by_model() -> None:
    """Its median and its 95th percentile, in seconds, of the last 200."""
    health = Health(clock=Clock())
    for seconds in range(1, 101):
        health.succeeded("claude-opus-5-5", float(seconds))
    health.succeeded("claude-haiku-4-5", 0.5)
    health.succeeded("claude-haiku-4-5", None)
    assert health.snapshot()["first_content"] == {
        "claude-opus-5-5": {"count": 100, "p50": 50.0, "p95": 95.0},
        "claude-haiku-4-5": {"count": 1, "p50": 0.5, "p95": 0.5},
    }
    for _ in range(200):
        health.succeeded("claude-opus-5-5", 7.0)
    assert health.snapshot()["first_content"]["claude-opus-5-5"] == {"count": 200, "p50": 7.0, "p95": 7.0}


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=250))
def test_percentiles_are_times_that_were_seen(times: list[float]) -> None:
    """Never made up between two, and in order."""
    health = Health(clock=Clock())
    for seconds in times:
        health.succeeded("m", seconds)
    seen = health.snapshot()["first_content"]["m"]
    assert seen["count"] == min(len(times), 200)
    assert {seen["p50"], seen["p95"]} <= set(times)
    assert seen["p50"] <= seen["p95"]


def test_a_model_that_rejects_prefill_is_remembered() -> None:
    """For all streams that share this health."""
    health = Health()
    assert health.accepts_prefill("claude-haiku-4-5")
    health.note_prefill_unsupported("claude-haiku-4-5")
    assert not health.accepts_prefill("claude-haiku-4-5")
    assert health.accepts_prefill("claude-sonnet-4-5")


def test_threads_share_a_budget_to_the_last_retry() -> None:
    """As many are taken as there were, whoever takes them."""
    health = Health(max_retries=1_000, retries_per_second=0)
    taken: list[int] = []

    def take() -> None:
        taken.append(sum(health.take_retry() == 0.0 for _ in range(400)))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == 1_000


class Client:
    """Anything that can be referred to weakly, as SDK clients can."""


def test_one_health_for_each_client_while_it_lives() -> None:
    """Another client's is another; a client that is gone leaves none behind."""
    one, other = Client(), Client()
    assert default_health(one) is default_health(one)
    assert default_health(one) is not default_health(other)
    left_behind = weakref.ref(default_health(other))
    del other
    gc.collect()
    assert left_behind() is None
