"""A breaker that hears of others: the clock is the test's."""

from __future__ import annotations

from unbroken.health.breaker import BreakerSettings
from unbroken.health.fleet.breaker import FleetBreaker

SETTINGS = BreakerSettings(failure_ratio=0.5, min_requests=4, window=30, recovery_time=5, consecutive_failures=6)


class Fleet:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.fresh = True
        self.told: list[str] = []

    def is_fresh(self, now: float) -> bool:
        return self.fresh

    def opens(self, name: str) -> None:
        self.told.append("opens")

    def closes(self, name: str) -> None:
        self.told.append("closes")

    def probes(self, name: str) -> None:
        self.told.append("probes")

    def counts(self, name: str, failure: float) -> None:
        self.told.append("counts")


def breaker() -> tuple[FleetBreaker, Fleet]:
    fleet = Fleet()
    return FleetBreaker(SETTINGS, fleet, "route"), fleet


def test_what_happens_here_is_told() -> None:
    it, fleet = breaker()
    for _ in range(4):
        given = it.enter(0.0)
        assert given is not None
        it.count(given, 0.0, 1.0)
    assert fleet.told == ["counts"] * 4 + ["opens"]
    it.reserved(20.0)
    probe = it.enter(5.0)
    assert probe is not None
    it.healthy(probe)
    assert fleet.told[5:] == ["probes", "closes"]


def test_no_probe_that_is_not_reserved_while_the_fleet_is_heard() -> None:
    it, fleet = breaker()
    it.told_open(5.0)
    assert it.open_for(4.0) == 1.0
    assert it.enter(5.0) is None
    assert it.open_for(5.0) == 0.25
    it.reserved(8.0)
    assert it.enter(5.0) is not None
    it.told_open(30.0)
    fleet.fresh = False
    assert it.enter(30.0) is not None


def test_a_probe_is_reserved_ahead_for_who_waits() -> None:
    it, _ = breaker()
    assert it.reserves_for(0.0) == 0.0
    it.told_open(5.0)
    it.want(3.0)
    assert it.reserves_for(3.0) == 0.0  # too early
    it.want(4.5)
    assert it.reserves_for(4.5) == 5.5
    assert it.reserves_for(9.0) == 0.0  # nobody waits any more
    it.want(9.0)
    it.reserved(12.0)
    assert it.reserves_for(9.0) == 0.0  # it is reserved


def test_what_is_told_of_others_is_not_told_again() -> None:
    it, fleet = breaker()
    it.told_open(5.0)
    assert it.state(1.0) == "open"
    it.told_open(9.0)  # a probe failed elsewhere
    assert it.opening(1.0) == 8.0
    it.told_closed(2.0, 2.0)
    it.told_closed(2.0, 2.0)
    assert it.state(1.0) == "closed"
    assert not fleet.told


def test_the_fleets_counts_open_it() -> None:
    it, fleet = breaker()
    it.judge(3, 3.0, 0.0)
    it.judge(10, 4.0, 0.0)
    assert not it.is_open
    it.judge(4, 2.0, 0.0)
    it.judge(4, 2.0, 0.0)
    assert fleet.told == ["opens"]


def test_where_nothing_succeeds_nobody_insists_in_any_process() -> None:
    it, _ = breaker()
    it.told_open(5.0)
    before = it.enter(1.0, insist=True)
    assert before is not None  # most fail, and who has nowhere else to go may ask
    it.told_open(9.0, is_dead=True)
    assert it.is_dead
    assert it.enter(2.0, insist=True) is None
    assert not it.healthy(before)  # it was asked for before that
    assert it.enter(9.0, insist=True) is None  # the fleet's probe is another's
    it.reserved(14.0)
    probe = it.enter(9.0, insist=True)
    assert probe is not None
    assert probe.probe is not None
    it.told_open(20.0, is_dead=True)  # another's has failed: that is no new opening
    assert it.healthy(probe)


def test_one_that_was_dead_here_and_has_closed_elsewhere_begins_slowly() -> None:
    it, fleet = breaker()
    it.told_open(5.0, is_dead=True)
    it.told_closed(6.0, 2.0)
    assert not it.recovery.is_over
    given = it.enter(6.0)
    assert given is not None
    it.count(given, 6.0, 1.0)
    assert not it.is_open  # the row of failures is over
    it.told_open(12.0)
    it.told_closed(13.0, 2.0)
    assert fleet.told == ["counts"]


def test_one_that_was_not_dead_has_no_slow_start() -> None:
    it, _ = breaker()
    it.told_open(5.0)
    it.told_closed(6.0, 2.0)
    assert it.recovery.is_over
