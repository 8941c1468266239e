"""The permission to send one request, and what is learnt from how it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Final

from ..core.failure import Failure, Kind
from .breaker import Ticket
from .budget import RetryBudget
from .slow_start import SlowStart
from .traffic import Traffic
from .vitals import ClientVitals, RouteVitals

if TYPE_CHECKING:
    from .limits.limiter import Place

__all__ = ["SERVER_IS_ILL", "Permit", "Shared"]

#: The failures that count against a route. All others say something about the request, the key, the account or this
#: process.
SERVER_IS_ILL: Final = frozenset(
    {
        Kind.OVERLOADED,
        Kind.SERVER_ERROR,
        Kind.TIMED_OUT,
        Kind.CONNECTION,
        Kind.STALLED,
        Kind.SLOW,
        Kind.TRUNCATED,
        Kind.MALFORMED,
    }
)
#: The failures that say that too much is asked at a time.
_TOO_MUCH: Final = frozenset({Kind.RATE_LIMITED, Kind.OVERLOADED})
#: Of what never reached the server, nothing is learnt of it.
_NEVER_SENT: Final = frozenset({Kind.NO_RESOURCES, Kind.NOT_SENT})


@dataclass(frozen=True, slots=True)
class Shared:
    """What permits share with the `Health` that gave them: nothing of it is read or changed without the lock."""

    lock: Lock
    clock: Callable[[], float]
    budget: RetryBudget
    traffic: Traffic


class Permit:
    """The permission to send one request. Its holder reports how the request went.

    Of the four ends (`succeeded`, `failed`, `lost`, `cancelled`) the first counts, and later ones do nothing.

    Attributes:
        place: Its place among the requests that are out, which ends with it; None without `Health(limits=...)`.
    """

    __slots__ = (
        "_client",
        "_ended",
        "_given",
        "_had_content",
        "_mode",
        "_model",
        "_retry",
        "_route",
        "_shared",
        "_slow_starts",
        "place",
    )

    def __init__(
        self,
        shared: Shared,
        client: ClientVitals,
        route: RouteVitals,
        given: Ticket,
        model: str,
        mode: str,
        *,
        retry: bool,
        slow_starts: Sequence[SlowStart] = (),
    ) -> None:
        self._shared = shared
        self._slow_starts = slow_starts
        self._client = client
        self._route = route
        self._given = given
        self._model = model
        self._mode = mode
        self._retry = retry
        self._had_content = False
        self._ended = False
        self.place: Place | None = None

    def content(self, seconds: float) -> None:
        """Its first content came, so many seconds after it was sent: that earns. A probe's closes the breaker."""
        with self._shared.lock:
            if self._had_content or self._ended:
                return
            self._answered()
            self._route.latency.add(seconds)
            self._is_well()

    def _is_well(self) -> None:
        """Content came; if nothing did before, those who have waited for it are let through by and by."""
        if self._route.breaker.healthy(self._given):
            now = self._shared.clock()
            self._route.recovery.begin(now, self._shared.traffic.recovery_pace(now))

    def _answered(self) -> None:
        """It was answered: `retry_ratio` retries are earned, and its own comes back. Not at its end: that is late."""
        self._had_content = True
        if self.place is not None:
            self.place.answered()
        now = self._shared.clock()
        self._shared.budget.earn(now)
        self._shared.traffic.answered(now)
        for slow_start in self._slow_starts:
            slow_start.answered()
        if self._retry:
            self._shared.budget.give_back(now)

    def succeeded(self) -> None:
        """Its answer is whole."""
        with self._shared.lock:
            if not self._ended and not self._had_content:
                self._answered()
            if self._end():
                self._is_well()
                self._route.breaker.count(self._given, self._shared.clock())

    def failed(self, failure: Failure, *, cut: bool) -> None:
        """It died.

        Args:
            failure: Of what. Only the kinds in `SERVER_IS_ILL` count against the route; a 429 with `retry-after`
                starts the cool-down of its rate-limit bucket, for this client. What never reached the server counts
                for nothing, and its retry comes back.
            cut: Whether content had come; the failure then counts half.
        """
        with self._shared.lock:
            if not self._end(refused=failure.kind in _TOO_MUCH):
                return
            now = self._shared.clock()
            if failure.kind in _NEVER_SENT:
                self._route.breaker.release(self._given, now)
                if self._retry:
                    self._shared.budget.give_back(now)
                return
            if failure.kind in SERVER_IS_ILL:
                if not cut:
                    self._shared.traffic.failed(now)
                self._route.breaker.count(self._given, now, 0.5 if cut else 1.0)
                return
            self._route.breaker.count(self._given, now)
            self._route.breaker.release(self._given, now)
            if failure.kind is Kind.RATE_LIMITED and failure.retry_after is not None:
                self._client.cool(self._model, failure.retry_after, now, self._mode)

    def lost(self, seconds: float) -> None:
        """Another was faster, so many seconds after it was sent.

        That says nothing about the server but that its first content takes longer than that, if it had none; without
        those times the 95th percentile would be that of the fast ones alone (`health/latency.py`).
        """
        with self._shared.lock:
            if self._end():
                if not self._had_content:
                    self._route.latency.add(seconds, censored=True)
                self._route.breaker.release(self._given, self._shared.clock())

    def cancelled(self) -> None:
        """It was given up before anything could be learnt from it."""
        with self._shared.lock:
            if self._end():
                self._route.breaker.release(self._given, self._shared.clock())

    def _end(self, *, refused: bool = False) -> bool:
        """Whether this is the first end."""
        first, self._ended = not self._ended, True
        if first and self.place is not None:
            self.place.ended(refused=refused)
        if first and not self._had_content:
            for slow_start in self._slow_starts:
                slow_start.ended()
        return first
