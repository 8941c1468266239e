"""Who is asked next, and when: turns without hedging, rounds with it, and what the breakers and cool-downs say."""

from __future__ import annotations

from collections.abc import Collection

import anthropic
import httpx2
import pytest

from unbroken.core.failure import Failure, Kind, of_kind
from unbroken.core.plan.ranking import INCIDENT_BACKOFF, Ranking
from unbroken.core.plan.readiness import Readiness
from unbroken.policy import Policy
from unbroken.routes import Route

HERE, THERE = object(), object()  # two clients
ERROR = anthropic.APIError("it died", httpx2.Request("POST", "/v1/messages"), body=None)
NOW = 1_000.0
READY = Readiness()
INCIDENT = Readiness(incident=True)


def died(kind: Kind = Kind.OVERLOADED, retry_after: float | None = None) -> Failure:
    """A failure of that kind."""
    plain = of_kind(kind, ERROR, status=500)
    return Failure(kind, plain.verdict, ERROR, status=500, retry_after=retry_after)


def is_open(seconds: float) -> Readiness:
    """A breaker that lets a probe through in so many seconds."""
    return Readiness(open_for=seconds)


def is_cooling(seconds: float) -> Readiness:
    """A rate-limit bucket that cools down for so many seconds."""
    return Readiness(cool_for=seconds)


class Field:
    """Three routes, the last on another client; the dice always show 1."""

    def __init__(self, *, hedged: bool = False, left_out: tuple[bool, ...] = (False,) * 3, **policy: float) -> None:
        routes = [Route(model=f"model-{rank}", client=client) for rank, client in enumerate((HERE, HERE, THERE))]
        self.ranking = Ranking(Policy(**policy), routes, left_out, hedged=hedged)  # type: ignore[arg-type]  # numbers
        self.now = NOW

    def lose(self, route: int, failure: Failure | None = None) -> None:
        """A request to that route dies."""
        self.ranking.lost(route, failure or died(), self.now)

    def next(self, current: int, *ready: Readiness, askable: Collection[int] = range(3)) -> tuple[int, float] | None:
        """Who is asked after that route, and after which wait."""
        return self.ranking.next(current, askable, now=self.now, jitter=1.0, ready=ready)

    def soonest(self, first: int, *ready: Readiness) -> tuple[int, float] | None:
        """Who is asked when nothing has failed."""
        return self.ranking.soonest(first, range(3), now=self.now, ready=ready)

    def beside(self, current: int, *ready: Readiness, askable: Collection[int] = range(3)) -> list[int]:
        """Who is asked at the same time."""
        return self.ranking.beside(current, askable, now=self.now, ready=ready)


# -- turns


def test_a_route_has_its_turn_then_the_next_and_round_and_round() -> None:
    """It waits only before the same route again."""
    field, current = Field(max_attempts_per_route=2), 0
    order = []
    for _ in range(7):
        field.lose(current)
        chosen = field.next(current)
        assert chosen is not None
        order.append(chosen)
        current = chosen[0]
    assert order == [(0, 0.5), (1, 0.0), (1, 0.5), (2, 0.0), (2, 0.5), (0, 0.0), (0, 2.0)]


def test_content_starts_every_count_again() -> None:
    """Of failures, and of the turn."""
    field = Field(max_attempts_per_route=2)
    field.lose(0)
    field.ranking.content(0)
    field.lose(0)
    assert field.next(0) == (0, 0.5)


def test_a_slow_stream_has_had_its_turn() -> None:
    """Its rest is to be written faster: another route is asked at once, and the slow one only without another."""
    field = Field()
    field.lose(0, died(Kind.SLOW))
    assert field.next(0) == (1, 0.0)
    field = Field(max_attempts_per_route=1)
    field.lose(2, died(Kind.SLOW))
    assert field.next(2) == (0, 0.0)
    field = Field(left_out=(False, True, True))
    field.lose(0, died(Kind.SLOW))
    assert field.next(0) == (0, 0.5)


def marked(mark: str | None) -> Failure:
    """An answer that was no answer."""
    return of_kind(Kind.MALFORMED, ERROR, status=200, mark=mark)


