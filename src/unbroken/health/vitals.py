"""What is known of one client: of each model on it, in each mode that has limits of its own, and of its rate limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ..core.models.corrections import Models
from ..core.plan.readiness import Readiness, seconds_until
from .breaker import Breaker, BreakerSettings
from .latency import Latency
from .slow_start import SlowStart

__all__ = ["ClientVitals", "RouteVitals"]

#: Of how many models of one client the state is kept: far more than there are, should names come from users.
_MAX_ROUTES: Final = 256


@dataclass(frozen=True, slots=True)
class RouteVitals:
    """One model on one client, in one mode.

    Attributes:
        breaker: Its circuit breaker.
        latency: Its times to first content.
        recovery: Lets those through who have waited for the breaker.
    """

    breaker: Breaker
    latency: Latency = field(default_factory=Latency)
    recovery: SlowStart = field(default_factory=SlowStart)


class ClientVitals:
    """One client. Every `now` is in monotonic seconds.

    Args:
        number: The order in which the clients were first seen, from 0.
        settings: Of its breakers.
        models: Which of them share a rate limit.
    """

    __slots__ = ("_cool_until", "_models", "_routes", "_settings", "_thaws", "number")

    def __init__(self, number: int, settings: BreakerSettings, models: Models) -> None:
        self.number: int = number
        self._settings = settings
        self._models = models
        self._routes: dict[tuple[str, str], RouteVitals] = {}  # the one that was asked last comes last
        # By bucket and mode: rate limits belong to a key, and so to a client.
        self._cool_until: dict[tuple[str, str], float] = {}
        self._thaws: dict[tuple[str, str], SlowStart] = {}

    def route(self, model: str, mode: str = "") -> RouteVitals:
        """The model's, from now on if it has none yet."""
        route = self._routes.pop((model, mode), None) or self._new_route(model, mode)
        self._routes[model, mode] = route
        if len(self._routes) > _MAX_ROUTES:
            del self._routes[next(iter(self._routes))]
        return route

    def _new_route(self, model: str, mode: str) -> RouteVitals:  # noqa: ARG002 - a fleet names its routes
        return RouteVitals(Breaker(self._settings))

    def latency(self, model: str, mode: str = "") -> Latency | None:
        """The model's times to first content; None if it was not asked yet."""
        route = self._routes.get((model, mode))
        return None if route is None else route.latency

    def readiness(self, model: str, now: float, mode: str = "") -> Readiness:
        """Whether the model may be asked."""
        route = self._routes.get((model, mode))
        cool_for, thaw = self._cool_for(model, mode, now), self._thaws.get(self._bucket(model, mode))
        queues_for = 0.0 if cool_for or thaw is None else thaw.wait(now)
        if route is None:
            return Readiness(0.0, cool_for or queues_for, starting=queues_for > 0)
        open_for, is_dead = route.breaker.open_for(now), route.breaker.is_dead
        waits_for = 0.0 if is_dead else route.recovery.wait(now)
        return Readiness(
            open_for if is_dead else waits_for,
            cool_for or queues_for,
            failing=open_for > 0 and not is_dead,
            starting=not (is_dead or cool_for) and (waits_for > 0 or queues_for > 0),
        )

    def thaw(self, model: str, now: float, mode: str = "") -> SlowStart | None:
        """What lets those through who have waited for the cool-down of the model's bucket; None: none has ended."""
        return None if self._cool_for(model, mode, now) else self._thaws.get(self._bucket(model, mode))

    def cool(self, model: str, seconds: float, now: float, mode: str = "") -> None:
        """Start a cool-down of all models that share this one's rate-limit bucket, in its mode; the longest holds."""
        bucket = self._bucket(model, mode)
        until = max(self._cool_until.get(bucket, now), now + seconds)
        self._cool_until = {other: end for other, end in self._cool_until.items() if end > now} | {bucket: until}
        self._thaws = {other: thaw for other, thaw in self._thaws.items() if thaw.wait(now)}
        thaw = self._thaws.setdefault(bucket, SlowStart())
        thaw.begin(until)

    def describe(self, now: float) -> Iterator[dict[str, Any]]:
        """Each model as `Health.snapshot` shows it."""
        for (model, mode), route in sorted(self._routes.items(), key=lambda item: item[0]):
            requests, failures = route.breaker.counted(now)
            yield {
                "model": model,
                **({"mode": mode} if mode else {}),
                "client": self.number,
                "state": route.breaker.state(now),
                "requests": requests,
                "failures": failures,
                "first_content": _describe(route.latency),
                "cool_for": self._cool_for(model, mode, now),
            }

    def _cool_for(self, model: str, mode: str, now: float) -> float:
        return seconds_until(self._cool_until.get(self._bucket(model, mode), now), now)

    def _bucket(self, model: str, mode: str) -> tuple[str, str]:
        return self._models.get(model).rate_limit, mode


def _describe(latency: Latency) -> dict[str, float] | None:
    if not latency:
        return None
    return {"count": len(latency), "p50": latency.quantile(0.5), "p95": latency.quantile(0.95)}
