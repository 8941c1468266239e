"""What is told and taken in, with answers such as `exchange.lua` gives; `test_processes.py` has the real ones."""

from __future__ import annotations

from typing import Any

from unbroken.health.breaker import BreakerSettings
from unbroken.health.fleet.board import STALE, Board
from unbroken.health.fleet.budget import LeasedBudget
from unbroken.health.traffic import Traffic

SETTINGS = BreakerSettings(failure_ratio=0.5, min_requests=4, window=30, recovery_time=5, consecutive_failures=6)


def board() -> Board:
    return Board(LeasedBudget(0.1, 0.5, 20, 100.0), SETTINGS, Traffic(100.0, 6))


def reply(**changes: Any) -> dict[str, Any]:
    return {"processes": 3, "budget": [0, 20], "open": {}, "cool": {}, "watch": {}, "reserved": {}} | changes


def exchange(it: Board, now: float = 100.0, **changes: Any) -> dict[str, Any]:
    said, sent = it.collect(now)
    it.take_in(reply(**changes), sent, now)
    return said


def test_an_opening_is_told_until_it_is_heard() -> None:
    it = board()
    breaker = it.breaker("r")
    breaker.judge(4, 4.0, 100.0)
    said, sent = it.collect(101.0)
    assert said["opened"] == {"r": [0, 4000, 0]}
    it.lost(sent, 103.0)
    assert exchange(it, 103.0, open={"r": [1, 2000, 0]}, watch={"r": [1, 0, 0]})["opened"] == {"r": [0, 2000, 0]}
    assert exchange(it, 103.0, open={"r": [1, 2000, 0]}, watch={"r": [1, 0, 0]})["opened"] == {}
    exchange(it, 104.0, watch={"r": [1, 0, 0]})
    assert not breaker.is_open  # closed elsewhere


def test_what_happens_while_the_answer_comes_is_not_undone_by_it() -> None:
    it = board()
    breaker = it.breaker("r")
    said, sent = it.collect(100.0)
    breaker.judge(4, 4.0, 100.0)
    it.take_in(reply(watch={"r": [0, 0, 0]}), sent, 100.0)
    assert breaker.is_open
    assert said["opened"] == {}


def test_what_the_server_has_lost_is_told_again() -> None:
    it = board()
    breaker = it.breaker("r")
    exchange(it, open={"r": [3, 5000, 0]}, watch={"r": [3, 0, 0]})
    exchange(it, 101.0, watch={"r": [0, 0, 0]})
    assert breaker.is_open
    assert exchange(it, 101.0)["opened"] == {"r": [0, 4000, 0]}


def test_a_route_that_comes_later_is_as_the_fleet_has_it() -> None:
    it = board()
    exchange(it, open={"r": [1, 5000, 0]}, cool={"b": 7000})
    assert it.breaker("r").opening(101.0) == 4.0
    assert it.cool_until("b") == 107.0
    assert it.cool_until("c") is None


def test_a_cool_down_is_told_until_the_fleet_has_it() -> None:
    it = board()
    it.cools("b", 110.0)
    _, sent = it.collect(100.0)
    it.lost(sent, 101.0)
    assert exchange(it, 102.0, cool={"b": 8000})["cools"] == {"b": 8000}
    assert exchange(it, 103.0)["cools"] == {}


def test_what_is_old_is_not_relied_upon() -> None:
    it = board()
    assert not it.is_fresh(100.0)
    exchange(it)
    assert it.is_fresh(100.0 + STALE)
    assert not it.is_fresh(101.0 + STALE)


def test_that_nothing_succeeds_is_told_and_heard() -> None:
    a, b = board(), board()
    dying, told = a.breaker("r"), b.breaker("r")
    for _ in range(6):
        given = dying.enter(100.0, insist=True)
        assert given is not None
        dying.count(given, 100.0, 1.0)
    assert exchange(a, 101.0, open={"r": [1, 4000, 1]})["opened"] == {"r": [0, 4000, 1]}
    exchange(b, 101.0, open={"r": [1, 4000, 0]}, watch={"r": [1, 0, 0]})
    assert told.enter(101.0, insist=True) is not None
    exchange(b, 102.0, open={"r": [1, 3000, 1]}, watch={"r": [1, 0, 0]})
    assert told.is_dead
    assert b.breaker("new") is not told
    newcomer = board()
    exchange(newcomer, 102.0, open={"r": [1, 3000, 1]})
    assert newcomer.breaker("r").is_dead


def test_what_has_closed_and_opened_since_is_not_dead() -> None:
    it = board()
    breaker = it.breaker("r")
    exchange(it, open={"r": [1, 5000, 1]}, watch={"r": [1, 0, 0]})
    exchange(it, 101.0, open={"r": [2, 5000, 0]}, watch={"r": [2, 0, 0]})
    assert breaker.is_open
    assert not breaker.is_dead
    assert not breaker.recovery.is_over
