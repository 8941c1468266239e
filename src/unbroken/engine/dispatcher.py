"""Asks until there is an answer, or none can be expected: waits, pays, and races where the policy says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import anyio

from ..core.plan.limits import RATE_LIMIT_PATIENCE
from ..core.plan.plan import Plan
from ..core.plan.readiness import ROUNDING, Readiness
from ..core.plan.steps import Ask, Fail
from ..core.requests.resume_state import ResumeState
from ..health.health import Health
from ..health.permit import Permit
from ..policy import Hedging, Policy
from ..report import WaitedFor
from ..reporting.notifier import Notifier
from ..routes import Route
from .admission import POLL, Admission, Exhausted
from .exchange import Exchange
from .sender import RequestSender

if TYPE_CHECKING:
    from ..health.status_page import StatusPage

__all__ = ["Dispatcher"]

_NOT_IN_TIME: Final = Fail("no route may be asked within Policy.max_retry_after")


class Dispatcher:
    """The requests of one stream: one at a time, or several where the plan allows hedging.

    Args:
        plan: Says what is asked beside a request, and where it goes while its route may not be asked.
        policy: The limits, and the rules of hedging.
        health: The incidents and the times that streams share.
        routes: In rank order.
        admission: Lets requests be made, makes them, and keeps what is known of them.
        sender: Knows what each route's request asks for.
        notifier: Tells of what happens.
    """

    def __init__(
        self,
        plan: Plan,
        policy: Policy,
        health: Health,
        routes: Sequence[Route],
        admission: Admission,
        sender: RequestSender,
        notifier: Notifier,
    ) -> None:
        self._plan = plan
        self._policy = policy
        self._health = health
        self._routes = routes
        self._admission = admission
        self._sender = sender
        self._notifier = notifier
        self._notified_incident = False
        self._patience = policy.max_retry_after
        self._cooling = RATE_LIMIT_PATIENCE

    async def ask(self, step: Ask, state: ResumeState) -> Exchange:
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
        step, permit = await self._admitted(step, state)
        waited = anyio.current_time() - since
        hedging = self._policy.hedging
        if hedging is not None:
            ready = self._admission.readiness()
            hedges = self._plan.hedges.beside(state, now=anyio.current_time(), ready=ready)
            if hedges:
                from .hedged_call import HedgedCall  # most streams never race

                steps = [step, *hedges]
                eager = [rank for rank, each in enumerate(steps) if ready[each.route].incident]
                call = HedgedCall(self._admission, hedging, self._delay(hedging, step), steps, state, eager)
                return await call.run(permit, waited)
        sent = self._admission.prepare(step, state, permit, waited=waited)
        try:
            await sent.open()
        except BaseException:
            sent.cancelled()
            await self._admission.discard(sent)
            raise
        return sent

    def notify_passed_over(self, wanted: int, step: Ask) -> None:
        """Tell that a route would have been asked, but for its circuit breaker."""
        ready = self._admission.readiness()[wanted]
        if step.route != wanted and (ready.open_for or ready.failing):
            self._notify_not_ready(wanted, step)

    def _notify_not_ready(self, route: int, step: Ask) -> None:
        cools = self._admission.readiness()[route].cool_for
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

    async def _admitted(self, step: Ask, state: ResumeState) -> tuple[Ask, Permit]:
        """Wait until a request may be made; the breakers may send it to another route."""
        if not step.costs_retry:
            # Something new has come, or a rate limit has said that the server is there. Until it does again, all waits
            # for breakers and for the budget are one wait: with one for each request, a stream would take minutes to
            # say that the API is gone.
            self._patience = self._policy.max_retry_after
            self._cooling = RATE_LIMIT_PATIENCE
        if step.wait:
            ready = self._admission.readiness()[step.route]
            if ready.open_for or ready.cool_for:
                self._notify_not_ready(step.route, step)
            if ready.open_for and not ready.starting:
                self._wait_at_most(step.wait)
            with self._admission.waits.spent(_waits_for(ready)):
                await anyio.sleep(step.wait)
        if step.costs_retry:
            self._patience -= await self._admission.pay(self._patience)
        notified, insist = False, False
        while (permit := await self._admission.admit(step, state, retry=step.costs_retry, insist=insist)) is None:
            asked, ready_now = step, self._admission.readiness()
            next_step = self._plan.rerouted(state, now=anyio.current_time(), ready=ready_now)
            if isinstance(next_step, Fail):
                raise Exhausted(_NOT_IN_TIME)
            step = next_step
            route = ready_now[step.route]
            if step.route == asked.route and route.failing and not (insist or step.wait):
                insist = True
                continue
            if not notified:
                notified = True
                self._notify_not_ready(asked.route, step)
            if step.route == asked.route or step.wait:
                pause = min(step.wait or POLL, POLL)
                if route.starting or (step.wait and route.cool_for):
                    self._cool_at_most(pause)
                else:
                    self._wait_at_most(pause)
                with self._admission.waits.spent(_waits_for(route)):
                    await anyio.sleep(pause)
        return step, permit

    def _cool_at_most(self, seconds: float) -> None:
        """Count a wait for a cool-down, which others may make longer. Raises `Exhausted` where it has no end."""
        self._cooling -= seconds
        if self._cooling < -ROUNDING:
            raise Exhausted(_NOT_IN_TIME)

    def _wait_at_most(self, seconds: float) -> None:
        """Count a wait that is about to begin. Raises `Exhausted` where there were too many of them."""
        self._patience -= seconds
        if self._patience < -ROUNDING:
            raise Exhausted(_NOT_IN_TIME)


def _waits_for(ready: Readiness) -> WaitedFor:
    """What is waited for before a route is asked that is so ready."""
    if ready.cool_for:
        return "cool_down"
    return "breaker" if ready.open_for else "backoff"
