"""What exceptions and reports tell; what follows from it, `tests/test_diagnosing.py` has on real connections."""

from __future__ import annotations

from typing import Any

import pytest

from unbroken.diagnosis.postmortem import leaves, others_answered, rank_that_failed
from unbroken.report import AttemptReport, Report


def test_a_group_is_taken_apart() -> None:
    """In order, with the groups in it."""
    one, two, three = ValueError("1"), ValueError("2"), ValueError("3")
    assert list(leaves(ExceptionGroup("all", [one, ExceptionGroup("some", [two, three])]))) == [one, two, three]
    assert list(leaves(one)) == [one]


def test_the_first_route_that_failed_is_known() -> None:
    """Its request is looked through; a route that lost a race has not failed."""
    lost = AttemptReport(1, 0, "a", "request", 0.0, outcome="lost")
    died = AttemptReport(2, 1, "b", "request", 0.0, outcome="server_error")
    assert rank_that_failed(Report(attempts=[lost, died])) == 1
    assert rank_that_failed(Report()) == 0


def route(model: str, requests: int, failures: float) -> dict[str, Any]:
    """A route of `Health.snapshot()`."""
    return {"model": model, "requests": requests, "failures": failures}


@pytest.mark.parametrize(
    ("routes", "answered"),
    [
        ([], None),
        ([route("a", 2, 2.0)], None),
        ([route("a", 12, 2.0)], True),
        ([route("a", 12, 7.0)], False),
        ([route("a", 2, 2.0), route("b", 100, 0.0)], None),
    ],
)
def test_others_are_those_that_are_not_this_streams(routes: list[dict[str, Any]], answered: bool | None) -> None:
    """Of the models that it asked; most of them decide."""
    attempts = [AttemptReport(n, 0, "a", "request", 0.0, outcome="server_error") for n in (1, 2)]
    attempts.append(AttemptReport(3, 1, "b", "request", 0.0, outcome="cancelled"))
    assert others_answered(Report(attempts=attempts), {"routes": routes}) is answered
