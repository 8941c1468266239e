"""The circuit breaker: a route that mostly fails is left alone, but for a probe from time to time.

While some of its requests succeed, that is for those who have somewhere else to go. Who has not may insist, and is let
through until a row of failures without a success is so long that chance does not explain it.

    closed    -- enough of the window's requests failed --------------> open
    open      -- recovery_time has passed ----------------------------> half open
    half open -- the probe brought content ---------------------------> closed
    half open -- the probe failed ------------------------------------> open
    half open -- the probe ended without a verdict, or recovery_time
                 has passed without a word of it ---------------------> half open, with another probe

That content closes it, before the probe is whole, is for the sake of long answers: what keeps a healthy route from
being used for minutes is worse than a probe that is cut, which the window counts. What was sent before the breaker
opened says nothing of what the server does now, and is not counted when it ends.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, Literal

from ..core.plan.readiness import seconds_until

__all__ = ["Breaker", "BreakerSettings", "State", "Ticket"]

State = Literal["closed", "open", "half_open"]

#: In how many steps the window moves on, as in Hystrix (`metrics.rollingStats.numBuckets`).
_STEPS: Final = 10


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When a breaker opens, and for how long.

    Attributes:
        failure_ratio: The share of failures, of the requests in the window, that opens it; above 0, at most 1.
        min_requests: The fewest requests in the window to judge by.
        window: Seconds that an outcome is remembered.
        recovery_time: Seconds from opening to the first probe, and from one probe to the next.
        consecutive_failures: So many in a row, without a success between them, and nobody is let through but probes,
            not even who has nowhere else to go.
    """

    failure_ratio: float
    min_requests: int
    window: float
    recovery_time: float
    consecutive_failures: int = 100


@dataclass(frozen=True, slots=True)
class Ticket:
    """The permission to send one request.

    Attributes:
        opening: How often the breaker had opened by then.
        probe: The number of the probe that it is; None for a request through a closed breaker.
    """

    opening: int
    probe: int | None = None


@dataclass(slots=True)
class _Step:
    """A tenth of the window."""

    number: float
    requests: int = 0
    failures: float = 0.0


class Breaker:
    """One route's circuit breaker. Every `now` is in monotonic seconds."""

    __slots__ = ("_in_a_row", "_openings", "_probe", "_probe_at", "_probes", "_settings", "_steps")

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._steps: deque[_Step] = deque()
        self._openings = 0
        self._in_a_row = 0  # failures
        self._probes = 0
        self._probe: int | None = None  # the one that was given last, since it opened
        self._probe_at: float | None = None  # when the next one may go; None while it is closed

    # -- asking

    def enter(self, now: float, *, insist: bool = False) -> Ticket | None:
        """Permission for one request; None while it is open, or another probe is out.

        `insist` is for who has nowhere else to go: then it is None only where nothing succeeds any more.
        """
        if self._probe_at is None:
            return Ticket(self._openings)
        if self.open_for(now):
            return Ticket(self._openings) if insist and not self.is_dead else None
        self._probes += 1
        self._probe = self._probes
        self._probe_at = now + self._settings.recovery_time
        return Ticket(self._openings, self._probe)

    @property
    def is_dead(self) -> bool:
        """Whether it is open, and nothing has succeeded of the last `consecutive_failures`."""
        return self._probe_at is not None and self._in_a_row >= self._settings.consecutive_failures

    def open_for(self, now: float) -> float:
        """Seconds until `enter` would give a pass; 0.0 when it would now."""
        return 0.0 if self._probe_at is None else seconds_until(self._probe_at, now)

    def state(self, now: float) -> State:
        """Half open: a probe is out, or may go."""
        if self._probe_at is None:
            return "closed"
        return "open" if self._probe is None and self.open_for(now) else "half_open"

    def counted(self, now: float) -> tuple[int, float]:
        """The requests that ended within the window, and how many of them failed; a cut answer is half a failure."""
        self._forget(now)
        return sum(step.requests for step in self._steps), sum(step.failures for step in self._steps)

    # -- telling

    def healthy(self, given: Ticket) -> bool:
        """Content came: if it was asked for after the breaker opened, it closes, and the window starts anew.

        Returns:
            Whether that was the end of a time in which nothing succeeded.
        """
        was_dead = self.is_dead
        if not was_dead or given.opening == self._openings:
            self._in_a_row = 0
        if self._probe_at is not None and given.opening == self._openings:
            self._close()
            return was_dead
        return False

    def count(self, given: Ticket, now: float, failure: float = 0.0) -> None:
        """A request ended: 0.0 without a failure, 1.0 with one, 0.5 cut after content."""
        was_dead = self.is_dead
        if failure == 1.0:
            self._in_a_row += 1
        if given.opening != self._openings:
            return
        if not failure and not was_dead:
            self._in_a_row = 0
        if self._probe_at is None:
            self._note(now, failure)
            if failure and (self._is_ill(now) or self._in_a_row >= self._settings.consecutive_failures):
                self._open(now)
        elif failure and (given.probe is not None or (self.is_dead and not was_dead)):
            self._open(now)

    def release(self, given: Ticket, now: float) -> None:
        """A request ended without a verdict: if it was the probe, the next may go at once."""
        if given.probe is not None and given.probe == self._probe and self._probe_at is not None:
            self._probe_at = now

    def _open(self, now: float) -> None:
        self._openings += 1
        self._probe = None
        self._probe_at = now + self._settings.recovery_time

    def _close(self) -> None:
        self._probe_at = self._probe = None
        self._steps.clear()

    def _is_ill(self, now: float) -> bool:
        requests, failures = self.counted(now)
        return requests >= self._settings.min_requests and failures / requests >= self._settings.failure_ratio

    # -- the window, in at most `_STEPS` steps, whatever the traffic

    def _note(self, now: float, failure: float) -> None:
        number = self._forget(now)
        if not self._steps or self._steps[-1].number < number:
            self._steps.append(_Step(number))
        self._steps[-1].requests += 1
        self._steps[-1].failures += failure

    def _forget(self, now: float) -> float:
        number = now // (self._settings.window / _STEPS)
        while self._steps and self._steps[0].number <= number - _STEPS:
            self._steps.popleft()
        return number
