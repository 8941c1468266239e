"""What the API tells of a rate limit: `anthropic-ratelimit-*` headers -> `RateLimit`.

The API's page on rate limits (August 2026) has `anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-*`,
`anthropic-priority-{input,output}-tokens-*`, and headers of their own for fast mode. They are read by their form, so
that one that comes later is read too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

__all__ = ["Quota", "QuotaReader", "RateLimit", "rate_limits"]

_WHOLE: Final = re.compile(r"[0-9]{1,18}")
#: Of a number that somebody counts to.
_DIGITS: Final = 18
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


class Quota(NamedTuple):
    """What a response says of one limit, for whoever paces requests by it.

    Attributes:
        limit: How many there may be in a minute.
        remaining: How many are left.
        seconds: From the response until it is whole again, never below 0, by the server's own clock where the response
            says what that shows. None: the API did not say, or more than half is left and nobody needs to know.
    """

    limit: int
    remaining: int
    seconds: float | None = None


class QuotaReader:
    """Reads some of the limits that responses tell of: those of which they say how many there are and are left.

    It is asked for every response, and so it looks headers up, and leaves alone what nobody needs to know.

    Args:
        names: As in the headers: `"requests"`, `"input-tokens"`, `"fast-input-tokens"`, ...
    """

    __slots__ = ("_names", "_wanted")

    def __init__(self, names: Iterable[str]) -> None:
        self._names: list[tuple[str, bytes, bytes, bytes]] = []
        for name in names:
            # Those of fast mode and of the priority tier have names of their own, as the API's page has them.
            prefix = "anthropic-" if name.startswith(("fast-", "priority-")) else "anthropic-ratelimit-"
            limit, remaining, reset = (f"{prefix}{name}-{what}".encode() for what in ("limit", "remaining", "reset"))
            self._names.append((name, limit, remaining, reset))
        self._wanted = frozenset({b"date", *(header for _, *headers in self._names for header in headers)})

    def read(self, headers: Iterable[tuple[bytes, bytes]], now: float) -> dict[str, Quota]:
        """What a response says, by the names of the limits.

        Args:
            headers: The response's, as they came (`httpx2.Headers.raw`).
            now: Unix time in seconds, for a response that does not say what its server's clock shows.
        """
        wanted = self._wanted
        told = {header: value for each, value in headers if (header := each.lower()) in wanted}
        read = {}
        for name, limit, remaining, reset in self._names:
            if remaining not in told:
                continue
            most, left = told.get(limit, b""), told[remaining]
            if most.isdigit() and left.isdigit() and len(most) <= _DIGITS and len(left) <= _DIGITS:
                needed = int(left) * 2 < int(most)
                seconds = _until(told.get(reset), told.get(b"date"), now) if needed else None
                read[name] = Quota(int(most), int(left), seconds)
        return read


def _until(reset: bytes | None, date: bytes | None, now: float) -> float | None:
    """Seconds from a response to a moment that it names; None where it names none."""
    at = None if reset is None else _moment(reset.decode("latin-1"))
    if at is None:
        return None
    if date is not None:
        # The clocks of two machines may differ by more than the minute that this is about.
        with suppress(ValueError, OverflowError):
            now = parsedate_to_datetime(date.decode("latin-1")).timestamp()
    return max(0.0, at.timestamp() - now)


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
