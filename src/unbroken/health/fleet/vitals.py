"""What is known of one client, by this process and by others that ask with the same key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ...core.models.corrections import Models
from ...core.plan.readiness import Readiness
from ..breaker import BreakerSettings
from ..vitals import ClientVitals, RouteVitals
from .board import Board
from .fingerprint import name_of

__all__ = ["FleetVitals"]

#: How much later, in seconds, the fleet's cool-down has to end than the one that is known to be another one.
_LATER: Final = 0.05
#: How many names of routes are kept, rather than hashed again.
_MAX_NAMES: Final = 1024


class FleetVitals(ClientVitals):
    """One client. Every `now` is in monotonic seconds.

    Args:
        number: As in `ClientVitals`, and so are the next two.
        settings: Of its breakers.
        models: Which of them share a rate limit.
        board: What is known of the fleet.
        account: The fingerprint of its key.
    """

    __slots__ = ("_account", "_board", "_names")

    def __init__(self, number: int, settings: BreakerSettings, models: Models, board: Board, account: str) -> None:
        super().__init__(number, settings, models)
        self._board = board
        self._account = account
        self._names: dict[tuple[str, ...], str] = {}

    def _new_route(self, model: str, mode: str) -> RouteVitals:
        breaker = self._board.breaker(self._name("route", model, mode))
        return RouteVitals(breaker, recovery=breaker.recovery)

    def readiness(self, model: str, now: float, mode: str = "") -> Readiness:
        # What a bucket is called is found out only where there is any cool-down: this is on every request's way.
        until = self._board.cool_until(self._bucket_name(model, mode)) if self._board.has_cool_downs else None
        if until is not None and until > now + self._cool_for(model, mode, now) + _LATER:
            super().cool(model, until - now, now, mode)
        name = self._name("route", model, mode)
        if (model, mode) in self._routes or self._board.is_open(name):
            self.route(model, mode)
            self._board.breaker(name).want(now)
        return super().readiness(model, now, mode)

    def cool(self, model: str, seconds: float, now: float, mode: str = "") -> None:
        super().cool(model, seconds, now, mode)
        self._board.cools(self._bucket_name(model, mode), now + seconds)

    def describe(self, now: float) -> Iterator[dict[str, Any]]:
        for row in super().describe(now):
            requests, failures = self._board.window(self._name("route", row["model"], row.get("mode", "")))
            yield {**row, "fleet": {"requests": requests, "failures": failures}}

    def _bucket_name(self, model: str, mode: str) -> str:
        return self._name("bucket", self._models.get(model).rate_limit, mode)

    def _name(self, *parts: str) -> str:
        name = self._names.get(parts)
        if name is None:
            if len(self._names) >= _MAX_NAMES:
                self._names.clear()
            name = self._names[parts] = name_of(self._account, *parts)
        return name
