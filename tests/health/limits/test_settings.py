"""What the caller allows, checked where it is written."""

from __future__ import annotations

from typing import Any

import pytest

from unbroken import Limits


def test_nothing_has_to_be_said() -> None:
    """The API's own word is gone by."""
    assert Limits() == Limits(concurrency=None, requests_per_minute=None)


@pytest.mark.parametrize(
    "fields",
    [
        {"concurrency": 1},
        {"concurrency": "adaptive"},
        {"requests_per_minute": 0.5},
        {"input_tokens_per_minute": 30_000, "output_tokens_per_minute": 8_000},
    ],
    ids=str,
)
def test_what_can_be_limited(fields: dict[str, Any]) -> None:
    """Whole numbers of requests at a time, any rates."""
    limits = Limits(**fields)
    assert {name: getattr(limits, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({"concurrency": 0}, ValueError, "Limits.concurrency must be at least 1, not 0"),
        ({"concurrency": 2.5}, TypeError, "a whole number, 'adaptive' or None, not 2.5"),
        ({"concurrency": True}, TypeError, "a whole number"),
        ({"concurrency": "slow"}, TypeError, "a whole number"),
        ({"requests_per_minute": 0}, ValueError, "Limits.requests_per_minute must be above 0, and finite, not 0"),
        ({"input_tokens_per_minute": float("inf")}, ValueError, "finite"),
        ({"output_tokens_per_minute": float("nan")}, ValueError, "finite"),
        ({"output_tokens_per_minute": "many"}, TypeError, "must be a number or None, not 'many'"),
        ({"requests_per_minute": True}, TypeError, "must be a number or None"),
    ],
    ids=str,
)
def test_what_cannot_be_limited_is_said_where_it_is_written(
    fields: dict[str, Any], error: type[Exception], words: str
) -> None:
    """And not by the stream that would wait for ever."""
    with pytest.raises(error, match=words):
        Limits(**fields)
