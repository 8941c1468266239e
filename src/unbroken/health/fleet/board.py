"""What one process knows of its fleet, and what it has to tell: plain values, to and from `exchange.lua`.

Times go as durations, in milliseconds: the clocks of two processes need not agree in anything but their pace.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakValueDictionary

from ..breaker import BreakerSettings
from ..traffic import Traffic
from .breaker import FleetBreaker
from .budget import LeasedBudget

__all__ = ["STALE", "Board", "Sent"]

#: What was heard longer ago, in seconds, is not relied upon: each process then goes on by itself. Ours: a few times
#: the time between two exchanges.
STALE: Final = 3.0


@dataclass(slots=True)
class Sent:
    """What was told in one exchange, for the case that it is lost."""

    at: float
    opened: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    probing: set[str] = field(default_factory=set)
    given: float = 0.0


class Board:
    """Nothing of it is read or changed without the lock of the `Health`. Every `now` is in monotonic seconds.

    Args:
        budget: This process's slice.
        settings: Of the breakers.
        traffic: What this process is asked for.

    Attributes:
        processes: How many there are, as the fleet last said; 1: it was not heard of.
        heard_at: When the fleet was last heard; None: not yet.
    """

    def __init__(self, budget: LeasedBudget, settings: BreakerSettings, traffic: Traffic) -> None:
        self.processes: int = 1
        self.heard_at: float | None = None
        self._budget = budget
        self._settings = settings
        self._traffic = traffic
        self._breakers: WeakValueDictionary[str, FleetBreaker] = WeakValueDictionary()
        self._nudge: Callable[[], None] = _nothing
        # What the fleet says.
        self._epochs: dict[str, int] = {}
        self._open_until: dict[str, float] = {}
        self._dead: set[str] = set()  # of those that are open: nothing succeeds
        self._cool_until: dict[str, float] = {}
        self._windows: dict[str, tuple[int, float]] = {}
        # What it is to be told.
        self._opened: set[str] = set()
        self._closed: set[str] = set()
        self._probing: set[str] = set()
        self._cools: dict[str, float] = {}
        self._counts: dict[str, tuple[int, float]] = {}

    def on_news(self, nudge: Callable[[], None]) -> None:
        """Have this called when there is something that the fleet should hear at once; it must not wait or raise."""
        self._nudge = nudge
        self._budget.ask = nudge

    # -- asked by the breakers and vitals of this process

    def is_fresh(self, now: float) -> bool:
        """Whether the fleet was heard lately."""
        return self.heard_at is not None and now - self.heard_at <= STALE

    def breaker(self, name: str) -> FleetBreaker:
        """The one of this route, for all clients that ask with the same key."""
        breaker = self._breakers.get(name)
        if breaker is None:
            breaker = self._breakers[name] = FleetBreaker(self._settings, self, name)
            if name in self._open_until:
                breaker.told_open(self._open_until[name], is_dead=name in self._dead)
        return breaker

    @property
    def has_news(self) -> bool:
        """Whether anything is open or cools down in the fleet."""
        return bool(self._open_until or self._cool_until)

    def is_open(self, name: str) -> bool:
        """Whether the fleet has last said that the route's breaker is open."""
        return name in self._open_until

    @property
    def has_cool_downs(self) -> bool:
        """Whether the fleet has any."""
        return bool(self._cool_until)

    def cool_until(self, name: str) -> float | None:
        """When the cool-down of a bucket ends, as the fleet has it; None: it has none."""
        return self._cool_until.get(name)

    def window(self, name: str) -> tuple[int, float]:
        """The requests of the whole fleet within the window, and how many failed."""
        return self._windows.get(name, (0, 0.0))

    # -- told by them

    def opens(self, name: str) -> None:
        """A breaker has opened here."""
        self._closed.discard(name)
        self._opened.add(name)
        self._counts.pop(name, None)
        self._nudge()

    def closes(self, name: str) -> None:
        """A probe of this process has brought content."""
        self._opened.discard(name)
        self._closed.add(name)
        self._open_until.pop(name, None)
        self._nudge()

    def probes(self, name: str) -> None:
        """A probe was sent from here."""
        self._probing.add(name)
        self._nudge()

    def cools(self, name: str, until: float) -> None:
        """A rate limit has asked for a cool-down of this bucket."""
        self._cools[name] = max(until, self._cools.get(name, until))
        self._nudge()

    def counts(self, name: str, failure: float) -> None:
        """A request ended, and counts in the window."""
        requests, failures = self._counts.get(name, (0, 0.0))
        self._counts[name] = requests + 1, failures + failure

    # -- the exchange

    def collect(self, now: float) -> tuple[dict[str, Any], Sent]:
        """What the fleet is told now. `take_in` or `lost` has to follow."""
        given, wanted = self._budget.settle(now)
        most, per_second = self._budget.terms
        breakers = dict(self._breakers)
        sent = Sent(now, self._opened, self._closed, self._probing, given)
        said = {
            "window": _ms(self._settings.window),
            "budget": [most, per_second, given, wanted],
            "counts": {name: [self._epochs.get(name, 0), *counted] for name, counted in self._counts.items()},
            "opened": {
                name: [self._epochs.get(name, 0), _ms(breakers[name].opening(now)), int(breakers[name].is_dead)]
                for name in self._opened
                if name in breakers
            },
            "closed": {name: self._epochs.get(name, 0) for name in self._closed},
            "cools": {name: _ms(until - now) for name, until in self._cools.items() if until > now},
            "probing": {name: _ms(breakers[name].probe_lasts) for name in self._probing if name in breakers},
            "reserve": {name: _ms(s) for name, each in breakers.items() if (s := each.reserves_for(now))},
            "watch": list(breakers),
        }
        self._opened, self._closed, self._probing, self._counts = set(), set(), set(), {}
        return said, sent

    def lost(self, sent: Sent, now: float) -> None:
        """Nobody knows whether the fleet has heard that. What may be said twice is said again."""
        self._opened |= sent.opened - self._closed
        self._closed |= sent.closed - self._opened
        self._probing |= sent.probing
        self._budget.alone(sent.given, self.processes, now)

    def take_in(self, reply: dict[str, Any], sent: Sent, now: float) -> None:
        """What the fleet has said to that."""
        self.heard_at = now
        self.processes = int(reply["processes"])
        got, left = reply["budget"]
        self._budget.filled(got, left, now)
        self._cool_until = {name: now + ms / 1000 for name, ms in reply["cool"].items()}
        self._cools = {name: until for name, until in self._cools.items() if until > self._cool_until.get(name, now)}
        self._open_until = {name: now + ms / 1000 for name, (_, ms, _) in reply["open"].items()}
        self._dead = {name for name, (_, _, is_dead) in reply["open"].items() if is_dead}
        changed = self._opened | self._closed  # meanwhile: the fleet has not heard of that
        for name, (epoch, _, is_dead) in reply["open"].items():
            self._epochs[name] = int(epoch)
            breaker = self._breakers.get(name)
            if breaker is None or name in changed:
                continue
            if breaker.is_dead and not is_dead:  # it has closed, and opened again, since the fleet was last heard
                breaker.told_closed(now, self._traffic.recovery_pace(now))
            breaker.told_open(self._open_until[name], is_dead=bool(is_dead))
        for name, (epoch, requests, failures) in reply["watch"].items():
            self._heard(name, int(epoch), int(requests), failures, now, is_changed=name in changed)
        for name, ms in reply["reserved"].items():
            breaker = self._breakers.get(name)
            if breaker is not None:
                breaker.reserved(sent.at + ms / 1000)
        self._windows = {name: counted for name, counted in self._windows.items() if name in self._breakers}

    def _heard(self, name: str, epoch: int, requests: int, failures: float, now: float, *, is_changed: bool) -> None:
        known, self._epochs[name] = self._epochs.get(name, 0), epoch
        self._windows[name] = requests, failures
        breaker = self._breakers.get(name)
        if breaker is None or is_changed or name in self._open_until:
            return
        if epoch < known and breaker.is_open:  # the server has lost it
            self.opens(name)
        elif breaker.is_open:
            breaker.told_closed(now, self._traffic.recovery_pace(now))
        else:
            breaker.judge(requests, failures, now)


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))


def _nothing() -> None:
    pass