def test_what_is_wrong_in_the_same_way_twice_is_not_asked_a_third_time() -> None:
    """Twice in a row, on one route, and without anything new in between."""
    field = Field(max_attempts_per_route=5)
    for mark in ("page", "other page", None, "page", None):
        field.lose(0, marked(mark))
    assert field.ranking.left_out == []
    field.lose(0, marked("page"))
    field.lose(1, marked("page"))
    field.ranking.content(0)
    field.lose(0, marked("page"))
    assert field.ranking.left_out == []
    field.lose(0, marked("page"))
    assert field.ranking.left_out == [0]
    assert field.next(0) == (1, 0.0)


def test_routes_that_are_left_out_are_passed_over() -> None:
    """From the beginning, by a failure, or because they cannot be asked for what is missing."""
    field = Field(left_out=(False, True, False))
    field.lose(0, died(Kind.NOT_FOUND))
    assert field.ranking.left_out == [0, 1]
    assert field.next(0) == (2, 0.0)
    assert field.next(0, askable=(0, 1)) is None
    field.ranking.leave_out(2)
    assert field.next(0) is None
    assert field.soonest(0) is None


def test_a_key_that_is_wrong_leaves_out_every_route_of_its_client() -> None:
    """Another client has another key."""
    field = Field()
    field.lose(1, died(Kind.AUTHENTICATION))
    assert field.ranking.left_out == [0, 1]


@pytest.mark.parametrize("kind", [Kind.PERMISSION, Kind.BILLING, Kind.SPEND_LIMIT, Kind.AUTHENTICATION])
def test_a_fallback_that_is_not_let_in_leaves_an_overloaded_primary_in(kind: Kind) -> None:
    """A fallback never makes things worse than none; the primary is out when it is not let in itself."""
    field = Field()
    field.lose(0)
    field.lose(1, died(kind))
    assert field.ranking.left_out == [1]
    field.lose(0, died(kind))
    assert field.ranking.left_out == [0, 1]


# -- breakers and cool-downs, in turns


def test_an_open_breaker_is_passed_over() -> None:
    """Whatever its route's turn; the next closed one is asked at once."""
    field = Field()
    field.lose(0)
    assert field.next(0, is_open(5.0), READY, READY) == (1, 0.0)
    assert field.soonest(0, is_open(5.0), is_open(1.0), READY) == (2, 0.0)
    assert field.soonest(0, READY, is_open(1.0), READY) == (0, 0.0)


def test_with_every_breaker_open_the_first_probe_is_waited_for() -> None:
    """In rank order where they are due at the same time."""
    field = Field()
    assert field.soonest(0, is_open(5.0), is_open(3.0), is_open(4.0)) == (1, 3.0)
    assert field.soonest(0, is_open(5.0), is_open(5.0), is_open(5.0)) == (0, 5.0)
    assert field.soonest(1, is_open(5.0), is_open(5.0), is_open(5.0)) == (1, 5.0)


def test_what_is_due_too_late_is_not_waited_for() -> None:
    """`max_retry_after` is the longest wait, for a probe as for a cool-down."""
    field = Field(max_retry_after=3)
    assert field.soonest(0, is_open(5.0), is_cooling(4.0), is_open(3.0)) == (2, 3.0)
    assert field.soonest(0, is_open(5.0), is_cooling(4.0), is_open(3.1)) is None


def test_a_cool_down_that_is_short_enough_is_waited_out_by_its_route() -> None:
    """As a `retry-after` of its own would be: the backoff counts if it is longer."""
    field = Field()
    assert field.soonest(0, is_cooling(20.0), READY, READY) == (0, 20.0)
    field.lose(0)
    assert field.next(0, is_cooling(0.1), READY, READY) == (0, 0.5)
    assert field.next(0, is_cooling(0.7), READY, READY) == (0, 0.7)


def test_a_routes_own_retry_after_ends_by_itself() -> None:
    """The rest of it is waited for."""
    field = Field(left_out=(False, True, True))
    field.lose(0, died(Kind.RATE_LIMITED, retry_after=30.0))
    field.now += 10
    assert field.next(0) == (0, 20.0)
    field.now += 30
    assert field.next(0) == (0, 0.5)


def test_backoff_is_longer_during_an_incident_on_the_route_that_is_asked_again() -> None:
    """In proportion, however often it has failed; to go elsewhere needs no wait as ever."""
    field = Field()
    waits = []
    for _ in range(2):
        field.lose(0)
        waits.append(field.next(0, INCIDENT, READY, READY))
    assert waits == [(0, 0.5 * INCIDENT_BACKOFF), (0, 1.0 * INCIDENT_BACKOFF)]
    assert field.next(0, READY, INCIDENT, INCIDENT) == (0, 1.0)
    field.lose(0)
    assert field.next(0, INCIDENT, INCIDENT, INCIDENT) == (1, 0.0)


