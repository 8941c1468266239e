"""Routes of one key are one, whatever client asks."""

from __future__ import annotations

from threading import Lock

from unbroken.core.models.corrections import Models
from unbroken.health.breaker import BreakerSettings
from unbroken.health.fleet.board import Board
from unbroken.health.fleet.budget import LeasedBudget
from unbroken.health.fleet.vitals import FleetVitals
from unbroken.health.traffic import Traffic

SETTINGS = BreakerSettings(failure_ratio=0.5, min_requests=4, window=30, recovery_time=5)
MODEL = "claude-opus-5-5"
NOTHING = {"processes": 2, "budget": [0, 20], "open": {}, "cool": {}, "watch": {}, "reserved": {}}


def test_two_clients_with_one_key_have_one_breaker() -> None:
    board, models = Board(LeasedBudget(0.1, 0.5, 20, 0.0), SETTINGS, Traffic(0.0, 100)), Models(None, Lock())
    a, b, other = (FleetVitals(n, SETTINGS, models, board, key) for n, key in enumerate(["k", "k", "l"]))
    assert a.route(MODEL).breaker is b.route(MODEL).breaker
    assert a.route(MODEL).breaker is not other.route(MODEL).breaker
    assert a.route(MODEL).breaker is not a.route(MODEL, "speed=fast").breaker


def test_a_cool_down_of_the_fleet_holds() -> None:
    board, models = Board(LeasedBudget(0.1, 0.5, 20, 0.0), SETTINGS, Traffic(0.0, 100)), Models(None, Lock())
    a, b = (FleetVitals(n, SETTINGS, models, board, "k") for n in range(2))
    a.cool(MODEL, 60, 0.0)
    said, sent = board.collect(0.0)
    board.take_in({**NOTHING, "cool": said["cools"]}, sent, 0.0)
    assert b.readiness(MODEL, 10.0).cool_for == 50.0
    assert b.readiness(MODEL, 60.0).cool_for == 0.0
    assert not board.collect(10.0)[0]["cools"]  # who hears of it does not tell it again
