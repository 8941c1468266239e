"""What is asked and answered: the normal rate, and what an outage withholds of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken.health.traffic import Rate, Traffic


@given(st.floats(0.5, 50), st.floats(1, 60))
def test_a_rate_is_right_from_the_first_second_on(per_second: float, seconds: float) -> None:
    """And stays so."""
    rate = Rate(seconds)
    for step in range(1, 401):
        rate.advance(1 / per_second)
        rate.add()
        if step / per_second > seconds:
            assert rate.value == pytest.approx(per_second, rel=0.2 + 1 / (per_second * seconds))


def test_what_comes_all_at_once_is_no_endless_rate() -> None:
    """It is spread over half of the time."""
    rate = Rate(30.0)
    for _ in range(60):
        rate.add()
    assert rate.value == pytest.approx(60 / 11.8, rel=0.1)


def live(traffic: Traffic, since: float, until: float, *, asked: int, answered: int, failed: int) -> None:
    """So many of each a second."""
    for second in range(int(since), int(until)):
        for kind, count in ((traffic.asked, asked), (traffic.answered, answered), (traffic.failed, failed)):
            for number in range(count):
                kind(second + number / count)


def test_in_good_times_nothing_is_missing() -> None:
    """All that is asked is answered."""
    traffic = Traffic(0.0, 100)
    live(traffic, 0, 60, asked=20, answered=20, failed=0)
    assert traffic.normal(60.0) == pytest.approx(20, rel=0.1)
    assert traffic.missing(60.0) < 4


def test_an_outage_does_not_change_what_is_normal() -> None:
    """Though nobody asks any more, since all wait; what is missing is all but what is answered."""
    traffic = Traffic(0.0, 100)
    live(traffic, 0, 60, asked=20, answered=20, failed=0)
    live(traffic, 60, 180, asked=4, answered=5, failed=45)
    assert traffic.normal(180.0) == pytest.approx(20, rel=0.1)
    assert traffic.missing(180.0) == pytest.approx(15, rel=0.2)


def test_when_nothing_is_answered_nothing_is_missing() -> None:
    """A hundred failures in a row: to ask more often brings nothing back. One answer, and it is missing again."""
    traffic = Traffic(0.0, 100)
    live(traffic, 0, 60, asked=20, answered=20, failed=0)
    live(traffic, 60, 63, asked=0, answered=0, failed=33)
    assert traffic.missing(63.0) > 5
    live(traffic, 63, 64, asked=0, answered=0, failed=1)
    assert traffic.missing(64.0) == 0.0
    traffic.answered(64.0)
    assert traffic.missing(64.0) > 5


def test_who_begins_in_an_outage_knows_what_is_asked_in_it() -> None:
    """Nothing was ever normal."""
    traffic = Traffic(0.0, 100)
    live(traffic, 0, 30, asked=10, answered=2, failed=18)
    assert traffic.missing(30.0) == pytest.approx(8, rel=0.3)


def test_a_clock_that_goes_back_changes_nothing() -> None:
    """Virtual ones may be exchanged."""
    traffic = Traffic(100.0, 100)
    traffic.asked(100.0)
    before = traffic.normal(100.0)
    assert traffic.normal(50.0) == before
