"""A slice of the fleet's budget: nothing is made of nothing, and nothing waits."""

from __future__ import annotations

import math

from unbroken.health.fleet.budget import LeasedBudget


def test_what_is_above_the_slice_is_the_fleets() -> None:
    budget = LeasedBudget(0.1, 0.5, 20, 100.0)
    assert budget.settle(100.0) == (18, 0)
    budget.filled(0, 20, 100.0)
    assert budget.left(1000.0) == 2  # time fills the fleet's alone
    assert [budget.take(1000.0) for _ in range(2)] == [0, 0]
    assert budget.take(1000.0) == 0.1  # the fleet has some
    assert budget.settle(1000.0) == (0, 2)
    budget.filled(2, 0, 1000.0)
    assert [budget.take(1000.0) for _ in range(2)] == [0, 0]
    assert budget.take(1000.0) == 2  # one comes in two seconds, to the fleet


def test_alone_a_process_has_its_share_of_what_comes_with_time() -> None:
    budget = LeasedBudget(0.1, 0.5, 20, 100.0)
    given, _ = budget.settle(100.0)
    budget.filled(0, 20, 100.0)
    budget.alone(given, 5, 100.0)
    assert budget.left(100.0) == 20
    while not budget.take(100.0):
        pass
    assert budget.take(100.0) == 10  # 0.5 a second, for five


def test_more_is_asked_for_only_where_there_is_some() -> None:
    asked = []
    budget = LeasedBudget(0.1, 0, 10, 100.0)
    budget.ask = lambda: asked.append(1)
    budget.settle(100.0)
    budget.filled(0, 0, 100.0)
    assert [budget.take(100.0), budget.take(100.0)] == [0, math.inf]
    assert not asked
    budget.filled(1, 5, 100.0)
    assert not budget.take(100.0)
    assert asked
