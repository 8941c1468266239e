"""Which route is asked next, and when.

Without hedging the routes take turns: the same route until its turn is over, then the next one, round and round. With
hedging each round begins with the route that brought content last, and every route has one request in it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, assert_never

from ..failure import Failure, Kind, Verdict
from .readiness import Readiness

if TYPE_CHECKING:
    from ...policy import Policy
    from ...routes import Route

__all__ = ["INCIDENT_BACKOFF", "RETRYABLE", "Ranking"]

#: Kinds that a server asked not to retry here (`x-should-retry: false`); they are no reason to raise the SDK's error.
RETRYABLE: Final = frozenset({Kind.OVERLOADED, Kind.SERVER_ERROR, Kind.RATE_LIMITED, Kind.TIMED_OUT, Kind.CONFLICT})

#: How many times longer the backoff is during a declared incident. Ours: that of two failures more, with the default
#: `backoff_multiplier`. Incidents last for minutes, and a stream that comes back later finds more of them over.
INCIDENT_BACKOFF: Final = 4.0


@dataclass(slots=True)
class _Standing:
    """How a route stands in this stream."""

    left_out: bool
    waved_off: bool = False  # by a server that only asked not to be asked again at once
    failures: int = 0  # in a row, since the last content
    turn: int = 0  # of those, in its present turn
    honoured: int = 0  # of those, the rate limits that are obeyed, which are no reason to back off
    limited: float = 0.0  # seconds that they have asked for, in its present turn
    spared: bool = False  # the last of them was one
    not_before: float = 0.0  # seconds, on the caller's clock
    mark: str | None = None  # what was wrong with its last answer, if that was no answer


class Ranking:
    """The routes of one stream, in rank order.

    Args:
        policy: The limits.
        routes: In rank order.
        left_out: For each route, whether it is never asked.
        hedged: Whether several routes are asked at a time.
    """

    def __init__(self, policy: Policy, routes: Sequence[Route], left_out: Sequence[bool], *, hedged: bool) -> None:
        self._policy = policy
        self._hedged = hedged
        self._routes = routes
        self._standings = [_Standing(out) for out in left_out]
        self._first = 0  # begins the next round
        self._rounds = 0  # that have failed, since the last content

    @property
    def left_out(self) -> list[int]:
        """The ranks of the routes that are not asked any more."""
        return [rank for rank, standing in enumerate(self._standings) if standing.left_out]

    @property
    def ruled_out(self) -> list[int]:
        """Those of them that would not answer later either: no server has only asked not to be asked again at once."""
        return [rank for rank in self.left_out if not self._standings[rank].waved_off]

    def content(self, route: int) -> None:
        """A route brought something: the counts start again."""
        self._first = route
        self._rounds = 0
        for standing in self._standings:
            standing.failures = standing.turn = standing.honoured = 0
            standing.limited = 0.0
            standing.spared = False
            standing.mark = None

    def lost(self, route: int, failure: Failure, now: float, *, honoured: bool = False) -> None:
        """A request to that route has died; `honoured`: of a rate limit that is obeyed, and is no attempt of its turn.

        Its turn ends all the same when such waits together are longer than one may be: others may have room. And a
        turn of one attempt is over with the first failure.
        """
        standing = self._standings[route]
        standing.failures += 1
        standing.spared = honoured
        if honoured:
            standing.honoured += 1
            standing.limited += failure.retry_after or 0.0
            if standing.limited > self._policy.max_retry_after or self._policy.max_attempts_per_route == 1:
                standing.turn = self._policy.max_attempts_per_route
        else:
            standing.turn += 1
        if failure.mark is not None and failure.mark == standing.mark:
            # Wrong in the same way at the same place: that is no accident, and a third time is not asked for.
            standing.left_out = True
        standing.mark = failure.mark
        if failure.retry_after is not None:
            standing.not_before = now + failure.retry_after
        if failure.kind is Kind.SLOW:
            # Its turn is over: the rest is to be asked for elsewhere.
            standing.turn = max(standing.turn, self._policy.max_attempts_per_route)
            self._first = (route + 1) % len(self._routes)
        match failure.verdict:
            case Verdict.CLIENT:
                standing.left_out = True
                for other, its in zip(self._routes, self._standings, strict=True):
                    # Of one that has failed for another reason it is known that its client was let in. A fallback that
                    # may not be asked, or is not paid for, must not take an overloaded primary along.
                    its.left_out = its.left_out or (other.client is self._routes[route].client and not its.failures)
            case Verdict.ELSEWHERE:
                standing.left_out = True
                standing.waved_off = standing.waved_off or failure.kind in RETRYABLE
            case Verdict.RETRY | Verdict.REJECTED:
                pass
            case _:
                assert_never(failure.verdict)

    def is_spared(self, route: int) -> bool:
        """Whether the last request to that route died of a rate limit that is obeyed."""
        return self._standings[route].spared

    def leave_out(self, route: int) -> None:
        """Ask that route no more."""
        self._standings[route].left_out = True

    def next(
        self, current: int, askable: Collection[int], *, now: float, jitter: float, ready: Sequence[Readiness]
    ) -> tuple[int, float] | None:
        """The route to ask now that the current one has failed, and the seconds to wait first; None: there is none.

        Args:
            current: The rank of the route that was asked last.
            askable: The ranks of those that can be asked at all for what is to be asked.
            now: Monotonic seconds.
            jitter: A random number between 0 and 1.
            ready: How ready each route is, as `Health` says.
        """
        if self._hedged:
            return self._next_round(askable, now, jitter, ready)
        turn_is_over = self._standings[current].turn >= self._policy.max_attempts_per_route
        chosen = self._choose(self._from(current, last=turn_is_over), askable, now, ready)
        if chosen is None:
            return None
        standing = self._standings[chosen]
        failures = max(1, standing.failures - standing.honoured)
        wait = self._backoff([chosen], failures, jitter, ready) if chosen == current else 0.0
        if chosen != current:
            standing.spared = False  # that was long ago: it is asked because another has failed
        if chosen != current or turn_is_over:
            standing.turn, standing.limited = 0, 0.0
        return chosen, max(wait, self._not_ready(chosen, now, ready))

    def soonest(
        self, first: int, askable: Collection[int], *, now: float, ready: Sequence[Readiness]
    ) -> tuple[int, float] | None:
        """The route to ask when none has failed: `first`, if it is ready. Returns as `next` does."""
        chosen = self._choose(self._from(first), askable, now, ready)
        return None if chosen is None else (chosen, self._not_ready(chosen, now, ready))

    def beside(self, current: int, askable: Collection[int], *, now: float, ready: Sequence[Readiness]) -> list[int]:
        """The routes that may be asked at the same time as the current one, the best first."""
        order = [rank for rank in self._from(self._first) if rank != current]
        return [rank for rank in order if self.is_ready(rank, askable, now=now, ready=ready)]

    def is_ready(self, rank: int, askable: Collection[int], *, now: float, ready: Sequence[Readiness]) -> bool:
        """Whether a route may be asked at once, beside another."""
        is_well = not _of(ready, rank).failing
        return is_well and self._may_ask(rank, askable) and not self._not_ready(rank, now, ready)

    def _next_round(
        self, askable: Collection[int], now: float, jitter: float, ready: Sequence[Readiness]
    ) -> tuple[int, float] | None:
        self._rounds += 1
        asked = [rank for rank in range(len(self._routes)) if self._may_ask(rank, askable)]
        wait = self._backoff(asked, self._rounds, jitter, ready)
        chosen = self._choose(self._from(self._first), askable, now, ready)
        return None if chosen is None else (chosen, max(wait, self._not_ready(chosen, now, ready)))

    def _backoff(self, asked: Sequence[int], failures: int, jitter: float, ready: Sequence[Readiness]) -> float:
        """Seconds before these routes are asked again; longer if there is an incident on all of them."""
        wait = self._policy.backoff(failures, jitter)
        return wait * INCIDENT_BACKOFF if all(_of(ready, rank).incident for rank in asked) else wait

    def _from(self, first: int, *, last: bool = False) -> list[int]:
        """All ranks. Without hedging it goes round from `first` on; with it, `first` comes first, the rest in order."""
        ranks = list(range(len(self._routes)))
        if self._hedged:
            return [first, *(rank for rank in ranks if rank != first)]
        ranks = ranks[first:] + ranks[:first]
        return [*ranks[1:], ranks[0]] if last else ranks

    def _choose(
        self, order: Sequence[int], askable: Collection[int], now: float, ready: Sequence[Readiness]
    ) -> int | None:
        patience = self._policy.max_retry_after
        choice = [
            rank for rank in order if self._may_ask(rank, askable) and self._not_ready(rank, now, ready) <= patience
        ]
        if not self._hedged:
            well = [rank for rank in choice if not (_of(ready, rank).open_for or _of(ready, rank).failing)]
            closed = well or [rank for rank in choice if not _of(ready, rank).open_for]
            if closed:
                return closed[0]
        return min(choice, key=lambda rank: (self._not_ready(rank, now, ready), _of(ready, rank).failing), default=None)

    def _may_ask(self, rank: int, askable: Collection[int]) -> bool:
        return not self._standings[rank].left_out and rank in askable

    def _not_ready(self, rank: int, now: float, ready: Sequence[Readiness]) -> float:
        """Seconds until a route may be asked."""
        at = _of(ready, rank)
        return max(0.0, self._standings[rank].not_before - now, at.open_for, at.cool_for)


def _of(ready: Sequence[Readiness], rank: int) -> Readiness:
    return ready[rank] if ready else _READY


_READY = Readiness()
