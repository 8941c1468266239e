"""Answers that say that a limit is met, as the SDK sees them."""

from __future__ import annotations

from datetime import UTC, datetime

import anthropic
import pytest
from serving import ask, serving

from unbroken.testing import Script, ramp_limited, rate_limited, spend_limited

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NAMES = ("requests", "tokens", "input-tokens", "output-tokens")


@pytest.mark.asyncio
async def test_a_rate_limit_with_all_its_headers() -> None:
    """One is used up, and says when it is whole again."""
    limited = rate_limited("input-tokens", reset=90, retry_after=7.5, allowed={"input-tokens": 1000}, now=NOW)
    async with serving(Script(faults=[limited])) as (_, sdk):
        with pytest.raises(anthropic.RateLimitError, match="rate limit of 1000 input tokens per minute") as error:
            await sdk.messages.create(**ask())
    headers = error.value.response.headers
    assert headers["retry-after"] == "7.5"
    left = {name: int(headers[f"anthropic-ratelimit-{name}-remaining"]) for name in NAMES}
    assert [name for name, n in left.items() if n == 0] == ["input-tokens"]
    assert headers["anthropic-ratelimit-input-tokens-limit"] == "1000"
    assert {headers[f"anthropic-ratelimit-{name}-reset"] for name in NAMES} == {"2026-11-22T12:01:30Z"}


def test_a_rate_limit_without_a_time_to_wait() -> None:
    """The header is left out, and `reset` counts from now."""
    limited = rate_limited(retry_after=None)
    assert "retry-after" not in limited.headers
    reset = datetime.fromisoformat(limited.headers["anthropic-ratelimit-requests-reset"])
    assert 0 < (reset - datetime.now(UTC)).total_seconds() <= 30


@pytest.mark.asyncio
async def test_what_is_no_rate_limit() -> None:
    """A spend cap, which no waiting mends, and a ramp limit, which waiting does: both name themselves."""
    script = Script(faults=[spend_limited(), spend_limited("contract_spend_limit_reached"), ramp_limited(3)])
    seen = []
    async with serving(script) as (_, sdk):
        for _ in range(3):
            with pytest.raises(anthropic.RateLimitError) as error:
                await sdk.messages.create(**ask())
            headers = error.value.response.headers
            code = error.value.body["error"]["details"]["error_code"]  # type: ignore[index]
            seen.append((code, headers.get("retry-after"), "anthropic-ratelimit-tokens-reset" in headers))
    assert seen == [
        ("enforced_spend_limit_reached", None, False),
        ("contract_spend_limit_reached", None, False),
        ("ramp_limit_exceeded", "3", False),
    ]
