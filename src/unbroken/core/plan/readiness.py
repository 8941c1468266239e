"""When a route may be asked again, as `Health` sees it: what the plan is told before it decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["ROUNDING", "Readiness", "seconds_until"]

#: What adding two times may lose, in seconds, with room to spare. A stream that has slept for as long as was said must
#: not be told to sleep for another 1e-17 seconds: a virtual clock would never get there.
ROUNDING: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a route may be asked now.

    Attributes:
        open_for: Seconds until its circuit breaker lets a probe through. 0.0: it is closed, or a probe may go now.
        failing: Whether most of its requests fail, so that others are to be asked first. With nobody else to ask, it
            is asked all the same.
        starting: Whether nothing is wrong with it any more: `open_for`, or `cool_for`, is a place in the queue of those
            who have waited for it.
        cool_for: Seconds until the cool-down that a 429 gave its rate-limit bucket is over. 0.0: there is none.
        incident: Whether the status page declares an incident that concerns it.
    """

    open_for: float = 0.0
    cool_for: float = 0.0
    incident: bool = False
    failing: bool = False
    starting: bool = False


def seconds_until(moment: float, now: float) -> float:
    """How long until `moment`, in seconds; 0.0 once it is reached, or missed by nothing but rounding."""
    left = moment - now
    return left if left > ROUNDING else 0.0
