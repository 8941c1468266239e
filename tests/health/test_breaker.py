"""The circuit breaker: when it opens, whom it probes with, and when it closes again."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from unbroken.core.plan.readiness import ROUNDING
from unbroken.health.breaker import Breaker, BreakerSettings, Ticket

SETTINGS = BreakerSettings(failure_ratio=0.5, min_requests=20, window=30.0, recovery_time=5.0)


def entered(breaker: Breaker, now: float) -> Ticket:
    """A pass that is there to be had."""
    given = breaker.enter(now)
    assert given is not None
    return given


def ask(breaker: Breaker, now: float, *failures: float) -> None:
    """One request for each outcome."""
    for failure in failures:
        breaker.count(entered(breaker, now), now, failure)


def opened(now: float = 0.0) -> Breaker:
    """A breaker that has just opened."""
    breaker = Breaker(SETTINGS)
    ask(breaker, now, *[1.0] * 20)
    assert breaker.state(now) == "open"
    return breaker


def test_a_new_breaker_is_closed() -> None:
    """And lets everything through."""
    breaker = Breaker(SETTINGS)
    assert (breaker.state(0.0), breaker.open_for(0.0), breaker.counted(0.0)) == ("closed", 0.0, (0, 0))
    assert [breaker.enter(0.0) for _ in range(3)] == [Ticket(0)] * 3


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        ([1.0] * 19, "closed"),  # too few to judge by
        ([1.0] * 20, "open"),
        ([0.0] * 10 + [1.0] * 10, "open"),
        ([0.0] * 11 + [1.0] * 10, "closed"),
        ([0.5] * 19, "closed"),
        ([0.5] * 20, "open"),  # every answer was cut
        ([0.0] + [0.5] * 20, "closed"),
        ([1.0] * 10 + [0.0] * 10, "closed"),  # a success never opens it, though half have failed
        ([1.0] * 10 + [0.0] * 9 + [1.0], "open"),
    ],
)
def test_it_opens_when_enough_of_enough_have_failed(outcomes: list[float], state: str) -> None:
    """Half of at least twenty; an answer that is cut is half a failure."""
    breaker = Breaker(SETTINGS)
    ask(breaker, 0.0, *outcomes)
    assert breaker.state(0.0) == state


@pytest.mark.parametrize("ratio", [0.1, 0.3, 0.7, 1.0])
def test_the_ratio_is_reached_exactly(ratio: float) -> None:
    """Three of thirty are a tenth, though 0.1 is no binary number."""
    breaker = Breaker(BreakerSettings(ratio, 30, 30.0, 5.0))
    failures = round(30 * ratio)
    ask(breaker, 0.0, *[0.0] * (30 - failures), *[1.0] * (failures - 1))
    assert breaker.state(0.0) == "closed"
    ask(breaker, 0.0, 1.0)
    assert breaker.state(0.0) == "open"


def test_it_forgets() -> None:
    """What is older than the window counts no more; it moves on in tenths."""
    breaker = Breaker(SETTINGS)
    ask(breaker, 0.0, *[1.0] * 10)
    ask(breaker, 15.0, *[1.0] * 5)
    assert [breaker.counted(now) for now in (29.9, 30.0, 44.9, 45.0)] == [(15, 15.0), (5, 5.0), (5, 5.0), (0, 0.0)]
    ask(breaker, 46.0, *[1.0] * 19)
    assert breaker.state(46.0) == "closed"


def test_a_window_without_end_forgets_nothing() -> None:
    """Infinity is a number of seconds too."""
    breaker = Breaker(BreakerSettings(0.5, 20, math.inf, 5.0))
    for hour in range(19):
        ask(breaker, 3_600.0 * hour, 1.0)
    assert breaker.counted(1e9) == (19, 19.0)
    ask(breaker, 1e9, 1.0)
    assert breaker.state(1e9) == "open"


def test_an_open_breaker_lets_nothing_through_until_it_has_rested() -> None:
    """And says how long that is."""
    breaker = opened()
    assert [breaker.enter(now) for now in (0.0, 2.0, 4.9)] == [None] * 3
    assert [breaker.open_for(now) for now in (0.0, 2.0, 5.0, 9.0)] == [5.0, 3.0, 0.0, 0.0]
    assert [breaker.state(now) for now in (4.9, 5.0, 900.0)] == ["open", "half_open", "half_open"]
    assert breaker.enter(5.0) == Ticket(1, 1)


def test_one_probe_is_sent_at_a_time() -> None:
    """The next after another recovery time, so that one that is never heard of again does not bar the route."""
    breaker = opened()
    assert breaker.enter(5.0) == Ticket(1, 1)
    assert [breaker.enter(now) for now in (5.0, 9.9)] == [None] * 2
    assert (breaker.open_for(7.0), breaker.state(7.0)) == (3.0, "half_open")
    assert breaker.enter(10.0) == Ticket(1, 2)


def test_a_probe_that_brings_content_closes_it() -> None:
    """Long before a long answer is whole; and what had failed before is forgotten."""
    breaker = opened()
    probe = entered(breaker, 5.0)
    breaker.healthy(probe)
    assert (breaker.state(5.0), breaker.open_for(5.0), breaker.counted(5.0)) == ("closed", 0.0, (0, 0))
    breaker.count(probe, 9.0)
    ask(breaker, 9.0, *[1.0] * 18)
    assert (breaker.state(9.0), breaker.counted(9.0)) == ("closed", (19, 18.0))


def test_content_means_nothing_to_a_closed_breaker() -> None:
    """The window goes on."""
    breaker = Breaker(SETTINGS)
    ask(breaker, 0.0, 1.0, 1.0)
    breaker.healthy(entered(breaker, 0.0))
    assert breaker.counted(0.0) == (2, 2.0)


@pytest.mark.parametrize("failure", [0.5, 1.0])
def test_a_probe_that_fails_opens_it_again(failure: float) -> None:
    """For the whole recovery time."""
    breaker = opened()
    probe = entered(breaker, 5.0)
    breaker.count(probe, 8.0, failure)
    assert (breaker.state(8.0), breaker.open_for(8.0)) == ("open", 5.0)
    assert breaker.enter(12.9) is None
    assert breaker.enter(13.0) == Ticket(2, 2)


def test_a_probe_without_a_verdict_makes_way_for_the_next() -> None:
    """A lost race or a malformed request says nothing about the server."""
    breaker = opened()
    probe = entered(breaker, 5.0)
    breaker.count(probe, 6.0)  # a 400: the server is not ill, nor is it known to be well
    breaker.release(probe, 6.0)
    assert (breaker.state(6.0), breaker.counted(6.0)) == ("half_open", (20, 20.0))
    assert breaker.enter(6.0) == Ticket(1, 2)


def test_only_the_last_probe_makes_way() -> None:
    """An earlier one that is heard of late does not bring a third beside the second."""
    breaker = opened()
    first = entered(breaker, 5.0)
    second = entered(breaker, 10.0)
    breaker.release(first, 11.0)
    assert breaker.enter(11.0) is None
    breaker.release(second, 12.0)
    assert breaker.enter(12.0) == Ticket(1, 3)


def test_a_request_that_was_no_probe_frees_none() -> None:
    """Neither while it is closed nor afterwards."""
    breaker = Breaker(SETTINGS)
    ordinary = entered(breaker, 0.0)
    breaker.release(ordinary, 0.0)
    ask(breaker, 0.0, *[1.0] * 20)
    breaker.release(ordinary, 1.0)
    assert breaker.enter(1.0) is None


def test_a_probe_after_it_closed_or_opened_again_frees_none() -> None:
    """Its time is over."""
    breaker = opened()
    probe = entered(breaker, 5.0)
    breaker.healthy(probe)
    breaker.release(probe, 6.0)
    assert breaker.state(6.0) == "closed"
    breaker = opened()
    first, second = entered(breaker, 5.0), entered(breaker, 10.0)
    breaker.count(second, 11.0, 1.0)
    breaker.release(first, 12.0)
    breaker.release(second, 12.0)
    assert breaker.open_for(12.0) == 4.0


def test_what_was_sent_before_it_opened_counts_no_more() -> None:
    """Fifty requests that time out after the repair do not open it again, and one that ends well does not close it."""
    breaker = Breaker(SETTINGS)
    before = [entered(breaker, 0.0) for _ in range(70)]
    for early in before[:20]:
        breaker.count(early, 1.0, 1.0)
    breaker.healthy(before[20])
    breaker.count(before[21], 1.0)
    assert breaker.state(1.0) == "open"
    breaker.healthy(entered(breaker, 6.0))
    for late in before[20:]:
        breaker.count(late, 7.0, 1.0)
    assert (breaker.state(7.0), breaker.counted(7.0)) == ("closed", (0, 0))


@given(st.lists(st.floats(-100, 1_000), max_size=300), st.floats(0.1, 100))
def test_its_memory_is_bounded(moments: list[float], window: float) -> None:
    """Ten steps, whatever the traffic and the clock."""
    breaker = Breaker(BreakerSettings(1.0, 10**9, window, 5.0))
    for now in moments:
        ask(breaker, now, 1.0)
        assert len(breaker._steps) <= 10


def test_who_has_nowhere_else_to_go_is_let_through_as_long_as_something_succeeds() -> None:
    """Half of all may fail; only when the last hundred have, does everyone wait for the probe."""
    breaker = opened()
    for number in range(79):
        given = breaker.enter(1.0, insist=True)
        assert (given, breaker.is_dead) == (Ticket(1), False), number
        breaker.count(Ticket(1), 1.0, 1.0)
    breaker.count(Ticket(1), 2.0, 1.0)
    assert breaker.is_dead
    assert breaker.enter(2.0, insist=True) is None
    assert breaker.open_for(2.0) == 5.0
    probe = breaker.enter(7.0, insist=True)
    assert probe == Ticket(2, 1)
    assert breaker.healthy(probe), "that was the end of it"
    assert (breaker.state(7.0), breaker.is_dead) == ("closed", False)


@pytest.mark.parametrize("success", ["content", "an end without a failure"])
def test_one_success_and_the_row_begins_anew(success: str) -> None:
    """Whether its answer becomes whole or not."""
    breaker = opened()
    for _ in range(3):
        for _ in range(70):
            breaker.count(Ticket(1), 1.0, 1.0)
        if success == "content":
            assert not breaker.healthy(Ticket(0))
        else:
            breaker.count(Ticket(1), 1.0)
    assert not breaker.is_dead


def test_a_row_of_failures_opens_a_busy_breaker_before_half_of_its_window_has_failed() -> None:
    """A thousand successes are no reason to go on after a hundred failures."""
    breaker = Breaker(SETTINGS)
    ask(breaker, 0.0, *[0.0] * 1_000, *[1.0] * 99)
    assert breaker.state(0.0) == "closed"
    ask(breaker, 0.0, 1.0)
    assert (breaker.state(0.0), breaker.is_dead) == ("open", True)


class Life(RuleBasedStateMachine):
    """Requests are sent, and end in any order and any way, over any time."""

    sent = Bundle("sent")

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.breaker = Breaker(BreakerSettings(0.5, 3, 30.0, 5.0))
        self.shut = False
        self.probe: Ticket | None = None
        self.not_before = 0.0  # no probe may be sent before

    @rule(seconds=st.floats(0, 12))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def wait_as_told(self) -> None:
        self.now += self.breaker.open_for(self.now)
        assert self.breaker.open_for(self.now) == 0.0

    @rule(target=sent)
    def send(self) -> Any:
        wait = self.breaker.open_for(self.now)
        permission = self.breaker.enter(self.now)
        assert (permission is None) == (wait > 0)
        if permission is None:
            assert self.shut
            return multiple()
        assert (permission.probe is not None) == self.shut
        if self.shut:
            assert self.now >= self.not_before - 2 * ROUNDING
            self.probe, self.not_before = permission, self.now + 5.0
        return permission

    @rule(permission=sent)
    def bring_content(self, permission: Ticket) -> None:
        self.breaker.healthy(permission)
        if permission.probe is not None and self.probe is not None and permission.opening == self.probe.opening:
            self.shut, self.probe = False, None
            assert self.breaker.state(self.now) == "closed"

    @rule(permission=consumes(sent), failure=st.sampled_from([0.0, 0.5, 1.0]))
    def end(self, permission: Ticket, failure: float) -> None:
        tells = self.probe is not None and permission.opening == self.probe.opening
        self.breaker.count(permission, self.now, failure)
        opened = self.breaker.state(self.now) == "open" and self.breaker.open_for(self.now) == pytest.approx(5.0)
        if self.shut and tells:
            assert opened or not failure
        if failure and opened:
            self.shut, self.probe, self.not_before = True, None, self.now + 5.0

    @rule(permission=consumes(sent))
    def end_without_a_verdict(self, permission: Ticket) -> None:
        self.breaker.release(permission, self.now)
        if permission == self.probe:
            self.not_before = self.now

    @invariant()
    def it_is_shut_when_it_has_failed_and_was_not_seen_to_be_well(self) -> None:
        assert (self.breaker.state(self.now) == "closed") != self.shut

    @invariant()
    def it_is_never_shut_for_longer_than_the_recovery_time(self) -> None:
        assert 0.0 <= self.breaker.open_for(self.now) <= 5.0 + ROUNDING

    @invariant()
    def what_failed_was_asked(self) -> None:
        requests, failures = self.breaker.counted(self.now)
        assert 0 <= failures <= requests


TestLife = Life.TestCase
