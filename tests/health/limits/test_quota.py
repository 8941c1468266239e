"""What the API says is left, between one response and the next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.wire.rate_limits import Quota
from unbroken.health.limits.quota import ToldQuota


def told(limit: int, remaining: int, seconds: float | None = None, unseen: float = 0.0) -> ToldQuota:
    """What is known at the moment 100 of what was told then."""
    quota = ToldQuota()
    quota.told(Quota(limit, remaining, seconds), unseen, 100.0)
    return quota


def test_of_what_was_not_told_nothing_is_held_back() -> None:
    """The first request is sent without a word of the API."""
    quota = ToldQuota()
    assert not quota.known
    assert quota.due(1e9, 0.0) == 0.0


def test_what_is_left_is_used_and_comes_back_with_time() -> None:
    """A limit for a minute is filled up all the time. The last three of sixty are left to others."""
    quota = told(60, 5)
    for _ in range(2):
        assert quota.due(1, 100.0) == 0.0
        quota.take(1, 100.0)
    assert quota.due(1, 100.0) == pytest.approx(1.0)
    assert quota.left(130.0) == 33
    assert quota.left(1_000.0) == quota.limit == 60


def test_the_reset_says_how_fast() -> None:
    """Sixty missing, whole in two minutes: one in two seconds; never faster than a limit for a minute is filled up."""
    assert told(60, 0, 120.0).due(1, 100.0) == pytest.approx(4 * 2.0)
    assert told(60, 0, 1.0).due(1, 100.0) == pytest.approx(4 * 1.0)
    assert told(60, 60, 0.0).due(1, 100.0) == 0.0


def test_a_reset_in_ten_years_freezes_nothing() -> None:
    """Whatever a response says, another request says more after two minutes at the latest."""
    assert told(60, 0, 3e8).due(60, 100.0) == pytest.approx(120.0)


def test_what_the_response_does_not_know_of_is_counted() -> None:
    """Ten others were sent meanwhile."""
    quota = told(60, 12, unseen=10.0)
    assert quota.left(100.0) == 2
    assert quota.due(1, 100.0) == pytest.approx(2.0)


def test_what_costs_more_than_all_waits_for_all() -> None:
    """So that it is asked at some time."""
    quota = told(1_000, 400)
    assert quota.due(5_000, 100.0) == pytest.approx(36.0)
    assert quota.due(5_000, 136.0) == 0.0


def test_a_limit_of_nothing_is_the_apis_to_enforce() -> None:
    """It says why, which nobody who waits would hear."""
    assert told(0, 0, 60.0).due(1, 100.0) == 0.0


@given(
    st.integers(1, 10**7),
    st.floats(0, 1),
    st.one_of(st.none(), st.floats(0, 1e9)),
    st.floats(0, 1e6),
    st.floats(0.1, 1e7),
)
def test_who_waits_as_long_as_is_said_has_its_turn(
    limit: int, share: float, seconds: float | None, unseen: float, cost: float
) -> None:
    """And no wait is for ever."""
    quota = told(limit, int(limit * share), seconds, unseen)
    wait = quota.due(cost, 100.0)
    assert quota.due(cost, 100.0 + wait) == pytest.approx(0.0, abs=1e-3)
    assert wait <= 120.0 * (1 + (unseen + 1) / min(limit, max(1, limit - int(limit * share)))) + 1
