"""What a fault server does with message batches: plain values, a part of a `Script`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from unbroken.testing.script.faults import Status, Step

__all__ = ["LIFETIME", "Batches"]

#: Seconds: "up to 24 hours", then what is not done has expired.
LIFETIME: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Batches:
    """How message batches fare.

    The requests of a batch are judged and answered as those to `POST /v1/messages` that are not streamed. They use up
    none of the script's steps: a storm that no stream survives leaves batches alone, unless it is said here. The script
    that is played when a batch is created is the one that it goes by.

    Attributes:
        seconds: How long a batch takes, on the event loop's clock; its requests are done one after another, the last
            one at the end. `math.inf`: it expires.
        lifetime: Seconds after which what is not done has expired.
        canceling: Seconds that a cancellation takes; what is done when it is asked for stays done.
        errors: What becomes of each request that is valid, in the order in which they come: an error, or None for one
            that succeeds. Those after the last one succeed.
        creates: What goes wrong with each call that creates a batch. After a `Status` there is no batch; after any
            other fault there is one, and the client may not know.
        polls: What goes wrong with each call that retrieves a batch.
        reads: What goes wrong with each call that reads results; an event is a line. `CutFrame` cuts one in its middle,
            `EndOfFile` leaves out all from there on.
        cancels: What goes wrong with each call that cancels a batch. After a `Status` it is not cancelled.
        unknown_for: Seconds during which a new batch is a 404, as was seen in the field
            (github.com/anthropics/anthropic-sdk-python/issues/1432).

    Raises:
        ValueError: A time is negative, or `lifetime` has no end.
    """

    seconds: float = 0.0
    lifetime: float = LIFETIME
    canceling: float = 0.0
    errors: Sequence[Status | None] = ()
    creates: Sequence[Step] = ()
    polls: Sequence[Step] = ()
    reads: Sequence[Step] = ()
    cancels: Sequence[Step] = ()
    unknown_for: float = 0.0

    def __post_init__(self) -> None:
        if min(self.seconds, self.lifetime, self.canceling, self.unknown_for) < 0 or math.isinf(self.lifetime):
            raise ValueError("times are not negative, and every batch expires in the end")

    @property
    def steps(self) -> tuple[Sequence[Step], ...]:
        """What goes wrong with the calls, kind by kind."""
        return self.creates, self.polls, self.reads, self.cancels
