"""Asks until there is an answer, or none can be expected: waits, pays, and races where the policy says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import anyio

from ..core.message.partial import Partial
from ..core.plan.plan import Plan
from ..core.plan.readiness import ROUNDING
from ..core.plan.steps import Ask, Fail
from ..health.health import Health
from ..health.permit import Permit
from ..policy import Hedging, Policy
from ..reporting.notifier import Notifier
from ..routes import Route
from .admission import POLL, Admission, Exhausted
from .sender import Exchange, RequestSender

if TYPE_CHECKING:
    from ..health.status_page import StatusPage

__all__ = ["Dispatcher"]

_NOT_IN_TIME: Final = Fail("no route may be asked within Policy.max_retry_after")


class Dispatcher(Admission):
    """The requests of one stream: one at a time, or several where the plan allows hedging."""

    def __init__(
        self,
        plan: Plan,
        policy: Policy,
        health: Health,
        routes: Sequence[Route],
        sender: RequestSender,
        notifier: Notifier,
    ) -> None:
        super().__init__(plan, policy, health, routes, sender, notifier)
        self._notified_incident = False
        self._patience = policy.max_retry_after

    async def ask(self, step: Ask, held: Partial) -> Exchange:
        """Make a request after its wait, or several against each other.

        Returns:
            What goes on: a request with headers, or the winner of a race with its first content. If all died, the
            last of them, with its failure.

        Raises:
            Exhausted: Nothing can be asked soon enough, or no other answer can be expected.
        """
        if self._health.status is not None:
            self._look_at(self._health.status, step)
        since = anyio.current_time()
        step, permit = await self._admitted(step, held)
        waited = anyio.current_time() - since
        hedging = self._policy.hedging
        if hedging is not None:
            ready = self.readiness()
            hedges = self._plan.hedges(held, now=anyio.current_time(), ready=ready)
            if hedges:
                from .hedged_call import HedgedCall  # most streams never race

                steps = [step, *hedges]
                eager = [rank for rank, each in enumerate(steps) if ready[each.route].incident]
                contest = HedgedCall(self, hedging, self._delay(hedging, step), steps, held, eager)
                return await contest.run(permit, waited)
        sent = self.prepare(step, held, permit, waited=waited)
        try:
            await sent.open()
        except BaseException:
            sent.cancelled()
            await self.discard(sent)
            raise
        return sent

    def notify_passed_over(self, wanted: int, step: Ask) -> None:
        """Tell that a route would have been asked, but for its circuit breaker."""
        if step.route != wanted and self.readiness()[wanted].open_for:
            self._notify_not_ready(wanted, step)

    def _notify_not_ready(self, route: int, step: Ask) -> None:
        cools = self.readiness()[route].cool_for
        self._notifier.not_ready(self._routes[route].model, self._routes[step.route].model, cools)

    def _look_at(self, page: StatusPage, step: Ask) -> None:
        """Let the status page be asked again if that is due, and tell what it says of a route, once; never waits."""
        page.keep_fresh()
        route = self._routes[step.route]
        incident = None if self._notified_incident else self._health.incident(route.client, route.model)
        if incident is not None:
            self._notified_incident = True
            self._notifier.incident(route.model, incident)

    def _delay(self, hedging: Hedging, first: Ask) -> float:
        if hedging.delay == "adaptive":
            route = self._routes[first.route]
            return self._health.hedge_delay(route.client, route.model, mode=self._sender.mode(first.route))
        return hedging.delay

    # -- before a request

    async def _admitted(self, step: Ask, held: Partial) -> tuple[Ask, Permit]:
        """Wait until a request may be made; the breakers may send it to another route."""
        if not step.costs_retry:
            # Something new has come. Until it does again, all waits for breakers and for the budget are one wait:
            # with one for each request, a stream would take minutes to say that the API is gone.
            self._patience = self._policy.max_retry_after
        if step.wait:
            ready = self.readiness()[step.route]
            if ready.open_for or ready.cool_for:
                self._notify_not_ready(step.route, step)
            if ready.open_for:
                self._wait_at_most(step.wait)
            await anyio.sleep(step.wait)
        if step.costs_retry:
            self._patience -= await self.pay(self._patience)
        told = False
        while (permit := self.enter(step, retry=step.costs_retry)) is None:
            asked, next_step = step, self._plan.rerouted(held, now=anyio.current_time(), ready=self.readiness())
            if isinstance(next_step, Fail):
                raise Exhausted(_NOT_IN_TIME)
            step = next_step
            if not told:
                told = True
                self._notify_not_ready(asked.route, step)
            if step.route == asked.route or step.wait:
                pause = min(step.wait or POLL, POLL)
                self._wait_at_most(pause)
                await anyio.sleep(pause)
        return step, permit

    def _wait_at_most(self, seconds: float) -> None:
        """Count a wait that is about to begin. Raises `Exhausted` where there were too many of them."""
        self._patience -= seconds
        if self._patience < -ROUNDING:
            raise Exhausted(_NOT_IN_TIME)
