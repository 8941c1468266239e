"""Gates as streams share them: one for each rate-limit bucket of each client, from any thread and event loop.

Whoever waits does so in its own event loop, and is woken from whichever thread gave a slot back: no thread waits for
another here but for the time that a gate takes to decide.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from ...core.models.corrections import Models
from ...core.wire.rate_limits import QuotaReader
from ..clients import key_of
from .gate import QUOTAS, Gate, Reason
from .line import Ticket
from .settings import Limits
from .slot import Demand, Slot

if TYPE_CHECKING:
    from ...report import AttemptReport

__all__ = ["Limiter", "Place", "SharedGate"]

#: Of how many buckets of one client the gate is kept: far more than there are, should names come from users.
_MAX_GATES: Final = 256
#: Fast mode has headers of its own (rate-limits page, August 2026).
_FAST: Final = "speed=fast"
_READER: Final = QuotaReader(QUOTAS)
_FAST_READER: Final = QuotaReader([f"fast-{name}" for name in QUOTAS])


class Limiter:
    """The gates of all clients.

    Args:
        limits: What the caller allows, in each bucket of each client.
        models: Which models share a bucket.
        clock: Monotonic seconds, the same in all threads.
    """

    def __init__(self, limits: Limits, models: Models, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._models = models
        self._clock = clock
        self._lock = Lock()
        self._clients: WeakKeyDictionary[object, dict[tuple[str, str], SharedGate]] = WeakKeyDictionary()
        self._buckets: dict[str, str] = {}  # by model: a bucket belongs to a name for good

    def gate(self, client: object, model: str, *, mode: str = "") -> SharedGate:
        """The gate of a route, from now on if there is none yet.

        Args:
            client: The client that sends.
            model: The model that is asked; those of one bucket have one gate.
            mode: What has limits of its own beside the model, such as the fast mode; empty: nothing.
        """
        with self._lock:
            name = self._buckets.get(model)
            if name is None:
                name = self._models.get(model).rate_limit
                if len(self._buckets) < _MAX_GATES:
                    self._buckets[model] = name
            bucket = (name, mode)
            gates = self._clients.setdefault(key_of(client), {})
            gate = gates.get(bucket)
            if gate is None:
                gate = gates[bucket] = SharedGate(Gate(self._limits), self._clock, mode)
                if len(gates) > _MAX_GATES:
                    # Who waits at it or holds a slot of it keeps it.
                    del gates[next(iter(gates))]
            return gate

    def describe(self, client: object) -> list[dict[str, Any]]:
        """Each bucket of a client, as `Health.snapshot` shows it."""
        with self._lock:
            gates = dict(self._clients.get(client, {}))
        return [
            {"bucket": bucket, **({"mode": mode} if mode else {}), **gate.describe()}
            for (bucket, mode), gate in sorted(gates.items(), key=lambda item: item[0])
        ]


class SharedGate:
    """A gate with its lock and its clock."""

    __slots__ = ("_clock", "_gate", "_lock", "_reader")

    def __init__(self, gate: Gate, clock: Callable[[], float], mode: str) -> None:
        self._gate = gate
        self._clock = clock
        self._lock = Lock()
        self._reader = _FAST_READER if mode == _FAST else _READER

    def now(self) -> float:
        """The time, by which those who wait are put in order."""
        return self._clock()

    def enter(self, demand: Demand) -> Place | None:
        """A place at once, where nobody waits for one and nothing is in the way; else None."""
        with self._lock:
            slot = self._gate.enter(demand, self._clock())
        return None if slot is None else Place(self, slot)

    def join(self, demand: Demand, since: float) -> Ticket:
        """Stand in the line. Whoever does has to `leave` it, or to take the place that comes (`poll`).

        Args:
            demand: What will be used.
            since: When it came first, by `now`.
        """
        ticket = Ticket(demand, since, _nobody)
        with self._lock:
            self._gate.join(ticket, self._clock())
        return ticket

    def poll(self, ticket: Ticket, wake: Callable[[], object]) -> Place | float:
        """The place, if it is there, or in how many seconds to ask again: infinite while others are before it.

        Args:
            ticket: Whose.
            wake: Called once when it is to be asked about before that, from any thread, under the lock.
        """
        with self._lock:
            ticket.wake = wake
            seconds = self._gate.poll(ticket, self._clock())
            slot = ticket.slot
        return seconds if slot is None else Place(self, slot)

    def leave(self, ticket: Ticket) -> None:
        """Give it up: whoever is behind it moves up."""
        with self._lock:
            self._gate.leave(ticket, self._clock())

    def reason(self, demand: Demand) -> Reason:
        """What keeps a request waiting that is the first in the line."""
        with self._lock:
            return self._gate.due(demand, self._clock())[1]

    def told(self, slot: Slot, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """A response's headers have come."""
        quotas = self._reader.read(headers, time.time())
        if self._reader is _FAST_READER:
            quotas = {name.removeprefix("fast-"): quota for name, quota in quotas.items()}
        with self._lock:
            self._gate.told(slot, quotas, self._clock())

    def answered(self, slot: Slot) -> None:
        """A request has brought content."""
        with self._lock:
            self._gate.answered(slot, self._clock())

    def ended(self, slot: Slot, *, refused: bool) -> tuple[int, int] | None:
        """A request is over; what the adaptive limit was, and is, where that has cut it."""
        with self._lock:
            return self._gate.ended(slot, self._clock(), refused=refused)

    def unused(self, slot: Slot) -> None:
        """Nothing was sent."""
        with self._lock:
            self._gate.unused(slot, self._clock())

    def describe(self) -> dict[str, Any]:
        """As `Health.snapshot` shows it."""
        with self._lock:
            return self._gate.describe(self._clock())


class Place:
    """The place of one request among those that are out. Its holder reports how the request went.

    Attributes:
        cut: What the adaptive limit was, and is, where the end of this request has cut it; None: it did not.
    """

    __slots__ = ("_gate", "_slot", "cut")

    def __init__(self, gate: SharedGate, slot: Slot) -> None:
        self._gate = gate
        self._slot = slot
        self.cut: tuple[int, int] | None = None

    def sends(self, report: AttemptReport) -> None:
        """Its request is sent; the entry in the report says at its end what it has used."""
        self._slot.report = report

    def told(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """A response has come, whichever; its headers as they came (`httpx2.Headers.raw`)."""
        self._gate.told(self._slot, headers)

    def answered(self) -> None:
        """Its first content has come, or its answer is whole."""
        self._gate.answered(self._slot)

    def ended(self, *, refused: bool = False) -> None:
        """It is over; `refused`: by a 429 or a 529."""
        self.cut = self._gate.ended(self._slot, refused=refused) or self.cut

    def unused(self) -> None:
        """It was never sent."""
        self._gate.unused(self._slot)


def _nobody() -> None:
    """Wakes nobody: who has just come looks for itself."""
