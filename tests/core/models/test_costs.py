"""What attempts cost together; what each one costs is tested with its report."""

from __future__ import annotations

import pytest

from unbroken.core.models.costs import AttemptCost, Cost

CUT = AttemptCost(1, 1.0, 4.0, 4.0)
RESUMED = AttemptCost(2, 2.0, 3.0, 0.0)


def test_nothing_costs_nothing() -> None:
    assert Cost.of([], []) == Cost(0, 0.0, 0.0, ())


def test_what_no_price_is_known_of_has_none() -> None:
    """Nor has the whole."""
    assert Cost.of([CUT, None], [1.0, 1.0]) == Cost(None, None, None, (CUT, None))


def test_recovery_is_what_an_undisturbed_stream_would_not_have_cost() -> None:
    """The resume's input, and the output that was not delivered."""
    assert RESUMED.total == 5.0
    cost = Cost.of([CUT, RESUMED], [0.5, 1.0])
    assert (cost.total, cost.recovery, cost.estimated_share) == (10.0, pytest.approx(4.0), 0.4)


def test_where_nothing_was_delivered_the_first_input_is_no_recovery() -> None:
    assert Cost.of([CUT, RESUMED], [0.0, 0.0]).recovery == pytest.approx(9.0)
