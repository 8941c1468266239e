"""Lets the requests of one rate-limit bucket through, as many as there may be, and in order."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from ...core.wire.rate_limits import Quota
from .adaptive import AdaptiveLimit
from .averages import Averages
from .line import Line, Ticket
from .quota import ToldQuota
from .settings import Limits
from .slot import Demand, Slot
from .token_bucket import TokenBucket

__all__ = ["QUOTAS", "Gate", "QuotaName", "Reason"]

QuotaName: TypeAlias = Literal["requests", "input-tokens", "output-tokens"]
#: What keeps the first in the line waiting.
Reason: TypeAlias = Literal["concurrency"] | QuotaName

#: The limits that are kept, as the headers name them. `tokens` is not among them: it is "the most restrictive limit
#: currently in effect", whichever of the others that is.
QUOTAS: Final[tuple[QuotaName, ...]] = ("requests", "input-tokens", "output-tokens")

_OUTPUT: Final = 2
#: How many may be out before the first response has told anything: TCP's initial window (RFC 6928).
_UNTIL_TOLD: Final = 10


class Gate:
    """One rate-limit bucket of one client. Every `now` is in monotonic seconds.

    Attributes:
        in_flight: How many requests are out.
        line: Who waits.
    """

    __slots__ = (
        "_adaptive",
        "_averages",
        "_buckets",
        "_fixed",
        "_has_answers",
        "_told",
        "_unseen",
        "_woken",
        "in_flight",
        "line",
    )

    def __init__(self, limits: Limits) -> None:
        self.in_flight: int = 0
        self.line: Line = Line()
        self._adaptive = AdaptiveLimit() if limits.concurrency == "adaptive" else None
        self._fixed = math.inf if isinstance(limits.concurrency, str | None) else limits.concurrency
        own = (limits.requests_per_minute, limits.input_tokens_per_minute, limits.output_tokens_per_minute)
        self._buckets = [None if most is None else TokenBucket(most) for most in own]
        self._told = [ToldQuota() for _ in QUOTAS]
        self._unseen = [0.0 for _ in QUOTAS]  # used by what no response has told of yet
        self._averages = Averages()
        self._has_answers = False  # any response, whatever it tells
        self._woken: Ticket | None = None  # the first in the line, which knows that it is

    @property
    def limit(self) -> float:
        """How many requests may be out at a time; infinite: any number."""
        limit = self._fixed if self._adaptive is None else self._adaptive.limit
        return limit if self._has_answers else min(limit, _UNTIL_TOLD)

    # -- before a request

    def enter(self, demand: Demand, now: float) -> Slot | None:
        """A slot at once, where nobody waits for one and nothing is in the way; else None."""
        if self.line.first() is not None:
            return None
        return self._take(demand, now)

    def join(self, ticket: Ticket, now: float) -> None:
        """Stand in the line. `poll` says how long."""
        self.line.join(ticket)
        self.pump(now)

    def poll(self, ticket: Ticket, now: float) -> float:
        """Seconds until the ticket is to be asked about again: infinite while others are before it."""
        self.pump(now)
        if ticket.slot is not None:
            return 0.0
        if self.line.first() is not ticket:
            return math.inf
        return self.due(ticket.demand, now)[0]

    def leave(self, ticket: Ticket, now: float) -> None:
        """Give a place in the line up, or the slot that was given to it meanwhile."""
        if ticket.slot is not None:
            self.unused(ticket.slot, now)
            return
        self.line.leave(ticket)
        self.pump(now)

    def pump(self, now: float) -> None:
        """Give slots to the first in the line, as long as there are any. Whoever is the first then is told."""
        while (ticket := self.line.first()) is not None:
            slot = self._take(ticket.demand, now)
            if slot is None:
                break
            self.line.next()
            ticket.slot = slot
            ticket.wake()
        if ticket is not self._woken:
            self._woken = ticket
            if ticket is not None:
                ticket.wake()

    def due(self, demand: Demand, now: float) -> tuple[float, Reason]:
        """How long a request that is the first in the line has to wait as far as is known, in seconds, and for what."""
        used = self._averages.expected(demand)
        longest, reason = 0.0, QUOTAS[0]
        for name, cost, bucket, told in zip(QUOTAS, used, self._buckets, self._told, strict=True):
            wait = max(told.due(cost, now), 0.0 if bucket is None else bucket.due(cost, now))
            if wait > longest:
                longest, reason = wait, name
        if self.in_flight >= self.limit:
            return math.inf, "concurrency"
        return longest, reason

    def _take(self, demand: Demand, now: float) -> Slot | None:
        if self.in_flight >= self.limit:
            return None
        used = self._averages.expected(demand)
        for cost, bucket, told in zip(used, self._buckets, self._told, strict=True):
            if told.due(cost, now) or (bucket is not None and bucket.due(cost, now)):
                return None
        self.in_flight += 1
        for index, cost in enumerate(used):
            self._unseen[index] += cost
            self._charge(index, cost, now, now)
        return Slot(demand, used, now, 0 if self._adaptive is None else self._adaptive.episode)

    def _charge(self, index: int, cost: float, at: float, now: float) -> None:
        """So many are used, of the caller's limits at a moment, and of the account's as far as it is known."""
        bucket = self._buckets[index]
        if bucket is not None:
            bucket.take(cost, at)
        if self._told[index].known:
            self._told[index].take(cost, now)

    # -- after it

    def told(self, slot: Slot, quotas: Mapping[str, Quota], now: float) -> None:
        """A response came, and says what is left.

        Args:
            slot: Its request's.
            quotas: What it says, by the names in `QUOTAS`.
            now: When.
        """
        self._has_answers = True
        self._see(slot)
        for name, told, unseen in zip(QUOTAS, self._told, self._unseen, strict=True):
            if (quota := quotas.get(name)) is not None:
                told.told(quota, unseen, now)
        self.pump(now)

    def answered(self, slot: Slot, now: float) -> None:
        """A request has brought content."""
        if slot.answered:
            return
        slot.answered = True
        if self._adaptive is not None:
            self._adaptive.answered(slot.episode, saturated=self.in_flight >= self._adaptive.limit)
            self.pump(now)

    def ended(self, slot: Slot, now: float, *, refused: bool = False) -> tuple[int, int] | None:
        """A request is over.

        Args:
            slot: Its; what is told of it a second time changes nothing.
            now: When.
            refused: Whether it was refused for being too many: a 429 or a 529.

        Returns:
            What the adaptive limit was, and is, where that has cut it; else None.
        """
        if slot.ended:
            return None
        slot.ended = True
        self.in_flight -= 1
        self._see(slot)
        self._unseen[_OUTPUT] -= slot.used[_OUTPUT]
        self._correct(slot, now, refused=refused)
        cut = None
        if refused and self._adaptive is not None:
            before = self._adaptive.limit
            cut = (before, self._adaptive.limit) if self._adaptive.refused(slot.episode) else None
        self.pump(now)
        return cut

    def unused(self, slot: Slot, now: float) -> None:
        """A slot is given back of which no request was made: nothing was used."""
        if slot.ended:
            return
        slot.ended = True
        self.in_flight -= 1
        self._see(slot)
        self._unseen[_OUTPUT] -= slot.used[_OUTPUT]
        for index, cost in enumerate(slot.used):
            self._charge(index, -cost, slot.sent, now)
        self.pump(now)

    def _see(self, slot: Slot) -> None:
        """What is left is known with this request counted; its output is still to be written."""
        if not slot.seen:
            slot.seen = True
            for index in range(_OUTPUT):
                self._unseen[index] -= slot.used[index]

    def _correct(self, slot: Slot, now: float, *, refused: bool) -> None:
        """What was used is known now. The API counts no tokens of what it refuses."""
        spent: tuple[float | None, float | None] = (0.0, 0.0) if refused and not slot.answered else _spent(slot)
        if not refused and slot.report is not None:
            self._averages.ended(slot.demand, spent[0], slot.report.output_tokens, now - slot.sent)
        for index, actual in enumerate(spent, start=1):
            bucket = self._buckets[index]
            if bucket is not None and actual is not None:
                bucket.take(actual - slot.used[index], slot.sent)

    def describe(self, now: float) -> dict[str, Any]:
        """As `Health.snapshot` shows it."""
        first = self.line.first()
        wait, reason = (0.0, None) if first is None else self.due(first.demand, now)
        return {
            "limit": None if math.isinf(self.limit) else int(self.limit),
            "in_flight": self.in_flight,
            "waiting": len(self.line),
            "waiting_for": reason,
            "wait": None if math.isinf(wait) else wait,
            "left": {
                name: {"limit": told.limit, "left": told.left(now)}
                for name, told in zip(QUOTAS, self._told, strict=True)
                if told.known
            },
        }


def _spent(slot: Slot) -> tuple[float | None, float | None]:
    """The input and output tokens of a request that the API counts against its limits; None: it did not say."""
    report = slot.report
    if report is None:
        return None, None
    told = report.input_tokens
    output = report.output_tokens if report.output_tokens is not None else report.estimated_output_tokens
    return None if told is None else told + (report.cache_creation_input_tokens or 0), output
