"""What the streams of a client know together: a retry budget, and how soon models begin to answer."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import Any, Final
from weakref import WeakKeyDictionary

__all__ = ["Health", "default_health"]

#: How many times to first content are kept for each model: enough for a 95th percentile, little memory.
_SAMPLES: Final = 200


class Health:
    """Shared by streams; safe to share between threads and event loops.

    It keeps a retry budget, so that a storm of overloads does not become a storm of retries: a stream that ends well
    earns a fraction of a retry, and some come with time. A retry of a request that brought nothing costs one; a
    resume after content is free. With the budget empty, a stream waits for the next one.

    Args:
        retry_ratio: Retries earned by each success. Default 0.2, Finagle's `RetryBudget` (20 % of requests).
        retries_per_second: Retries that come with time. Default 10, Finagle's minimum.
        max_retries: The most that can be saved up, and what a new budget starts with. Default 100: Finagle's ten
            seconds of its minimum.
        clock: Monotonic seconds. Replace it in tests only.

    Raises:
        ValueError: A number is negative, or `max_retries` is below 1.
    """

    def __init__(
        self,
        *,
        retry_ratio: float = 0.2,
        retries_per_second: float = 10.0,
        max_retries: float = 100.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not (retry_ratio >= 0 and retries_per_second >= 0):
            raise ValueError("Health: retry_ratio and retries_per_second must not be negative")
        if not max_retries >= 1:
            raise ValueError("Health: max_retries must be at least 1")
        self._ratio = retry_ratio
        self._rate = retries_per_second
        self._max = max_retries
        self._clock = clock
        self._lock = Lock()
        self._tokens = max_retries
        self._at = clock()
        self._first_content: dict[str, deque[float]] = {}
        self._no_prefill: set[str] = set()

    def take_retry(self) -> float:
        """Take one retry from the budget: 0.0 when it was there, else the seconds until one may be (taking none)."""
        with self._lock:
            self._refill()
            if self._tokens >= 1:
                self._tokens -= 1
                return 0.0
            return (1 - self._tokens) / self._rate if self._rate else math.inf

    def succeeded(self, model: str, first_content: float | None) -> None:
        """Note a stream that ended well.

        Args:
            model: The model that answered.
            first_content: Seconds from its request to its first content; None if it brought none.
        """
        with self._lock:
            self._refill()
            self._tokens = min(self._max, self._tokens + self._ratio)
            if first_content is not None:
                self._first_content.setdefault(model, deque(maxlen=_SAMPLES)).append(first_content)

    def note_prefill_unsupported(self, model: str) -> None:
        """Note that the API said that this model accepts no prefill; it is not tried again."""
        with self._lock:
            self._no_prefill.add(model)

    def accepts_prefill(self, model: str) -> bool:
        """Whether the API has not yet said the contrary."""
        with self._lock:
            return model not in self._no_prefill

    def _refill(self) -> None:
        now = self._clock()
        self._tokens = min(self._max, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = now

    def snapshot(self) -> dict[str, Any]:
        """Plain data: the retries left, and each model's p50 and p95 time to first content in seconds."""
        with self._lock:
            self._refill()
            return {
                "retries_left": self._tokens,
                "first_content": {
                    model: {"count": len(times), "p50": _quantile(times, 0.5), "p95": _quantile(times, 0.95)}
                    for model, times in self._first_content.items()
                },
            }


def _quantile(times: deque[float], q: float) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, math.ceil(q * len(ordered)) - 1)]


_DEFAULTS: WeakKeyDictionary[object, Health] = WeakKeyDictionary()
_DEFAULTS_LOCK = Lock()


def default_health(client: object) -> Health:
    """The `Health` that all streams of this client share unless they are given another.

    A client that cannot be referred to weakly, such as a test's stand-in with slots, gets a new one each time.
    """
    with _DEFAULTS_LOCK:
        try:
            if client not in _DEFAULTS:
                _DEFAULTS[client] = Health()
            return _DEFAULTS[client]
        except TypeError:
            return Health()
