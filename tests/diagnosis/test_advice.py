"""The table of codes."""

from __future__ import annotations

from string import Formatter
from typing import get_args

import pytest

from unbroken.diagnosis.advice import ADVICE, Advice, Whose


@pytest.mark.parametrize("advice", ADVICE.values(), ids=list(ADVICE))
def test_an_entry_is_whole(advice: Advice) -> None:
    """Whose problem it is, one sentence, and at least one step, each a sentence."""
    assert advice.whose in get_args(Whose)
    assert advice.summary.endswith(".")
    assert {name for _, name, _, _ in Formatter().parse(advice.summary) if name} <= {"status", "models", "more"}
    assert advice.steps
    assert all(step[0].isupper() and step.endswith(".") for step in advice.steps)


def test_what_waiting_never_mends_stands_before_what_it_may() -> None:
    """The order decides between codes that were met equally often."""
    order = list(ADVICE)
    assert order.index("authentication") < order.index("rate_limited") < order.index("overloaded")
    assert order.index("overloaded") < order.index("server_error") < order.index("connection")
