"""What goes wrong in a kill soak, one thing a second."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Final

from benchmarks.kill_soak.places import Died, Place
from benchmarks.kill_soak.plan import CALLERS_LEASE, Plan
from benchmarks.kill_soak.stores import Store

__all__ = ["DISTURBED", "KINDS", "Mishaps"]

#: Stands for what the store calls it.
DISTURBED: Final = "the journal away"
#: How often each happens, in relation to the others.
KINDS: Final = {
    "kill -9 of a host": 30,
    "kill -9 of a caller": 15,
    "a host stood still for longer than its lease": 15,
    "a caller stood still for longer than its lease": 3,
    "a host left, as for a deploy": 10,
    DISTURBED: 10,
    "readers left, and came back": 17,
}
#: For how much longer than its lease a process stands still, in seconds.
_LONGER: Final = (0.5, 3.0)


@dataclass(slots=True)
class Mishaps:
    """Makes them happen.

    Attributes:
        plan: Of the soak.
        store: The journal.
        hosts: Those with a host.
        callers: Those with callers.
        readers: Processes that read.
        left: What processes that left in good order still held, by name.
        returns: How many times a reader was sent away.
        pauses: From when to when a process stood still, in monotonic seconds.
    """

    plan: Plan
    store: Store
    hosts: Sequence[Place]
    callers: Sequence[Place]
    readers: Sequence[Place]
    left: dict[str, int] = field(default_factory=dict)
    returns: int = 0
    pauses: list[tuple[float, float]] = field(default_factory=list)

    def draw(self, rng: Random) -> str:
        """What goes wrong next."""
        return rng.choices([*KINDS], [*KINDS.values()])[0]

    async def happen(self, kind: str, rng: Random) -> None:
        """Let it happen, and return when it is over."""
        match kind:
            case "kill -9 of a host":
                await rng.choice(self.hosts).kill()
            case "kill -9 of a caller":
                await rng.choice(self.callers).kill()
            case "a host stood still for longer than its lease":
                await self._pause(rng.choice(self.hosts), self.plan.lease + rng.uniform(*_LONGER))
            case "a caller stood still for longer than its lease":
                await self._pause(rng.choice(self.callers), CALLERS_LEASE + rng.uniform(*_LONGER))
            case "a host left, as for a deploy":
                with suppress(Died):
                    self.add(await rng.choice(self.hosts).leave())
            case "the journal away":
                await self.store.disturb(rng)
            case _:
                self.returns += await rng.choice(self.readers).ask("disconnect")

    async def _pause(self, place: Place, seconds: float) -> None:
        began = time.monotonic()
        await place.pause(seconds)
        self.pauses.append((began, time.monotonic()))

    def pauses_in(self, since: float, until: float) -> int:
        """How many processes stood still then, in monotonic seconds."""
        return sum(began < until and ended > since for began, ended in self.pauses)

    def add(self, left: dict[str, int]) -> None:
        """Count what a process still held."""
        for name, count in left.items():
            self.left[name] = self.left.get(name, 0) + count
