"""What the caller allows: `Limits`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much streams that share a `Health` ask at a time; whoever has to wait, waits in order.

    `Health(limits=Limits())`, without a number, goes by what the API itself says: every response tells how many
    requests, input tokens and output tokens are left of the account's rate limits, and requests are spaced by that
    before the API has to refuse one. All fields are limits beside it, each for one rate-limit bucket (models share
    one, as Opus 4.x do) of one client.

    Attributes:
        concurrency: How many requests may be out at a time, each until its answer has ended. A number of them, at
            least 1; `"adaptive"`: as many as are answered without 429 and 529, found as TCP finds how much a network
            carries (`AdaptiveLimit`); None, the default: any number.
        requests_per_minute: How many requests may be sent in a minute; above 0. None: as the API says.
        input_tokens_per_minute: How many tokens they may have; above 0. What a request has is estimated from its
            characters, and corrected by what the API then says. Tokens read from a cache are not counted, as the API
            does not count them for current models. None: as the API says.
        output_tokens_per_minute: How many tokens answers may have; above 0. What an answer will have is what the last
            ones had, and not `max_tokens`, which the API does not count either. None: as the API says.

    Raises:
        ValueError: A field is out of range.
        TypeError: A field is of the wrong type.
    """

    concurrency: int | Literal["adaptive"] | None = None
    requests_per_minute: float | None = None
    input_tokens_per_minute: float | None = None
    output_tokens_per_minute: float | None = None

    def __post_init__(self) -> None:
        most: object = self.concurrency
        if most is not None and most != "adaptive":
            if isinstance(most, bool) or not isinstance(most, int):
                raise TypeError(f"Limits.concurrency must be a whole number, 'adaptive' or None, not {most!r}")
            if most < 1:
                raise ValueError(f"Limits.concurrency must be at least 1, not {most!r}")
        for name in ("requests_per_minute", "input_tokens_per_minute", "output_tokens_per_minute"):
            value: object = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise TypeError(f"Limits.{name} must be a number or None, not {value!r}")
            if not 0 < value < math.inf:
                raise ValueError(f"Limits.{name} must be above 0, and finite, not {value!r}")
