"""Drives one stream: asks, reads, joins, and asks again, as the plan says.

It knows nothing of the reader, and runs in a task of its own, which a cancelled reader does not take along
(`concurrency/detached.py`). How the stream ends is `conclusion.py`'s.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NoReturn

import anyio
import httpx2

from ..core.failure import Failure
from ..core.message.partial import Partial
from ..core.plan.steps import Ask, Fail, Finish, Step
from ..core.requests.resume_state import ResumeState
from ..core.requests.routed import Requests
from ..errors import StreamFailed, StreamTimeout
from ..health.health import Health
from ..policy import Policy
from ..report import Notice, Report
from ..reporting.notifier import Notifier
from ..reporting.telemetry import listen
from ..routes import Route
from ..sdk.call_site import CallSite
from ..sdk.documents import validator
from ..sdk.typed_events import Api
from .admission import Admission, Exhausted
from .begun import Begun
from .conclusion import Conclusion, or_never
from .dispatcher import Dispatcher
from .exchange import Exchange
from .feed import EventFeed
from .intake import Death, Intake
from .preflight import Findings, UntoldFindings
from .preload import preload
from .recording import Recording
from .sender import RequestSender

__all__ = ["Driver"]


class Driver:
    """One stream's engine.

    Args:
        api: Which of a client's resources to use.
        routes: In rank order.
        request: The arguments of `messages.stream`, as the caller gave them.
        policy: The limits.
        health: What streams share.
        on_notice: Called with each notice. None: nobody listens.
        call_site: The caller's line, which the SDK's warnings are about.
        started: When the stream was entered, in monotonic seconds.
        resources: What sends the requests of a route, by its rank. None: its client's own `messages` does.
        in_one_piece: Whether the answer does not come as a stream.
        findings: Gives what preflight finds in the request.
        begun: What others have begun: the message is gone on with, and the report with it. None: it begins here.
        recording: Where all behind `begun` is written down. None: nowhere; a reader gets the events, also of `begun`.

    Attributes:
        out: Takes the events to the reader.
        done: Whether there will be no more.
        error: What `run` ended with; None: the message is whole, or it has not ended.
        report: How it goes.
        response: The response that feeds the stream, or fed it last.
        deadline: When it has to be over, in monotonic seconds; None: never.
        role, position: It asks itself, and is in no journal.
    """

    role: Literal["writer", "reader"] = "writer"
    position: str | None = None

    def __init__(
        self,
        *,
        api: Api,
        routes: Sequence[Route],
        request: Mapping[str, Any],
        policy: Policy,
        health: Health,
        on_notice: Callable[[Notice], object] | None,
        call_site: CallSite,
        started: float,
        resources: Mapping[int, Any] | None = None,
        in_one_piece: bool = False,
        findings: Findings = tuple,
        begun: Begun | None = None,
        recording: Recording | None = None,
    ) -> None:
        begun = begun or Begun()
        self.done: bool = False
        self.error: Exception | None = None
        self.report: Report = Report(attempts=list(begun.attempts), notices=list(begun.notices))
        self.response: httpx2.Response | None = None
        self._routes = routes
        self._policy = policy
        self._requests = requests = Requests(request, routes, health.models)
        sent = requests[0]
        splicer = begun.splicer(policy, [requests[rank] for rank in range(len(routes))])
        feed = EventFeed() if recording is None else recording.feed(splicer)
        self._plan = plan = begun.plan(policy, routes, requests)
        telemetry = listen(routes, sent, health, in_one_piece=in_one_piece)
        self._notifier = notifier = Notifier(self.report, started, on_notice, telemetry)
        self._findings = UntoldFindings(findings, notifier)
        sender = RequestSender(
            api, routes, requests, policy, self.report, started, call_site, resources, telemetry, recording
        )
        self._admission = Admission(plan, policy, health, routes, requests, sender, notifier)
        self._dispatcher = Dispatcher(plan, policy, health, routes, self._admission, sender, notifier)
        self._conclusion = Conclusion(
            api=api,
            routes=routes,
            requests=requests,
            original=request,
            policy=policy,
            plan=plan,
            health=health,
            splicer=splicer,
            errors=self._admission.errors,
            report=self.report,
            notifier=notifier,
            telemetry=telemetry,
            findings=self._findings,
            started=started,
        )
        self._intake = Intake(
            splicer, plan, routes, self._admission, notifier, self._findings, is_document=validator(sent), feed=feed
        )
        if recording is None:
            self._intake.hand_over_again()
        self.out: EventFeed = self._intake.out
        self.deadline: float | None = None if policy.deadline is None else started + policy.deadline

    @property
    def partial(self) -> Partial:
        """Everything that was delivered."""
        return self._intake.partial

    @property
    def route(self) -> Route:
        """The route that feeds the stream."""
        assert self._intake.exchange is not None
        return self._routes[self._intake.exchange.step.route]

    async def open(self) -> None:
        """Ask until a route has answered with headers; in a race, until one has won."""
        preload()
        try:
            await self._open()
        except StreamFailed as error:
            await self._conclusion.as_last_resort(error, self.deadline)
            raise

    async def _open(self) -> None:
        self._admission.notify_left_out(None)
        state = self._intake.state()
        with anyio.CancelScope(deadline=or_never(self.deadline)) as scope:
            first = self._plan.first(state, now=anyio.current_time(), ready=self._admission.readiness())
            if isinstance(first, Ask):
                self._dispatcher.notify_passed_over(0, first)
                if (failure := await self._ask(first, state)) is not None:
                    await self._go_on(Death(failure))
            else:
                await self._end(first)
        if scope.cancelled_caught:
            await self.expire()

    async def run(self) -> None:
        """Read to the end of the message; `error` says what is in the way, if anything is."""
        try:
            with anyio.CancelScope(deadline=or_never(self.deadline)) as scope:
                while not self.done:
                    await self._intake.read()
                    if not self.partial.stopped:
                        await self.out.demand()
                        death, self._intake.death = self._intake.death, None
                        await self._go_on(death)
                    elif await self._intake.linger():
                        await self._complete()
                    await self.out.room()
            if scope.cancelled_caught:
                await (self._end(Finish(not self.partial.stopped)) if self.partial.complete else self.expire())
        except Exception as error:
            self.error = error
            await self._conclusion.as_last_resort(error, self.deadline)
        finally:
            self.out.close()

    def release(self) -> None:
        """Leave the response, which has answered as a whole, to the caller."""
        if self._intake.exchange is not None:
            self._intake.exchange.completed()
            self._intake.exchange = None
        self._conclusion.complete()
        self.done = True

    async def aclose(self) -> None:
        """Close what is open; the stream is over."""
        if self.partial.complete and not self.done:
            await self._complete()
        await self._close_exchange()
        await self._admission.aclose()
        self._conclusion.closed()
        self.done = True

    # -- asking

    async def _go_on(self, death: Death | None) -> None:
        """Do what the plan says until a route has answered, or nothing is left to do."""
        while death is not None:
            self._findings.tell()
            before, failure = self._plan.asking, death.failure
            changed, sent = self._intake.end(), self._intake.exchange
            assert sent is not None
            self._intake.exchange = None
            if not sent.counted:
                self._admission.failed(sent, failure)
            # Looked at once for each failure, unless it has changed since the plan was asked.
            state = self._intake.state() if death.state is None or changed else death.state
            step = death.step or self._next_step(sent, failure, state)
            self._intake.forget()
            await self._admission.discard(sent)
            if not isinstance(step, Ask):
                await self._end(step)
                return
            self._notifier.recovery(failure, before, step, self._routes, cut=sent.brought)
            self._dispatcher.notify_passed_over(before.route, step)
            self._admission.notify_left_out(failure)
            lost = await self._ask(step, state)
            death = None if lost is None else Death(lost)

    def _next_step(self, sent: Exchange, failure: Failure, state: ResumeState) -> Step:
        now, ready, jitter = anyio.current_time(), self._admission.readiness(), random.random()
        if sent.counted:
            return self._plan.after_round(failure, state, brought=False, now=now, jitter=jitter, ready=ready)
        return self._plan.after(failure, state, brought=sent.brought, now=now, jitter=jitter, ready=ready)

    async def _ask(self, step: Ask, state: ResumeState) -> Failure | None:
        """Ask, and read what answers from now on; or what the attempt died of, if nothing does."""
        try:
            sent = await self._dispatcher.ask(step, state)
        except Exhausted as error:
            self._raise(error.step)
        except OSError as error:
            # Of the network they are failures. This one is of a file: of this library itself, as it seems.
            self._raise(Fail(f"the next request could not be made ({type(error).__name__})"))
        self._intake.exchange = sent
        if sent.counted or sent.attempt.response is None:
            return sent.failure
        self.response = sent.attempt.response
        is_named = self._requests.is_named(sent.step.route, begun=state.begun, origin=self._intake.origin)
        self._intake.begin(sent, own=is_named and sent.step.form == "request")
        return None

    async def _end(self, step: Finish | Fail) -> None:
        """Do what the plan says where nothing more is asked: finish the message, or raise."""
        if isinstance(step, Fail):
            self._raise(step)
        if step.as_tool_use:
            self._notifier.notice("tool_use_finished", "whole tool calls had arrived; the turn ends with them")
        elif step.message_stop:
            self._notifier.notice("message_stop_supplied", "the message was whole; only its end was missing")
        if step.as_tool_use or step.message_stop:
            self._intake.finish(as_tool_use=step.as_tool_use)
        await self._complete()

    async def _complete(self) -> None:
        if self._intake.exchange is not None:
            self._intake.exchange.completed()
        await self._close_exchange()
        self._conclusion.complete()
        self.done = True

    async def _close_exchange(self) -> None:
        sent, self._intake.exchange = self._intake.exchange, None
        if sent is not None:
            sent.cancelled()
            await sent.attempt.aclose()

    async def expire(self) -> None:
        """The deadline has passed: close, and raise `StreamTimeout`; what was not read yet is late as well."""
        self.out.drop()
        await self._close_exchange()
        self._raise(Fail(f"the deadline of {self._policy.deadline:g} s has passed"), StreamTimeout)

    def _raise(self, step: Fail, kind: type[StreamFailed] = StreamFailed) -> NoReturn:
        raise self._error(step, kind)

    def failure(self, why: str, kind: type[StreamFailed] = StreamFailed) -> Exception:
        """The error with which the stream ends now; `why` is one clause."""
        return self._error(Fail(why), kind)

    def _error(self, step: Fail, kind: type[StreamFailed]) -> Exception:
        self.done = True
        return self._conclusion.error(step, kind, response=self.response, origin=self._intake.origin)
