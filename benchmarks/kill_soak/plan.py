"""How a kill soak is to be: its numbers, which all of its processes are given."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from benchmarks.soak.stories import Soaked, soaked
from unbroken import Policy

__all__ = ["CALLERS_LEASE", "HANGS_AFTER", "PASSING", "POLICY", "Plan", "stream_id"]

#: The defaults, but for the waits in which a stall is found: minutes would be most of the run; and for how often the
#: rest is asked for in all: the writers of some streams are killed more often.
POLICY: Final = Policy(idle_timeout=8.0, progress_timeout=12.0, max_resumes=1000)
#: How long nothing at all may be read, once nothing goes wrong any more, before what has not ended hangs, in seconds:
#: as long as the policy would wait for a `retry-after`.
HANGS_AFTER: Final = POLICY.max_retry_after
#: The codes of errors after which readers come back, and callers ask once more: the journal was away for longer than
#: their patience, or several writers in a row were lost with the stream.
PASSING: Final = ("journal", "poison")
#: The lease of a stream that is written by `resilient_stream`, in seconds.
CALLERS_LEASE: Final = 20.0


def stream_id(number: int) -> str:
    """The id of a stream."""
    return f"soak/{number:04}"


@dataclass(frozen=True, slots=True)
class Plan:
    """How a kill soak is to be.

    Attributes:
        streams: How many begin, one after the other, at a steady rate.
        seconds: In so many seconds; in each of them something goes wrong. Then each stream goes on to its end.
        rate: Events of text a second, of each.
        seed: Everything is drawn from it.
        shortest: The shortest answer, in seconds.
        longest: The longest answer, in seconds.
        hosts: Processes with a `StreamHost`.
        callers: Processes that write by `resilient_stream`.
        readers: Processes that read every stream, by `attach`.
        called: The share of streams that begin in a caller.
        share: The share of requests that go wrong at the API, in the ways of the other soak.
        lease: Of the hosts, in seconds.
    """

    streams: int = 300
    seconds: float = 300.0
    rate: float = 20.0
    seed: int = 20_261_129
    shortest: float = 15.0
    longest: float = 30.0
    hosts: int = 6
    callers: int = 2
    readers: int = 2
    called: float = 0.3
    share: float = 0.1
    lease: float = 2.0

    def due(self, number: int) -> float:
        """When a stream begins, in seconds after the start."""
        return number * self.seconds / self.streams

    def story(self, number: int) -> Soaked:
        """What a stream says."""
        seconds = Random(f"{self.seed} {number} long").uniform(self.shortest, self.longest)
        return soaked(number, max(1, round(seconds * self.rate)), self.seed)

    def is_called(self, number: int) -> bool:
        """Whether a stream begins in a caller, and not in a host."""
        return Random(f"{self.seed} {number} called").random() < self.called