def test_the_longest_backoff_is_longer_by_as_much() -> None:
    """`max_backoff` bounds it before that."""
    field = Field(max_attempts_per_route=100, max_backoff=3.0)
    for _ in range(50):
        field.lose(0)
    assert field.next(0, INCIDENT, READY, READY) == (0, 3.0 * INCIDENT_BACKOFF)


# -- rounds


def test_a_round_waits_longer_if_there_is_an_incident_on_all_of_its_routes() -> None:
    """One that is well need not wait for the others; one that is not asked does not count."""
    field = Field(hedged=True)
    field.lose(0)
    assert field.next(0, INCIDENT, READY, INCIDENT) == (0, 0.5)
    assert field.next(0, INCIDENT, INCIDENT, INCIDENT) == (0, 1.0 * INCIDENT_BACKOFF)
    field.ranking.leave_out(1)
    assert field.next(0, INCIDENT, READY, INCIDENT) == (0, 2.0 * INCIDENT_BACKOFF)


def test_beside_the_first_are_all_others_in_rank_order() -> None:
    """Each route has one request in a round."""
    field = Field(hedged=True)
    assert field.beside(0) == [1, 2]
    assert field.beside(1) == [0, 2]


def test_who_brought_content_begins_the_next_round() -> None:
    """The same model goes on with its own text; the others follow in rank order."""
    field = Field(hedged=True)
    field.ranking.content(1)
    field.lose(1)
    assert field.next(1) == (1, 0.5)
    assert field.beside(1) == [0, 2]
    assert field.beside(2) == [1, 0], "somewhere else first: it is still the best of the others"


def test_rounds_are_what_the_backoff_counts() -> None:
    """Not the requests in them; content starts the count again."""
    field = Field(hedged=True)
    waits = []
    for _ in range(3):
        for route in (0, 1, 2):
            field.lose(route)
        waits.append(field.next(2))
    assert waits == [(0, 0.5), (0, 1.0), (0, 2.0)]
    field.ranking.content(2)
    assert field.next(2) == (2, 0.5)


def test_a_slow_winner_does_not_begin_the_next_round() -> None:
    """The one after it does, round and round."""
    field = Field(hedged=True)
    field.ranking.content(2)
    field.lose(2, died(Kind.SLOW))
    assert field.next(2) == (0, 0.5)
    assert field.beside(0) == [1, 2]


@pytest.mark.parametrize("not_ready", [is_open(0.5), is_cooling(0.5)])
def test_nobody_who_is_not_ready_runs_beside(not_ready: Readiness) -> None:
    """A hedge is not worth a wait, however short."""
    field = Field(hedged=True)
    assert field.beside(0, READY, not_ready, READY) == [2]
    assert field.beside(0, READY, READY, READY, askable=(0, 2)) == [2]
    field.lose(2, died(Kind.RATE_LIMITED, retry_after=1.0))
    assert field.beside(0) == [1]
    assert not field.ranking.is_ready(2, range(3), now=field.now, ready=())
    assert field.ranking.is_ready(2, range(3), now=field.now + 1.0, ready=())


def test_a_round_begins_with_whoever_is_ready_first() -> None:
    """The others are asked beside it, once they are."""
    field = Field(hedged=True)
    assert field.soonest(0, is_cooling(20.0), READY, READY) == (1, 0.0)
    assert field.soonest(0, is_open(2.0), is_cooling(1.0), is_open(3.0)) == (1, 1.0)
    field.lose(0)
    assert field.next(0, is_open(5.0), is_open(7.0), is_open(3.0)) == (2, 3.0)
    assert field.next(0, is_open(5.0), is_open(0.2), is_open(3.0)) == (1, 1.0), "the backoff is longer"


def test_a_round_that_nobody_may_begin() -> None:
    """Left out, or not ready in time."""
    field = Field(hedged=True, max_retry_after=3)
    assert field.next(0, is_open(4.0), is_cooling(4.0), is_open(4.0)) is None
    for route in range(3):
        field.ranking.leave_out(route)
    assert field.next(0) is None
    assert field.beside(0) == []
