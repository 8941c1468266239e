"""What is known of one client: its routes, and its rate limits."""

from __future__ import annotations

from unbroken.core.models.corrections import Models
from unbroken.core.plan.readiness import Readiness
from unbroken.health.breaker import BreakerSettings
from unbroken.health.vitals import ClientVitals

SETTINGS = BreakerSettings(failure_ratio=0.5, min_requests=1, window=30.0, recovery_time=5.0, consecutive_failures=1)


def vitals() -> ClientVitals:
    """Of a client that was never used; one failure opens its breakers."""
    return ClientVitals(7, SETTINGS, Models())


def trip(client: ClientVitals, model: str, now: float = 0.0) -> None:
    """Let the model fail once."""
    breaker = client.route(model).breaker
    given = breaker.enter(now)
    assert given is not None
    breaker.count(given, now, 1.0)


def test_a_route_is_made_once() -> None:
    """By the first request to it; to ask how it is makes none."""
    client = vitals()
    assert client.readiness("a", 0.0) == Readiness()
    assert client.latency("a") is None
    assert list(client.describe(0.0)) == []
    route = client.route("a")
    assert client.route("a") is route
    assert client.latency("a") is route.latency


def test_each_model_has_its_own_breaker() -> None:
    """One that is dead does not close the others."""
    client = vitals()
    trip(client, "a")
    assert client.readiness("a", 1.0) == Readiness(open_for=4.0)
    assert client.readiness("b", 1.0) == Readiness()


def test_models_of_one_bucket_cool_down_together() -> None:
    """Under whatever names a platform has for them, whether they were asked yet or not."""
    client = vitals()
    client.cool("claude-opus-4-6", 10.0, 0.0)
    for model in ("claude-opus-4-6", "claude-opus-4-8", "us.anthropic.claude-opus-4-5-20251101-v1:0"):
        assert client.readiness(model, 4.0) == Readiness(cool_for=6.0)
    assert client.readiness("claude-opus-5", 4.0) == Readiness()
    assert client.readiness("claude-opus-4-6", 10.0) == Readiness()


def test_of_two_cool_downs_the_longer_holds() -> None:
    """A short one that comes later does not cut it."""
    client = vitals()
    client.cool("m", 10.0, 0.0)
    client.cool("m", 2.0, 1.0)
    assert client.readiness("m", 1.0).cool_for == 9.0
    client.cool("m", 20.0, 1.0)
    assert client.readiness("m", 1.0).cool_for == 20.0


def test_cool_downs_that_are_over_are_forgotten() -> None:
    """However many models there were."""
    client = vitals()
    for second in range(100):
        client.cool(f"model-{second}", 2.5, float(second))
    assert len(client._cool_until) == 3


def test_the_models_that_were_asked_last_are_kept() -> None:
    """The one in use is known for what it is, though users may name a thousand others."""
    client = vitals()
    trip(client, "in use")
    for number in range(1_000):
        client.route(f"made-up-{number}")
        assert client.route("in use").breaker.state(0.0) == "open"
    assert len(client._routes) == 256
    assert client.latency("made-up-0") is None


def test_a_client_is_described_model_by_model() -> None:
    """As the snapshot shows it."""
    client = vitals()
    client.route("b").latency.add(1.5)
    trip(client, "a")
    client.cool("b", 3.0, 0.0)
    assert list(client.describe(1.0)) == [
        {
            "model": "a",
            "client": 7,
            "state": "open",
            "requests": 1,
            "failures": 1.0,
            "first_content": None,
            "cool_for": 0.0,
        },
        {
            "model": "b",
            "client": 7,
            "state": "closed",
            "requests": 0,
            "failures": 0,
            "first_content": {"count": 1, "p50": 1.5, "p95": 1.5},
            "cool_for": 2.0,
        },
    ]


def test_a_mode_with_limits_of_its_own_is_known_by_itself() -> None:
    """A cool-down, a breaker and the times of the fast mode say nothing about the same model without it."""
    client = vitals()
    client.cool("claude-opus-4-6", 10.0, 0.0, "speed=fast")
    assert client.readiness("claude-opus-4-8", 4.0, "speed=fast") == Readiness(cool_for=6.0)
    assert client.readiness("claude-opus-4-6", 4.0) == Readiness()
    fast = client.route("claude-opus-4-6", "speed=fast")
    assert fast is not client.route("claude-opus-4-6")
    assert client.latency("claude-opus-4-6", "speed=fast") is fast.latency
    assert [each.get("mode") for each in client.describe(4.0)] == [None, "speed=fast"]
