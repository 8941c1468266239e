"""What a run may spend: it begins what is expected to fit, and learns from what has come."""

from __future__ import annotations

from typing import Any

import pytest

from unbroken import AttemptReport
from unbroken.runs.costs import Budget, Estimate, estimate

#: A request that may cost a dollar for its answer, and nothing for its input.
ASKED = Estimate(input_tokens=0, max_tokens=1_000, input=0.0, most=1.0)


def attempt(output: int, model: str = "claude-opus-5-5") -> AttemptReport:
    return AttemptReport(1, 0, model, "request", 0.0, output_tokens=output)


def test_an_estimate_is_by_text_and_prices() -> None:
    """What stands in an image costs nothing that could be known from its length; a tool's schema does."""
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 100_000}}
    said: list[Any] = [{"role": "user", "content": [image, {"type": "text", "text": "word " * 400}]}]
    base = {"model": "claude-opus-5-5", "max_tokens": 1_000_000, "messages": said}
    found = estimate(base)
    assert 300 < found.input_tokens < 1_000
    assert found.most is not None
    assert found.input is not None
    assert found.most > 10 * found.input > 0
    tools = [{"name": "search", "input_schema": {"type": "object", "properties": {"x" * 400: {}}}}]
    assert estimate({**base, "tools": tools}).input_tokens > found.input_tokens + 50
    unknown = estimate({**base, "model": "somebody's"})
    assert (unknown.input, unknown.most) == (None, None)


def test_without_a_budget_all_may_begin() -> None:
    budget = Budget()
    assert all(budget.may_begin(str(n), ASKED) for n in range(1_000))


def test_before_the_first_answer_the_most_is_expected() -> None:
    """Two dollars are two requests at a time; the third waits until one has ended."""
    budget = Budget(2.0)
    assert [budget.may_begin(str(n), ASKED) for n in range(3)] == [True, True, None]
    assert budget.reserved == 2.0
    budget.settle("0", ASKED, [attempt(100)])
    assert budget.spent == pytest.approx(0.002)  # 100 tokens at 20 dollars a million
    # An answer takes a tenth of what it may, so that many may run now.
    assert [budget.may_begin(str(n), ASKED) for n in range(3, 6)] == [True, True, True]


def test_a_single_request_may_be_expected_to_cost_too_much() -> None:
    """It is begun all the same: what it will cost is not known before one was answered."""
    budget = Budget(0.5)
    assert budget.may_begin("0", ASKED) is True
    budget.settle("0", ASKED, [attempt(1_000)])
    budget.spent = 0.4
    assert budget.may_begin("1", ASKED) is False


def test_nothing_begins_when_all_is_spent() -> None:
    """It is waited for what runs, and then it is the end."""
    budget = Budget(1.0)
    assert budget.may_begin("0", ASKED) is True
    budget.spent = 1.0
    assert budget.may_begin("1", ASKED) is None
    budget.settle("0", ASKED, [])
    assert budget.may_begin("1", ASKED) is False


def test_what_has_no_price_is_counted() -> None:
    budget = Budget()
    budget.settle("0", ASKED, [attempt(10, "somebody's")])
    assert (budget.spent, budget.unpriced) == (0.0, 1)
