"""What requests turn out to use is expected of the next."""

from __future__ import annotations

import pytest

from unbroken.health.limits.averages import Averages, Mean
from unbroken.health.limits.slot import Demand


def test_before_anything_was_learnt() -> None:
    """The input by its characters, and a page of output, or as much as it may have."""
    assert Averages().expected(Demand(1_000, 64_000)) == (1, 1_000, 500)
    assert Averages().expected(Demand(0, 100)) == (1, 1, 100)


def test_the_input_is_what_the_api_counts() -> None:
    """Nine tenths of it come from a cache."""
    averages = Averages()
    averages.ended(Demand(1_000, 100), 100, 50, 2.0)
    assert averages.expected(Demand(5_000, 100))[1] == pytest.approx(500)


def test_the_output_is_what_is_written_in_a_minute() -> None:
    """Ten thousand tokens in ten minutes are a thousand in each."""
    averages = Averages()
    averages.ended(Demand(10, 64_000), 10, 10_000, 600.0)
    assert averages.expected(Demand(10, 64_000))[2] == pytest.approx(1_000)


def test_of_what_nobody_knows_nothing_is_learnt() -> None:
    """A request that died, or was not measured."""
    averages = Averages()
    averages.ended(Demand(10, 64_000), None, None, 6.0)
    averages.ended(Demand(0, 64_000), 7, None, 6.0)
    assert averages.expected(Demand(10, 64_000)) == Averages().expected(Demand(10, 64_000))


def test_the_mean_is_that_of_all_and_then_of_the_last() -> None:
    """One odd value changes little; twenty change nearly all."""
    mean = Mean(7.0)
    for value in (1.0, 2.0, 3.0):
        mean.add(value)
    assert mean.value == pytest.approx(2.0)
    for _ in range(50):
        mean.add(2.0)
    mean.add(12.0)
    assert mean.value == pytest.approx(3.0)
    for _ in range(20):
        mean.add(12.0)
    assert mean.value > 10
