"""The headers of rate limits, read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.wire.rate_limits import Quota, QuotaReader, RateLimit, rate_limits

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


# -- for whoever paces requests

READER = QuotaReader(["requests", "input-tokens", "fast-input-tokens"])


def raw(**values: object) -> list[tuple[bytes, bytes]]:
    """Headers as they came, by their names with underscores."""
    return [(name.replace("_", "-").encode(), str(value).encode()) for name, value in values.items()]


def test_a_response_says_what_is_left_of_the_limits_that_are_asked_for() -> None:
    """Whatever the case of the headers. When more than half is left, nobody needs to know when it is whole."""
    told = READER.read(
        raw(
            Anthropic_RateLimit_Requests_Limit=50,
            anthropic_ratelimit_requests_remaining=49,
            anthropic_ratelimit_requests_reset="2026-11-22T09:33:21Z",
            anthropic_ratelimit_input_tokens_limit=30_000,
            anthropic_ratelimit_input_tokens_remaining=1_000,
            anthropic_ratelimit_input_tokens_reset="2026-11-22T09:34:18Z",
            anthropic_ratelimit_output_tokens_limit=8_000,
            anthropic_ratelimit_output_tokens_remaining=0,
            anthropic_fast_input_tokens_limit=10,
            anthropic_fast_input_tokens_remaining=3,
            request_id="req_1",
        ),
        NOW,
    )
    assert told == {
        "requests": Quota(50, 49, None),
        "input-tokens": Quota(30_000, 1_000, 58.0),
        "fast-input-tokens": Quota(10, 3, None),
    }


def test_the_seconds_are_counted_by_the_servers_clock() -> None:
    """This machine's may be an hour off."""
    limited = raw(
        anthropic_ratelimit_requests_limit=50,
        anthropic_ratelimit_requests_remaining=0,
        anthropic_ratelimit_requests_reset="2026-11-22T09:34:20Z",
    )
    hour_off = NOW + 3_600
    assert READER.read(limited, hour_off)["requests"].seconds == 0.0
    dated = [*limited, (b"Date", b"Sun, 22 Nov 2026 09:33:50 GMT")]
    assert READER.read(dated, hour_off)["requests"].seconds == 30.0
    undated = [*limited, (b"date", b"yesterday")]
    assert READER.read(undated, NOW)["requests"].seconds == 60.0


@given(st.lists(st.tuples(st.sampled_from(["limit", "remaining", "reset"]), st.binary(max_size=25)), max_size=5))
def test_no_value_of_a_header_breaks_the_reader(values: list[tuple[str, bytes]]) -> None:
    """What is no number is not told."""
    told = READER.read([(f"anthropic-ratelimit-requests-{what}".encode(), value) for what, value in values], NOW)
    assert all(quota.limit >= 0 and quota.remaining >= 0 for quota in told.values())


@pytest.mark.parametrize(("limit", "remaining"), [("", "5"), ("5", ""), ("many", "5"), ("5", "1" * 19), ("5", "-1")])
def test_a_limit_of_which_half_is_said_is_not_told(limit: str, remaining: str) -> None:
    """Both numbers are needed."""
    told = raw(anthropic_ratelimit_requests_limit=limit, anthropic_ratelimit_requests_remaining=remaining)
    assert READER.read(told, NOW) == {}
