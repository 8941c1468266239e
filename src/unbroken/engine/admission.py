"""What may be asked, and what it costs: permits, retries of the budget, and what became of each request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import anyio

from ..core.failure import Failure
from ..core.plan.plan import Plan
from ..core.plan.readiness import Readiness
from ..core.plan.steps import Ask, Fail
from ..core.requests.resume_state import ResumeState
from ..core.requests.routed import Requests
from ..diagnosis.evidence import withhold_headers
from ..health.health import Health
from ..health.limits.limiter import Place
from ..health.permit import Permit
from ..policy import Policy
from ..reporting.notifier import Notifier
from ..routes import Route
from .exchange import Exchange
from .sender import RequestSender
from .turn import Turns
from .waits import Waits

__all__ = ["POLL", "Admission", "Exhausted"]

#: How often a stream looks whether other streams have closed a circuit breaker or earned a retry, in seconds.
POLL: Final = 0.5


class Exhausted(Exception):
    """Nothing more is asked.

    Attributes:
        step: What the plan said.
    """

    def __init__(self, step: Fail) -> None:
        super().__init__(step.why)
        self.step = step


class Admission:
    """Lets the requests of one stream be made, makes them, and keeps what is known of them.

    Args:
        plan: Says what is asked, and which routes may be asked beside it.
        policy: The limits.
        health: The budget, the breakers and the times that streams share.
        routes: In rank order.
        requests: The original request as each route sends it.
        sender: Makes the requests.
        notifier: Tells of what happens.

    Attributes:
        errors: What every lost request died of, in order.
        waits: What is waited for before a request.
    """

    def __init__(
        self,
        plan: Plan,
        policy: Policy,
        health: Health,
        routes: Sequence[Route],
        requests: Requests,
        sender: RequestSender,
        notifier: Notifier,
    ) -> None:
        self.errors: list[Exception] = []
        self._plan = plan
        self._policy = policy
        self._health = health
        self._routes = routes
        self._requests = requests
        self._sender = sender
        self._notifier = notifier
        self.waits: Waits = Waits()
        limiter = health.limiter
        self._turns = None if limiter is None else Turns(limiter, routes, requests, notifier, self.waits)
        self._notified_left_out: set[int] = set()
        self._unclosed: list[Exchange] = []

    def readiness(self) -> list[Readiness]:
        """How ready each route is."""
        return [self._readiness(rank) for rank in range(len(self._routes))]

    def _readiness(self, rank: int) -> Readiness:
        route = self._routes[rank]
        return self._health.readiness(route.client, route.model, mode=self._sender.mode(rank))

    # -- before a request

    async def pay(self, patience: float | None = None) -> float:
        """Take a retry from the budget, and wait for one if it is empty.

        Args:
            patience: Seconds that it may take. None: the policy's `max_retry_after`.

        Returns:
            Seconds that were waited.

        Raises:
            Exhausted: None will come in that time.
        """
        patience = self._policy.max_retry_after if patience is None else patience
        waited = 0.0
        while seconds := self._health.take_retry():
            if waited + seconds > patience:
                raise Exhausted(Fail("the retry budget is empty"))
            if not waited:
                self._notifier.notice("budget_wait", "the retry budget is empty; waiting for the next retry")
            # Not all at once: other streams may earn one meanwhile.
            pause = min(seconds, POLL)
            waited += pause
            with self.waits.spent("budget"):
                await anyio.sleep(pause)
        return waited

    async def admit(self, step: Ask, state: ResumeState, *, retry: bool, insist: bool = False) -> Permit | None:
        """What `enter` gives, after a wait for a place in which others, who came before, are served first.

        Args:
            step: The request.
            state: What was delivered.
            retry: Whether it was paid for as a retry.
            insist: Whether there is nowhere else to go, so that a route is asked of which most requests fail.
        """
        if self._turns is None:
            return self._enter(step, retry=retry, insist=insist)
        if not self._is_ready(step.route, insist=insist):
            return None  # whoever cannot send anything keeps nobody waiting
        place = await self._turns.wait(step, state, ready=lambda: self._is_ready(step.route, insist=insist))
        return None if place is None else self._enter_with(place, step, retry=retry, insist=insist)

    def enter(self, step: Ask, state: ResumeState, *, retry: bool) -> Permit | None:
        """The permission for a request; None while its route's breaker is open, or a rate limit has to cool down.

        It waits for no place: without one there is no permission either.

        Args:
            step: The request.
            state: What was delivered.
            retry: Whether it was paid for as a retry.
        """
        if self._turns is None:
            return self._enter(step, retry=retry)
        place = self._turns.at_once(step, state)
        return None if place is None else self._enter_with(place, step, retry=retry)

    def _enter(self, step: Ask, *, retry: bool, insist: bool = False) -> Permit | None:
        route = self._routes[step.route]
        ready = self._readiness(step.route)
        if ready.cool_for and not ready.starting:
            return None
        mode, begins = self._sender.mode(step.route), step.form == "request" and not step.costs_retry
        return self._health.enter(route.client, route.model, retry=retry, mode=mode, begins=begins, insist=insist)

    def _enter_with(self, place: Place, step: Ask, *, retry: bool, insist: bool = False) -> Permit | None:
        permit = self._enter(step, retry=retry, insist=insist)
        if permit is None:
            place.unused()
        else:
            permit.place = place
        return permit

    def _is_ready(self, rank: int, *, insist: bool) -> bool:
        ready = self._readiness(rank)
        if ready.starting or (insist and ready.failing):
            return True  # whether there is room is seen when it enters
        return not (ready.open_for or ready.cool_for)

    def prepare(
        self, step: Ask, state: ResumeState, permit: Permit, *, waited: float = 0.0, hedge: bool = False
    ) -> Exchange:
        """Compose a request; what is wrong with it leaves its permission to others."""
        try:
            waited_for = self.waits.take()
            sent = self._sender.prepare(step, state, permit, waited=waited, waited_for=waited_for, hedge=hedge)
        except BaseException:
            if permit.place is not None:
                permit.place.unused()
            permit.cancelled()
            raise
        if permit.place is not None:
            permit.place.sends(sent.recorder.entry)
        return sent

    # -- after it

    def failed(self, sent: Exchange, failure: Failure) -> None:
        """A request has died: note it for the report, for `Health` and for the final error."""
        withhold_headers(failure.error)
        sent.failed(failure)
        self.errors.append(failure.error)
        if sent.permit.place is not None and (cut := sent.permit.place.cut) is not None:
            self._notifier.limit_reduced(failure, *cut)

    def notify_left_out(self, failure: Failure | None) -> None:
        """Tell of each route that is not asked any more, because of a failure; None: it was never possible."""
        for rank in self._plan.ranking.left_out:
            if rank in self._notified_left_out:
                continue
            self._notified_left_out.add(rank)
            model = self._routes[rank].model
            if why := self._requests.unfit(rank):
                self._notifier.notice("route_skipped", f"{model} {why}, and is not asked")
            elif failure is not None:
                self._notifier.notice("route_skipped", f"{failure.kind}: {model} is not asked any more")

    async def discard(self, sent: Exchange) -> None:
        """Close a request that is not needed, without waiting long."""
        if not await sent.discard():
            self._unclosed.append(sent)

    async def aclose(self) -> None:
        """Wait for what is still being closed."""
        for sent in self._unclosed:
            await sent.attempt.aclose()

    # -- beside others

    def may_hedge(self, step: Ask, state: ResumeState) -> bool:
        """Whether a request may be made beside others, now that its turn has come."""
        return self._plan.hedges.may_start(step, state, now=anyio.current_time(), ready=self.readiness())

    def hedge_failed(self, sent: Exchange, failure: Failure, state: ResumeState) -> Ask | None:
        """Note that one of several has died. Returns the form to ask its route in at once; None: it is out.

        Raises:
            Exhausted: The failure ends the stream.
        """
        self.failed(sent, failure)
        sent.counted = True
        step = self._plan.hedges.failed(sent.step, failure, state, now=anyio.current_time())
        self.notify_left_out(failure)
        if isinstance(step, Fail):
            raise Exhausted(step)
        return step

    def won(self, sent: Exchange, *, raced: bool) -> None:
        """This one goes on; `raced` says whether others were asked."""
        self._plan.won(sent.step)
        if raced:
            self._notifier.won(sent.recorder.entry)

    def hedge_started(self, step: Ask, state: ResumeState, delay: float, failure: Failure | None) -> None:
        """Another route is asked too, because nothing came for `delay` seconds or because one has failed."""
        self._plan.hedges.started(step, state)
        self._notifier.hedge(self._routes[step.route].model, delay, failure)
