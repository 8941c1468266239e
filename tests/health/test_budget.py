"""The retry budget: what fills it, what empties it, and that it never gives more than it has."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from unbroken.health.budget import RetryBudget


def spent(*, ratio: float = 0.2, per_second: float = 2.0, most: int = 2) -> RetryBudget:
    """A budget of which all was taken, at the moment 100."""
    budget = RetryBudget(ratio, per_second, most, 100.0)
    assert [budget.take(100.0) for _ in range(most)] == [0.0] * most
    return budget


def test_a_new_budget_is_full() -> None:
    """So that the first storm of a process is survived as well."""
    budget = RetryBudget(0.2, 2.0, 20.0, 0.0)
    assert budget.left(0.0) == 20.0
    assert [budget.take(0.0) for _ in range(20)] == [0.0] * 20
    assert budget.take(0.0) == 0.5


def test_with_time_retries_come_back() -> None:
    """Until the next, the wait is said and nothing is taken; after it, the retry is there."""
    budget = spent()
    assert budget.take(100.0) == 0.5
    assert budget.take(100.25) == 0.25
    assert budget.take(100.25) == 0.25
    assert budget.take(100.5) == 0.0
    assert budget.take(100.5) == 0.5


def test_every_success_earns_a_fraction_of_a_retry() -> None:
    """Five for one."""
    budget = spent(per_second=0)
    for _ in range(4):
        budget.earn(100.0)
        assert budget.take(100.0) == math.inf
    budget.earn(100.0)
    assert budget.take(100.0) == 0.0


def test_what_is_saved_up_has_a_limit() -> None:
    """A quiet night does not pay for a storm in the morning."""
    budget = spent()
    assert budget.left(3_700.0) == 2
    for _ in range(100):
        budget.earn(3_700.0)
    assert budget.left(3_700.0) == 2


def test_a_clock_that_goes_back_takes_nothing() -> None:
    """Monotonic clocks do not, but virtual ones may be exchanged."""
    assert RetryBudget(0.2, 2.0, 20.0, 100.0).left(50.0) == 20.0


@given(st.floats(0, 1e7), st.floats(0.01, 100))
def test_who_waits_as_long_as_was_said_gets_a_retry(now: float, per_second: float) -> None:
    """Whatever the sums lose to rounding."""
    budget = RetryBudget(0.2, per_second, 1.0, now)
    for _ in range(5):
        assert budget.take(now) == 0.0
        now += budget.take(now)


class Budget(RuleBasedStateMachine):
    """Retries are taken, earned and waited for in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.start = 1_000.0
        self.taken = self.earned = 0
        self.budget = RetryBudget(0.2, 2.0, 20.0, self.now)

    @rule()
    def take(self) -> None:
        self.taken += self.budget.take(self.now) == 0.0

    @rule()
    def earn(self) -> None:
        self.budget.earn(self.now)
        self.earned += 1

    @rule(seconds=st.floats(0, 20))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.budget.left(self.now) < 1)
    @rule()
    def wait_as_told(self) -> None:
        if seconds := self.budget.take(self.now):
            self.now += seconds
            assert self.budget.take(self.now) == 0.0
        self.taken += 1

    @invariant()
    def it_has_never_more_than_its_most_and_never_a_debt(self) -> None:
        assert 0 <= self.budget.left(self.now) <= 20

    @invariant()
    def it_gave_no_more_than_came_in(self) -> None:
        assert self.taken <= 20 + 0.2 * self.earned + 2 * (self.now - self.start) + self.taken * 2e-6


TestBudget = Budget.TestCase


def test_without_a_rate_there_is_none_to_wait_for() -> None:
    """Only a success brings the next."""
    assert spent(per_second=0).take(1e9) == math.inf
    assert spent(per_second=0, ratio=0).left(1e9) == pytest.approx(0.0)


def test_what_is_given_back_is_there_again() -> None:
    """One retry, but never more than can be saved up."""
    budget = RetryBudget(0.1, 0.0, 2.0, 0.0)
    assert budget.take(0.0) == 0.0
    budget.give_back(0.0)
    budget.give_back(0.0)
    assert budget.left(0.0) == 2.0
