"""Who waits, in order: first come, first served, and nobody overtakes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .slot import Demand, Slot

__all__ = ["Line", "Ticket"]

_NUMBERS: Final = count()


@dataclass(slots=True, eq=False)
class Ticket:
    """A place in the line.

    Attributes:
        demand: What will be used.
        since: When its holder came first; one that left, and comes again, has the place that is its by then.
        wake: Called, from any thread, when something has become of it: it has a slot, or is the first in the line.
        slot: What was waited for; None until then.
        gone: Whether its holder has left.
        number: Puts those in order who came at the same time.
    """

    demand: Demand
    since: float
    wake: Callable[[], object]
    slot: Slot | None = None
    gone: bool = False
    number: int = field(default_factory=_NUMBERS.__next__)


class Line:
    """Tickets by their age."""

    __slots__ = ("_gone", "_tickets")

    def __init__(self) -> None:
        self._tickets: list[tuple[float, int, Ticket]] = []
        self._gone = 0

    def __len__(self) -> int:
        return len(self._tickets) - self._gone

    def join(self, ticket: Ticket) -> None:
        """Stand where it belongs by its age."""
        heappush(self._tickets, (ticket.since, ticket.number, ticket))

    def leave(self, ticket: Ticket) -> None:
        """Give up a place; nobody sees that there was one. Only for who stands in the line."""
        ticket.gone = True
        self._gone += 1

    def first(self) -> Ticket | None:
        """Whose turn it is; None: nobody waits."""
        while self._tickets and self._tickets[0][2].gone:
            heappop(self._tickets)
            self._gone -= 1
        return self._tickets[0][2] if self._tickets else None

    def next(self) -> None:
        """The first one has what it waited for."""
        heappop(self._tickets)
