"""When a route may be asked again."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.plan.readiness import ROUNDING, Readiness, seconds_until

MOMENTS = st.floats(0, 1e8)


def test_a_route_of_which_nothing_is_known_may_be_asked() -> None:
    """Neither its breaker nor its bucket is in the way, and no incident is declared."""
    assert Readiness() == Readiness(open_for=0.0, cool_for=0.0, incident=False)


def test_a_moment_that_has_passed_is_not_waited_for() -> None:
    """Nor one that is missed by no more than rounding."""
    assert seconds_until(12.0, 10.0) == 2.0
    assert [seconds_until(10.0, now) for now in (10.0, 11.0, 10.0 - ROUNDING / 2)] == [0.0] * 3
    assert seconds_until(math.inf, 10.0) == math.inf


@given(MOMENTS, MOMENTS)
def test_who_waits_as_long_as_was_said_has_arrived(moment: float, now: float) -> None:
    """On any clock, whatever the sum of both loses: otherwise a virtual one would stand still for ever."""
    assert seconds_until(moment, now + seconds_until(moment, now)) == 0.0
