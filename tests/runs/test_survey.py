"""What a file of requests would come to."""

from __future__ import annotations

from typing import Any

from unbroken.runs.survey import Survey


def request(**changes: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": "word " * 100}]
    return {"model": "claude-haiku-4-5", "max_tokens": 1_200, "messages": said, **changes}


def test_requests_are_added_up() -> None:
    """By model; those without a price are told apart; what is found is told once, with how often and where first."""
    survey = Survey()
    survey.add(1, request())
    survey.add(2, request(temperature=9))
    survey.add(3, request(temperature=9, model="claude-opus-5-5"))
    survey.add(4, request(model="somebody's"))
    assert (survey.requests, survey.unpriced) == (4, 1)
    assert survey.models == {"claude-haiku-4-5": 2, "claude-opus-5-5": 1, "somebody's": 1}
    assert survey.max_tokens == 4_800
    assert survey.most > survey.input_cost > 0
    (each,) = [found for found in survey.found.values() if found.count == 2]
    assert (each.severity, each.first) == ("error", 2)


def test_the_time_is_that_of_what_is_scarce() -> None:
    """Answers, requests or tokens."""
    survey = Survey()
    for number in range(120):
        survey.add(number, request())
    assert survey.seconds(1) == 120 * 20
    assert survey.seconds(24) == 100
    assert survey.seconds(24, requests_per_minute=10) == 720
    assert survey.seconds(24, tokens_per_minute=survey.input_tokens / 30) == 1_800
