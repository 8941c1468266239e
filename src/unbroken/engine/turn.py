"""A stream's turn: the places of its requests among all that are out, with `Health(limits=...)`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import anyio

from ..concurrency.detached import call_soon, wakeups
from ..core.plan.steps import Ask
from ..core.requests.resume_state import ResumeState
from ..core.requests.routed import Requests
from ..core.requests.sizes import input_size
from ..core.requests.tokens import tokens_of
from ..health.limits.gate import Reason
from ..health.limits.limiter import Limiter, Place, SharedGate
from ..health.limits.slot import Demand
from ..reporting.notifier import Notifier
from ..routes import Route
from .waits import Waits

__all__ = ["Turns"]

#: How often the first in the line looks whether more is left than was said, and its route is still ready, in seconds.
_POLL: Final = 0.5

_WAITS_FOR: Final[dict[Reason, str]] = {
    "concurrency": "as many requests are out as may be; waiting for one of them to end",
    "requests": "no more requests may be sent in this minute; waiting for the next",
    "input-tokens": "no more input tokens may be sent in this minute; waiting for the next",
    "output-tokens": "no more output tokens may be written in this minute; waiting for the next",
}


class Turns:
    """The turns of one stream.

    Args:
        limiter: The gates that streams share.
        routes: In rank order.
        requests: The original request as each route sends it.
        notifier: Tells that it waits.
        waits: Count how long.
    """

    def __init__(
        self, limiter: Limiter, routes: Sequence[Route], requests: Requests, notifier: Notifier, waits: Waits
    ) -> None:
        self._limiter = limiter
        self._routes = routes
        self._requests = requests
        self._notifier = notifier
        self._waits = waits
        self._sizes: dict[int, int] = {}
        self._gates: dict[int, SharedGate] = {}
        self._since: float | None = None  # when the request that is to be made next came into a line first

    def at_once(self, step: Ask, state: ResumeState) -> Place | None:
        """A place without a wait; None: there is none."""
        return self._gate(step.route).enter(self._demand(step, state))

    async def wait(self, step: Ask, state: ResumeState, *, ready: Callable[[], bool]) -> Place | None:
        """Wait for a place; who came before comes first. Cancelled, it leaves no hole.

        Args:
            step: The request.
            state: What was delivered.
            ready: Whether its route may still be asked.

        Returns:
            The place. None: the route may not be asked meanwhile; the request keeps its age for the next line.
        """
        gate, demand = self._gate(step.route), self._demand(step, state)
        place = gate.enter(demand)
        if place is None:
            since = self._since = gate.now() if self._since is None else self._since
            self._notifier.notice("limit_wait", _WAITS_FOR[gate.reason(demand)])
            with self._waits.spent("limit"):
                place = await _in_line(gate, demand, since, ready)
        if place is not None:
            self._since = None
        return place

    def _gate(self, rank: int) -> SharedGate:
        gate = self._gates.get(rank)
        if gate is None:
            route = self._routes[rank]
            gate = self._limiter.gate(route.client, route.model, mode=self._requests.mode(rank))
            self._gates[rank] = gate
        return gate

    def _demand(self, step: Ask, state: ResumeState) -> Demand:
        """What the budget of resumes counts (`ResumeState.input_tokens`), of which nothing is told before a request."""
        rank, request = step.route, self._requests[step.route]
        if rank not in self._sizes:
            self._sizes[rank] = input_size(request, self._requests.model(rank))
        delivered = 0 if step.form == "request" else tokens_of(*state.characters)
        return Demand(self._sizes[rank] + delivered, request.get("max_tokens") or 0)


async def _in_line(gate: SharedGate, demand: Demand, since: float, ready: Callable[[], bool]) -> Place | None:
    new_event, soon = wakeups(), call_soon()
    ticket = gate.join(demand, since)
    taken = False
    try:
        while True:
            event = new_event()
            found = gate.poll(ticket, partial(soon, event.set))
            if isinstance(found, Place):
                taken = True  # it is the request's from now on
                return found
            if not ready():
                return None
            if math.isinf(found):
                await event.wait()
            else:
                with anyio.move_on_after(min(found, _POLL)):
                    await event.wait()
    finally:
        if not taken:
            gate.leave(ticket)
