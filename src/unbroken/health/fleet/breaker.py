"""A circuit breaker that opens and closes with those of the same route in other processes.

Where one process has found that nothing succeeds any more, that holds in all: then no request goes but the fleet's
probe, not even that of a stream with nowhere else to go. One that has opened by the share of failures is open in all,
and who has nowhere else to go is let through in all.
"""

from __future__ import annotations

import math
from typing import Any, Final, Protocol

from ..breaker import Breaker, BreakerSettings, Ticket
from ..slow_start import SlowStart

__all__ = ["Fleet", "FleetBreaker"]

#: After how many seconds a stream looks again, while no probe is reserved for this process: by then it may be.
_LOOK: Final = 0.25
#: So many seconds before a probe may go it is reserved, if a stream waits for it: so that it need not wait longer.
_LEAD: Final = 1.0
#: A stream that waits looks every half a second (`engine.admission.POLL`); who has not looked for so long has left.
_WANTED: Final = 1.5


class Fleet(Protocol):
    """What a breaker asks and tells of its fleet; see `board.Board`."""

    def is_fresh(self, now: float) -> bool: ...
    def opens(self, name: str) -> None: ...
    def closes(self, name: str) -> None: ...
    def probes(self, name: str) -> None: ...
    def counts(self, name: str, failure: float) -> None: ...


class FleetBreaker(Breaker):
    """One route's. Every `now` is in monotonic seconds of this process.

    Args:
        settings: When it opens, and for how long.
        board: What is known of the fleet, and what it is to be told.
        name: Of the route, in the fleet.

    Attributes:
        recovery: Lets those of this process through, by and by, who have waited while nothing succeeded.
    """

    def __init__(self, settings: BreakerSettings, board: Fleet, name: str) -> None:
        super().__init__(settings)
        self.name: str = name
        self.recovery: SlowStart = SlowStart()
        self._board = board
        self._wanted_at = -math.inf
        self._reserved_until = -math.inf

    @property
    def is_open(self) -> bool:
        """Whether it is open, or half open."""
        return self._probe_at is not None

    # -- what streams ask

    def enter(self, now: float, **options: Any) -> Ticket | None:
        given = super().enter(now, **options)
        if given is not None and given.probe is not None:
            self._board.probes(self.name)
            # Until the fleet has heard of it, for as long as this breaker waits for the probe.
            self._reserved_until = max(self._reserved_until, now + self._settings.recovery_time)
        return given

    def open_for(self, now: float) -> float:
        """As in `Breaker`; and while the fleet can be heard, no probe goes that is not reserved for this process."""
        seconds = super().open_for(now)
        if seconds or not self.is_open or now < self._reserved_until or not self._board.is_fresh(now):
            return seconds
        return _LOOK

    def want(self, now: float) -> None:
        """A stream would like to ask this route."""
        self._wanted_at = now

    # -- what happens here

    def _open(self, now: float) -> None:
        super()._open(now)
        self._reserved_until = -math.inf
        self._board.opens(self.name)

    def _close(self) -> None:
        super()._close()
        self._reserved_until = -math.inf
        self._board.closes(self.name)

    def _note(self, now: float, failure: float) -> None:
        super()._note(now, failure)
        self._board.counts(self.name, failure)

    # -- what the fleet is told, and tells

    def opening(self, now: float) -> float:
        """Seconds until the first probe, as this process has it."""
        return super().open_for(now)

    def reserves_for(self, now: float) -> float:
        """Seconds for which a probe is to be reserved for this process; 0.0: for none."""
        due = super().open_for(now)
        if not self.is_open or due > _LEAD or now - self._wanted_at > _WANTED or now < self._reserved_until:
            return 0.0
        return due + self._settings.recovery_time

    @property
    def probe_lasts(self) -> float:
        """Seconds for which a probe that goes now keeps others from going."""
        return self._settings.recovery_time

    def reserved(self, until: float) -> None:
        """A probe is reserved for this process."""
        self._reserved_until = until

    def told_open(self, until: float, *, is_dead: bool = False) -> None:
        """It is open in the fleet, and the next probe may go at that time.

        Args:
            until: That time.
            is_dead: Whether nothing succeeds any more, as far as the fleet knows. What was sent before this process has
                heard of that says nothing of it, as after every opening.
        """
        if self._probe_at is None or (is_dead and not self.is_dead):
            self._openings += 1
            self._probe = None
            self._probe_at = until
            self._reserved_until = -math.inf
            if is_dead:
                self._in_a_row = max(self._in_a_row, self._settings.consecutive_failures)
        elif self._probe is None or until > self._probe_at:
            self._probe_at = until

    def told_closed(self, now: float, pace: float) -> None:
        """It is closed in the fleet: something has succeeded.

        Args:
            now: Monotonic seconds.
            pace: The most requests a second that this process lets through at first, if nothing has succeeded before.
        """
        if not self.is_open:
            return
        if self.is_dead:
            self.recovery.begin(now, pace)
        self._in_a_row = 0
        super()._close()
        self._reserved_until = -math.inf

    def judge(self, requests: int, failures: float, now: float) -> None:
        """What the whole fleet counted within the window may open it."""
        settings = self._settings
        if not self.is_open and requests >= settings.min_requests and failures / requests >= settings.failure_ratio:
            self._open(now)
