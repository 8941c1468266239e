"""Answers that say that a limit is met, with the headers that the API sends with them.

Rate-limits page, August 2026: `retry-after` in seconds, and `anthropic-ratelimit-*` with what is allowed, what is left,
and when it is whole again (RFC 3339). A spend cap has neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias

from unbroken.testing.script.faults import Status

__all__ = ["RateLimitName", "limit_headers", "ramp_limited", "rate_limited", "spend_limited"]

#: The four limits that the API reports.
RateLimitName: TypeAlias = Literal["requests", "tokens", "input-tokens", "output-tokens"]

#: What an organisation of the first tiers may do in a minute; any plausible numbers would do.
_ALLOWED: Final[Mapping[RateLimitName, int]] = {
    "requests": 50,
    "tokens": 38_000,
    "input-tokens": 30_000,
    "output-tokens": 8_000,
}


def rate_limited(
    limit: RateLimitName = "requests",
    *,
    reset: float = 30.0,
    retry_after: float | None = 30.0,
    allowed: Mapping[RateLimitName, int] | None = None,
    now: datetime | None = None,
) -> Status:
    """A 429 with the full headers, in which one limit is used up and the others are half full.

    Args:
        limit: The one that is used up.
        reset: In how many seconds it is whole again.
        retry_after: What the header `retry-after` says, in seconds; None: it is left out.
        allowed: What each limit allows in a minute; what is not named is that of a small account.
        now: What `reset` counts from; None: this moment.
    """
    most = {**_ALLOWED, **(allowed or {})}
    left: dict[RateLimitName, int] = {name: 0 if name == limit else count // 2 for name, count in most.items()}
    headers = limit_headers(most, left, (now or datetime.now(UTC)) + timedelta(seconds=reset))
    if retry_after is not None:
        headers["retry-after"] = f"{retry_after:g}"
    words = "requests" if limit == "requests" else f"{limit.replace('-', ' ')}"
    message = (
        f"This request would exceed your organization's rate limit of {headers[_limit(limit)]} {words} per minute."
    )
    return Status(429, message=message, headers=headers)


def limit_headers(
    allowed: Mapping[RateLimitName, int], left: Mapping[RateLimitName, int], reset: datetime
) -> dict[str, str]:
    """The headers that tell of each limit.

    Args:
        allowed: What each allows in a minute.
        left: What is left of it.
        reset: When it is whole again, in UTC.
    """
    at = reset.isoformat(timespec="seconds").replace("+00:00", "Z")
    headers: dict[str, str] = {}
    for name, most in allowed.items():
        headers[_limit(name)] = str(most)
        headers[f"anthropic-ratelimit-{name}-remaining"] = str(left[name])
        headers[f"anthropic-ratelimit-{name}-reset"] = at
    return headers


def ramp_limited(retry_after: float = 30.0) -> Status:
    """A 429 that says that usage grew too fast, which waiting mends.

    Args:
        retry_after: What the header `retry-after` says, in seconds.
    """
    return Status(
        429,
        message="This request would exceed the rate at which your organization's usage may grow.",
        headers={"retry-after": f"{retry_after:g}"},
        details={"error_code": "ramp_limit_exceeded"},
    )


def spend_limited(
    code: Literal["enforced_spend_limit_reached", "contract_spend_limit_reached"] = "enforced_spend_limit_reached",
) -> Status:
    """A 429 that no waiting mends: the organisation's spend cap. It has no `retry-after`.

    Args:
        code: Whether it is the cap of the account's tier, or that of its contract.
    """
    return Status(429, message="You have reached your specified API usage limits.", details={"error_code": code})


def _limit(name: RateLimitName) -> str:
    return f"anthropic-ratelimit-{name}-limit"
