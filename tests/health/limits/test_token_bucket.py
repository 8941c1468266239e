"""The caller's own limits: never more than there is, and no longer a wait than is needed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken.health.limits.token_bucket import TokenBucket


def test_a_tenth_of_a_minute_is_there_at_once_and_the_rest_comes_with_time() -> None:
    """Sixty requests a minute: six, and then one a second."""
    bucket = TokenBucket(60)
    assert bucket.left(100.0) == 6
    for _ in range(6):
        assert bucket.due(1, 100.0) == 0.0
        bucket.take(1, 100.0)
    assert bucket.due(1, 100.0) == pytest.approx(1.0)
    assert bucket.due(1, 101.0) == 0.0


def test_what_is_seldom_can_be_done_at_once() -> None:
    """Three a minute: one, and the next after twenty seconds."""
    bucket = TokenBucket(3)
    assert bucket.due(1, 0.0) == 0.0
    bucket.take(1, 0.0)
    assert bucket.due(1, 0.0) == pytest.approx(20.0)


def test_what_costs_more_than_there_is_waits_for_all_and_pays_afterwards() -> None:
    """A request of 50,000 tokens, where 30,000 are allowed in a minute."""
    bucket = TokenBucket(30_000)
    bucket.take(1_000, 0.0)
    assert bucket.due(50_000, 0.0) == pytest.approx(2.0)
    assert bucket.due(50_000, 2.0) == 0.0
    bucket.take(50_000, 2.0)
    assert bucket.left(2.0) == pytest.approx(-47_000)
    assert bucket.due(1, 2.0) == pytest.approx(94.0, abs=0.01)


def test_what_was_not_needed_comes_back() -> None:
    """As if it had never been taken."""
    bucket = TokenBucket(60)
    bucket.take(6, 0.0)
    bucket.take(-5, 0.0)
    assert bucket.left(0.0) == pytest.approx(5)


def test_what_was_used_long_ago_is_not_missing_now() -> None:
    """An answer's tokens are known at its end, and were written all the time."""
    bucket = TokenBucket(60)
    bucket.take(1, 0.0)
    bucket.take(59, 0.0)  # told at 60
    assert bucket.left(60.0) == 6


@given(
    st.floats(0.1, 10_000),
    st.lists(st.tuples(st.floats(0, 30), st.floats(0.1, 500)), min_size=1, max_size=60),
)
def test_no_window_has_more_than_its_time_brings_and_what_is_there_at_once(
    per_minute: float, requests: list[tuple[float, float]]
) -> None:
    """Each waits as long as it is told, and then has its turn. The last one of a window may be larger than the rest."""
    bucket, now, taken = TokenBucket(per_minute), 0.0, []
    at_once = bucket.left(0.0)
    for pause, cost in requests:
        now += pause
        wait = bucket.due(cost, now)
        now += wait
        assert bucket.due(cost, now) == 0.0
        bucket.take(cost, now)
        taken.append((now, cost))
    for begin, (first, _) in enumerate(taken):
        used = 0.0
        for last, cost in taken[begin:]:
            # All before it, and what it needed to be let through.
            assert used + min(cost, at_once) <= at_once + (last - first) * per_minute / 60 + 1e-3 * (1 + used)
            used += cost


@given(st.floats(1, 10_000), st.lists(st.tuples(st.floats(0, 30), st.floats(0.1, 100)), max_size=60))
def test_the_apis_own_bucket_never_refuses_what_it_lets_through(
    per_minute: float, requests: list[tuple[float, float]]
) -> None:
    """Rate-limits page: "the token bucket algorithm", continuously replenished up to the limit."""
    bucket, now, api, at = TokenBucket(per_minute), 0.0, per_minute, 0.0
    for pause, wanted in requests:
        cost = min(wanted, bucket._burst)
        now += pause
        now += bucket.due(cost, now)
        bucket.take(cost, now)
        api = min(per_minute, api + (now - at) * per_minute / 60) - cost
        at = now
        assert api >= -1e-6 * per_minute - 1e-3
