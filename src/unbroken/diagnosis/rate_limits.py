"""What the API tells of a rate limit: `anthropic-ratelimit-*` headers -> `RateLimit`.

The API's page on rate limits (August 2026) has `anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-*`,
`anthropic-priority-{input,output}-tokens-*`, and headers of their own for fast mode. They are read by their form, so
that one that comes later is read too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

__all__ = ["RateLimit", "rate_limits"]

_WHOLE: Final = re.compile(r"[0-9]{1,18}")
_HEADER: Final = re.compile(r"anthropic-(?:ratelimit-)?(?P<name>[a-z0-9-]+)-(?P<what>limit|remaining|reset)")


@dataclass(frozen=True, slots=True)
class RateLimit:
    """One of the account's rate limits, as the API told it with an error.

    Attributes:
        name: As in the headers: `"requests"`, `"tokens"`, `"input-tokens"`, `"output-tokens"`, ...
        limit: How many there may be; None where the API did not say.
        remaining: How many are left; the API rounds tokens to thousands. None where it did not say.
        reset: When it is whole again, in ISO 8601; None where the API did not say.
        seconds: From the diagnosis until then, never below 0; None without `reset`.
    """

    name: str
    limit: int | None = None
    remaining: int | None = None
    reset: str | None = None
    seconds: float | None = None

    @property
    def exhausted(self) -> bool:
        """Whether nothing is left of it."""
        return self.remaining == 0

    @property
    def left(self) -> float:
        """The share of it that is left, from 0 to 1; 1 where the API did not say."""
        if self.remaining is None or not self.limit:
            return float(self.remaining != 0)
        return min(1.0, self.remaining / self.limit)

    def __str__(self) -> str:
        known = [f"{self.remaining:,} left"] if self.remaining is not None else []
        known += [f"limit {self.limit:,}"] if self.limit is not None else []
        known += [f"resets at {self.reset}"] if self.reset is not None else []
        return f"{self.name}: {', '.join(known)}"


def rate_limits(headers: Mapping[str, str], now: float) -> tuple[RateLimit, ...]:
    """Every limit that a response tells of, the one of which least is left first.

    Args:
        headers: The response's headers.
        now: Unix time in seconds.
    """
    told: dict[str, dict[str, str]] = {}
    for header, value in headers.items():
        if found := _HEADER.fullmatch(header.lower()):
            told.setdefault(found["name"], {})[found["what"]] = value
    limits = []
    for name, values in told.items():
        at = _moment(values.get("reset"))
        limits.append(
            RateLimit(
                name=name,
                limit=_whole(values.get("limit")),
                remaining=_whole(values.get("remaining")),
                reset=None if at is None else at.isoformat().replace("+00:00", "Z"),
                seconds=None if at is None else max(0.0, at.timestamp() - now),
            )
        )
    return tuple(sorted(limits, key=lambda limit: limit.left))


def _whole(value: str | None) -> int | None:
    """A whole number; None of what is none, or so long that nobody counts as far and a float has no place for it."""
    return int(value) if value is not None and _WHOLE.fullmatch(value) else None


def _moment(value: str | None) -> datetime | None:
    """RFC 3339, or seconds since 1970, as the headers of subscriptions have it."""
    try:
        seconds = _whole(value)
        at = datetime.fromisoformat(value or "") if seconds is None else datetime.fromtimestamp(seconds, UTC)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
