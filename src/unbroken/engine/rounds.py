"""Asks until there is an answer, or none can be expected: waits, pays, and races where the policy says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import anyio

from ..core.failure import Failure
from ..core.partial import Partial
from ..core.plan import Plan
from ..core.readiness import ROUNDING, Readiness
from ..core.steps import Ask, Fail
from ..evidence import withhold_headers
from ..health import Health, Permit
from ..policy import Hedging, Policy
from ..routes import Route
from .contest import Contest, GaveUp
from .sending import Sender, Sent
from .teller import Teller

if TYPE_CHECKING:
    from ..status import StatusPage

__all__ = ["GaveUp", "Rounds"]

#: How often a stream looks whether other streams have closed a circuit breaker or earned a retry, in seconds.
_POLL: Final = 0.5

_NOT_IN_TIME: Final = Fail("no route may be asked within Policy.max_retry_after")


class Rounds:
    """The requests of one stream: one at a time, or several where the plan allows hedging.

    Args:
        plan: Says what is asked, and which routes may be asked beside it.
        policy: The limits.
        health: The budget, the breakers and the times that streams share.
        routes: In rank order.
        sender: Makes the requests.
        teller: Tells of what happens.

    Attributes:
        errors: What every lost request died of, in order.
    """

    def __init__(
        self, plan: Plan, policy: Policy, health: Health, routes: Sequence[Route], sender: Sender, teller: Teller
    ) -> None:
        self.errors: list[Exception] = []
        self._plan = plan
        self._policy = policy
        self._health = health
        self._routes = routes
        self._sender = sender
        self._teller = teller
        self._told_left_out: set[int] = set()
        self._told_incident = False
        self._unclosed: list[Sent] = []
        self._patience = policy.max_retry_after

    def readiness(self) -> list[Readiness]:
        """How ready each route is."""
        return [self._readiness(rank) for rank in range(len(self._routes))]

    def _readiness(self, rank: int) -> Readiness:
        route = self._routes[rank]
        return self._health.readiness(route.client, route.model, mode=self._sender.mode(rank))

    async def ask(self, step: Ask, held: Partial) -> Sent:
        """Make a request after its wait, or several against each other.

        Returns:
            What goes on: a request with headers, or the winner of a race with its first content. If all died, the
            last of them, with its failure.

        Raises:
            GaveUp: Nothing can be asked soon enough, or no other answer can be expected.
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
                steps = [step, *hedges]
                doubtful = [rank for rank, each in enumerate(steps) if ready[each.route].incident]
                contest = Contest(self, hedging, self._delay(hedging, step), steps, held, doubtful)
                return await contest.run(permit, waited)
        sent = self.prepare(step, held, permit, waited=waited)
        try:
            await sent.open()
        except BaseException:
            sent.cancelled()
            await self.discard(sent)
            raise
        return sent

    def failed(self, sent: Sent, failure: Failure) -> None:
        """A request has died: note it for the report, for `Health` and for the final error."""
        withhold_headers(failure.error)
        sent.failed(failure)
        self.errors.append(failure.error)

    def tell_left_out(self, failure: Failure | None) -> None:
        """Tell of each route that is not asked any more, because of a failure; None: it was never possible."""
        for rank in self._plan.left_out:
            if rank in self._told_left_out:
                continue
            self._told_left_out.add(rank)
            model = self._routes[rank].model
            if why := self._plan.unfit(rank):
                self._teller.notice("route_skipped", f"{model} {why}, and is not asked")
            elif failure is not None:
                self._teller.notice("route_skipped", f"{failure.kind}: {model} is not asked any more")

    async def discard(self, sent: Sent) -> None:
        """Close a request that is not needed, without waiting long."""
        if not await sent.discard():
            self._unclosed.append(sent)

    async def aclose(self) -> None:
        """Wait for what is still being closed."""
        for sent in self._unclosed:
            await sent.attempt.aclose()

    # -- what a race asks of it

    def may_hedge(self, step: Ask, held: Partial) -> bool:
        """Whether a request may be made beside others, now that its turn has come."""
        return self._plan.may_hedge(step, held, now=anyio.current_time(), ready=self.readiness())

    def hedge_failed(self, sent: Sent, failure: Failure, held: Partial) -> Ask | None:
        """Note that one of several has died. Returns the form to ask its route in at once; None: it is out.

        Raises:
            GaveUp: The failure ends the stream.
        """
        self.failed(sent, failure)
        sent.counted = True
        step = self._plan.hedge_failed(sent.step, failure, held, now=anyio.current_time())
        self.tell_left_out(failure)
        if isinstance(step, Fail):
            raise GaveUp(step)
        return step

    def won(self, sent: Sent, *, raced: bool) -> None:
        """This one goes on; `raced` says whether others were asked."""
        self._plan.won(sent.step)
        if raced:
            self._teller.won(sent.book.entry)

    def hedging(self, step: Ask, held: Partial, delay: float, failure: Failure | None) -> None:
        """Another route is asked too, because nothing came for `delay` seconds or because one has failed."""
        self._plan.hedging(step, held)
        self._teller.hedge(self._routes[step.route].model, delay, failure)

    def tell_passed_over(self, wanted: int, step: Ask) -> None:
        """Tell that a route would have been asked, but for its circuit breaker."""
        if step.route != wanted and self.readiness()[wanted].open_for:
            self._tell_not_ready(wanted, step)

    def _tell_not_ready(self, route: int, step: Ask) -> None:
        cools = self.readiness()[route].cool_for
        self._teller.not_ready(self._routes[route].model, self._routes[step.route].model, cools)

    def _look_at(self, page: StatusPage, step: Ask) -> None:
        """Let the status page be asked again if that is due, and tell what it says of a route, once; never waits."""
        page.keep_fresh()
        route = self._routes[step.route]
        incident = None if self._told_incident else self._health.incident(route.client, route.model)
        if incident is not None:
            self._told_incident = True
            self._teller.incident(route.model, incident)

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
                self._tell_not_ready(step.route, step)
            if ready.open_for:
                self._wait_at_most(step.wait)
            await anyio.sleep(step.wait)
        if step.costs_retry:
            self._patience -= await self.pay(self._patience)
        told = False
        while (permit := self.enter(step, retry=step.costs_retry)) is None:
            asked, next_step = step, self._plan.rerouted(held, now=anyio.current_time(), ready=self.readiness())
            if isinstance(next_step, Fail):
                raise GaveUp(_NOT_IN_TIME)
            step = next_step
            if not told:
                told = True
                self._tell_not_ready(asked.route, step)
            if step.route == asked.route or step.wait:
                pause = min(step.wait or _POLL, _POLL)
                self._wait_at_most(pause)
                await anyio.sleep(pause)
        return step, permit

    def _wait_at_most(self, seconds: float) -> None:
        """Count a wait that is about to begin. Raises `GaveUp` where there were too many of them."""
        self._patience -= seconds
        if self._patience < -ROUNDING:
            raise GaveUp(_NOT_IN_TIME)

    async def pay(self, patience: float | None = None) -> float:
        """Take a retry from the budget, and wait for one if it is empty.

        Args:
            patience: Seconds that it may take. None: the policy's `max_retry_after`.

        Returns:
            Seconds that were waited.

        Raises:
            GaveUp: None will come in that time.
        """
        patience = self._policy.max_retry_after if patience is None else patience
        waited = 0.0
        while seconds := self._health.take_retry():
            if waited + seconds > patience:
                raise GaveUp(Fail("the retry budget is empty"))
            if not waited:
                self._teller.notice("budget_wait", "the retry budget is empty; waiting for the next retry")
            # Not all at once: other streams may earn one meanwhile.
            pause = min(seconds, _POLL)
            waited += pause
            await anyio.sleep(pause)
        return waited

    def enter(self, step: Ask, *, retry: bool) -> Permit | None:
        """The permission for a request; None while its route's breaker is open, or a rate limit has to cool down.

        Args:
            step: The request.
            retry: Whether it was paid for as a retry.
        """
        route = self._routes[step.route]
        if self._readiness(step.route).cool_for:
            return None
        return self._health.enter(route.client, route.model, retry=retry, mode=self._sender.mode(step.route))

    def prepare(self, step: Ask, held: Partial, permit: Permit, *, waited: float = 0.0, hedge: bool = False) -> Sent:
        """Compose a request; what is wrong with it leaves its permission to others."""
        try:
            return self._sender.prepare(step, held, permit, waited=waited, hedge=hedge)
        except BaseException:
            permit.cancelled()
            raise
