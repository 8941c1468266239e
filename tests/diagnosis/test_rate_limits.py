"""The headers of rate limits, read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken.diagnosis.rate_limits import RateLimit, rate_limits

NOW = 1_795_340_000.0  # 2026-11-22T09:33:20Z


def headers(name: str, limit: object = None, remaining: object = None, reset: object = None) -> dict[str, str]:
    """The headers of one limit."""
    values = {"limit": limit, "remaining": remaining, "reset": reset}
    return {f"anthropic-ratelimit-{name}-{what}": str(value) for what, value in values.items() if value is not None}


def test_the_four_limits_of_the_api_are_read_and_the_one_that_is_used_up_comes_first() -> None:
    """Whatever the order of the headers, and whatever else there is."""
    found = rate_limits(
        {
            **headers("requests", 50, 40, "2026-11-22T09:34:20Z"),
            **headers("tokens", 400_000, 200_000, "2026-11-22T09:34:00Z"),
            **headers("input-tokens", 300_000, 0, "2026-11-22T09:33:50Z"),
            **headers("output-tokens", 100_000, 10_000, "2026-11-22T09:33:21Z"),
            "anthropic-organization-id": "org_1",
            "request-id": "req_1",
        },
        NOW,
    )
    assert [limit.name for limit in found] == ["input-tokens", "output-tokens", "tokens", "requests"]
    assert found[0] == RateLimit("input-tokens", 300_000, 0, "2026-11-22T09:33:50Z", 30.0)
    assert [limit.exhausted for limit in found] == [True, False, False, False]
    assert [limit.left for limit in found] == [0.0, 0.1, 0.5, 0.8]


def test_headers_of_other_limits_are_read_by_their_form() -> None:
    """Priority, fast mode and subscriptions have their own."""
    names = ["anthropic-priority-input-tokens", "anthropic-fast-output-tokens", "Anthropic-Ratelimit-Unified-5h"]
    found = rate_limits({f"{name}-remaining": "1" for name in names}, NOW)
    assert [limit.name for limit in found] == ["priority-input-tokens", "fast-output-tokens", "unified-5h"]


@pytest.mark.parametrize(
    ("value", "reset", "seconds"),
    [
        ("2026-11-22T10:33:50+01:00", "2026-11-22T09:33:50Z", 30.0),
        ("2026-11-22T09:33:50", "2026-11-22T09:33:50Z", 30.0),
        ("1795340030", "2026-11-22T09:33:50Z", 30.0),
        ("2026-11-22T09:33:00Z", "2026-11-22T09:33:00Z", 0.0),
        ("soon", None, None),
        ("9" * 30, None, None),
    ],
    ids=["zone", "no zone", "unix time", "past", "no date", "no time at all"],
)
def test_a_reset_is_a_moment_and_the_seconds_until_then(value: str, reset: str | None, seconds: float | None) -> None:
    """In UTC; what cannot be read is None."""
    (found,) = rate_limits(headers("requests", reset=value), NOW)
    assert (found.reset, found.seconds) == (reset, seconds)


@pytest.mark.parametrize(
    ("limit", "remaining", "left"),
    [
        *(("100", "25", 0.25), ("100", "500", 1.0), (None, "5", 1.0), (None, "0", 0.0), ("x", "-1", 1.0)),
        *(("0", "0", 0.0), ("5", "9" * 400, 1.0), ("9" * 5_000, "5", 1.0)),
    ],
)
def test_what_is_left_is_a_share(limit: str | None, remaining: str, left: float) -> None:
    """Of an unknown limit everything is left, unless nothing is."""
    (found,) = rate_limits(headers("requests", limit, remaining), NOW)
    assert found.left == left


def test_a_limit_in_words_has_what_is_known() -> None:
    """And no more."""
    assert str(RateLimit("tokens", 400_000, 0, "2026-11-22T09:34:00Z", 40.0)) == (
        "tokens: 0 left, limit 400,000, resets at 2026-11-22T09:34:00Z"
    )
    assert str(RateLimit("tokens", remaining=5)) == "tokens: 5 left"


@given(st.dictionaries(st.text(max_size=40) | st.just("anthropic-ratelimit-tokens-reset"), st.text(max_size=30)))
def test_any_headers_can_be_read(anything: dict[str, str]) -> None:
    """What is no rate limit is none, and no value is too strange."""
    for limit in rate_limits(anything, NOW):
        assert limit.name
        assert 0 <= limit.left <= 1
