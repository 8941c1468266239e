"""Drives one stream: asks, reads, joins, and asks again, as the plan says.

A driver knows nothing of the reader. It puts events into `out` and is called again when they are used up; whatever it
awaits runs in a step that a cancelled reader does not take along (`detached.py`).
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, NoReturn

import anthropic
import anyio
import httpx2

from ..core.adapt import adapt
from ..core.failure import Failure, Kind, of_kind
from ..core.models import lookup
from ..core.partial import THINKING, Event, Partial
from ..core.plan import Ask, Fail, Finish, JoinAsItIs, Plan, Step
from ..core.resume import compose
from ..core.splice import Splicer
from ..errors import StreamFailed, StreamTimeout
from ..health import Health
from ..policy import Policy
from ..report import Notice, Report
from ..routes import Route
from .attempt import Attempt, Watch
from .bookkeeping import Book
from .clients import without_retries
from .teller import Teller
from .typed import Api

__all__ = ["Driver"]

#: How long a response may stay open after `message_stop`, in seconds; a body that ends is a connection to use again.
_LINGER: Final = 2.0


class Driver:
    """One stream's engine.

    Attributes:
        out: Events that can be delivered, oldest first.
        done: Whether there will be no more.
        report: How it goes.
        response: The response that feeds the stream, or fed it last.
    """

    def __init__(
        self,
        *,
        api: Api,
        routes: Sequence[Route],
        request: Mapping[str, Any],
        policy: Policy,
        health: Health,
        on_notice: Callable[[Notice], object] | None,
        warn: Callable[[Warning], None],
        started: float,
    ) -> None:
        self.out: deque[Event] = deque()
        self.done: bool = False
        self.report: Report = Report()
        self.response: httpx2.Response | None = None
        self._routes = routes
        self._policy = policy
        self._health = health
        self._warn = warn
        # The primary's request is the caller's own, whatever the table says of its model.
        self._requests = [
            route.request(request) if rank == 0 else adapt(route.request(request), lookup(route.model), route.patch)
            for rank, route in enumerate(routes)
        ]
        self._api = api
        self._resources: dict[int, Any] = {}
        self._watch = _watch(policy)
        self._splicer = Splicer(live=policy.live, stop_sequences=request.get("stop_sequences") or ())
        prefill = [lookup(route.model).prefill and health.accepts_prefill(route.model) for route in routes]
        self._plan = Plan(policy, routes, self._requests, prefill)
        self._asked = self._plan.asking
        self._attempt: Attempt | None = None
        self._died: tuple[Failure, Step | None] | None = None
        self._brought = False
        self._errors: list[Exception] = []
        self._started = started
        self._book: Book | None = None
        self._teller = Teller(self.report, self._started, on_notice)
        self._deadline = None if policy.deadline is None else self._started + policy.deadline

    @property
    def held(self) -> Partial:
        """Everything that was delivered."""
        return self._splicer.held

    # -- what the stream calls

    async def open(self) -> None:
        """Ask until a route has answered with headers."""
        for rank in self._plan.left_out:
            model = self._routes[rank].model
            self._teller.notice("route_skipped", f"{model} does not take a forced tool_choice, and is not asked")
        with anyio.CancelScope(deadline=_or_never(self._deadline)) as scope:
            await self._go_on(await self._ask(self._plan.asking))
        if scope.cancelled_caught:
            await self.expire()

    async def advance(self) -> None:
        """Go on until there is something in `out`, or the stream is done."""
        if self._deadline is None:
            await self._advance()
            return
        with anyio.CancelScope(deadline=self._deadline) as scope:
            await self._advance()
        if scope.cancelled_caught:
            await (self._finish(Finish(not self.held.stopped)) if self.held.complete else self.expire())

    def overdue(self) -> bool:
        """Whether the deadline has passed before the message was whole."""
        if self._deadline is None or self.done or self.held.complete:
            return False
        return anyio.current_time() >= self._deadline

    async def aclose(self) -> None:
        """Close what is open; the stream is over."""
        if self.held.complete and not self.done:
            await self._complete()
        if self._attempt is not None:
            self._end_book("cancelled")
            await self._close_attempt()
        self._close_report("closed")
        self.done = True

    # -- reading

    async def _advance(self) -> None:
        while not self.out and not self.done:
            attempt = self._attempt
            assert attempt is not None
            if self.held.stopped:
                await self._linger(attempt)
                continue
            if self._died is not None:
                died, self._died = self._died, None
                await self._go_on(*died)
                continue
            events, failure = await attempt.receive()
            for event in events:
                self._take(event)
                if self._died is not None:
                    break
            else:
                if failure is not None:
                    self._died = failure, None

    async def _linger(self, attempt: Attempt) -> None:
        """The message is whole; read to the end of the body, for what may follow and to free the connection."""
        events: list[Event] = []
        failure: Failure | None = None
        with anyio.move_on_after(_LINGER) as scope:
            events, failure = await attempt.receive()
        for event in events:
            self.out += self._splicer.feed(event)
        if failure is not None or scope.cancelled_caught:
            await self._complete()

    def _take(self, event: Event) -> None:
        """Splice one event in. The attempt may die of it: what has arrived is delivered before that is seen to."""
        if self._book is not None:
            self._book.note(event)
        self._deliver(self._splicer.feed(event))
        match self._splicer.trouble:
            case "unmatched":
                self._unmatched()
            case "refused":
                self._die(Kind.REFUSED, "The model refused to go on.")
            case "malformed":
                assert self._attempt is not None
                self._died = self._attempt.malformed(LookupError("an event of a block that never started")), None

    def _die(self, kind: Kind, message: str, step: Step | None = None) -> None:
        error = anthropic.APIError(message, self._request_sent(), body=None)
        self._died = of_kind(kind, error, status=200), step

    def _deliver(self, events: list[Event]) -> None:
        self.out += events
        if self._book is not None:
            self._book.deliver(events)
        for event in events:
            if not self._brought or event.get("type") == "content_block_stop":
                self._note_progress(event)

    def _note_progress(self, event: Event) -> None:
        """Only what is kept is new: a thought that is cut and thought again could go on for ever."""
        match event:
            case {"type": "content_block_delta", "delta": {"type": "text_delta"}}:
                self._brought = True
                self._plan.content()
            case {"type": "content_block_stop", "index": index} if index < len(self.held.blocks):
                block = self.held.blocks[index]
                if not block.abandoned and (block.type != "text" or block.text):
                    self._brought = True
                    self._plan.content(thinking=block.type in THINKING)

    def _unmatched(self) -> None:
        """The continuation's head matches nothing: join it as it is, or see to it that it is asked for again."""
        step = self._plan.after_unmatched(self.held)
        if not isinstance(step, JoinAsItIs):
            self._die(Kind.SEAM_UNMATCHED, "The continuation does not join what was delivered.", step)
            return
        self._teller.notice("seam_unverified", "the continuation matches nothing that was delivered; joined as it is")
        self._deliver(self._splicer.join_unverified())

    # -- asking

    async def _go_on(self, failure: Failure | None, step: Step | None = None) -> None:
        """Do what the plan says until a route has answered, or nothing is left to do.

        Args:
            failure: What the attempt at hand died of; None if it did not.
            step: What the plan has said already. None: it is to be asked.
        """
        while failure is not None:
            self._lost(failure)
            before, left_out = self._asked, self._plan.left_out
            if step is None:
                step = self._plan.after(
                    failure,
                    self.held,
                    brought=self._brought,
                    now=anyio.current_time(),
                    jitter=random.random(),
                    acted=self._splicer.acted,
                )
            self._splicer.abort()
            await self._close_attempt()
            if isinstance(step, Finish):
                await self._finish(step)
                return
            if isinstance(step, Fail):
                self._raise(step)
            self._teller.recovery(failure, before, step, self._routes, cut=self._brought)
            for rank in sorted({*self._plan.left_out} - {*left_out}):
                model = self._routes[rank].model
                self._teller.notice("route_skipped", f"{failure.kind}: {model} is not asked any more")
            failure, step = await self._ask(step), None

    def _lost(self, failure: Failure) -> None:
        self._end_book(failure.kind, failure)
        self._errors.append(failure.error)
        if failure.kind is Kind.PREFILL_UNSUPPORTED:
            self._health.note_prefill_unsupported(self._routes[self._plan.asking.route].model)

    async def _ask(self, step: Ask) -> Failure | None:
        """Make one request, after its wait; None once its headers are there."""
        self._asked = step
        waiting_since = anyio.current_time()
        await self._wait(step)
        route, original = self._routes[step.route], self._requests[step.route]
        assert original is not None  # a route that cannot take it is never asked
        request, seam = compose(
            original,
            self.held,
            step.form,
            model=lookup(route.model),
            whole=step.whole,
            prompt=self._policy.continue_prompt,
        )
        self._brought = False
        form = "continue" if step.form.startswith("continue") else step.form
        waited = anyio.current_time() - waiting_since
        book = self._book = Book(
            self.report, self._started, route=step.route, model=route.model, form=form, waited=waited
        )
        given = request.pop("timeout", getattr(route.client, "timeout", None))
        watch, request["timeout"] = self._watch.beside(given)
        attempt = self._attempt = Attempt(watch)
        failure = await attempt.open(self._resource(step.route), request, None if self._errors else self._warn)
        if failure is not None:
            return failure
        self.response = response = attempt.response
        book.headers(attempt.request_id, 200 if response is None else response.status_code, seam)
        self._deliver(self._splicer.begin(seam))
        self._tell_abandoned()
        self._brought = False
        return None

    def _tell_abandoned(self) -> None:
        for type_ in self._splicer.abandoned:
            self._teller.notice("block_abandoned", f"an unfinished {type_} block was given up")
        self._splicer.abandoned.clear()

    def _resource(self, route: int) -> Any:
        """The route's `messages`."""
        if route not in self._resources:
            client = without_retries(self._routes[route].client)
            self._resources[route] = client.beta.messages if self._api == "beta" else client.messages
        return self._resources[route]

    async def _wait(self, step: Ask) -> None:
        await anyio.sleep(step.wait)
        patience = self._policy.max_retry_after
        while step.costs_retry and (seconds := self._health.take_retry()):
            if seconds > patience:
                self._raise(Fail("the retry budget is empty"))
            self._teller.notice("budget_wait", "the retry budget is empty; waiting for the next retry")
            patience -= seconds
            await anyio.sleep(seconds)

    # -- the end

    async def _finish(self, step: Finish) -> None:
        if step.as_tool_use:
            self._teller.notice("tool_use_finished", "whole tool calls had arrived; the turn ends with them")
        elif step.message_stop:
            self._teller.notice("message_stop_supplied", "the message was whole; only its end was missing")
        if step.as_tool_use or step.message_stop:
            self._deliver(self._splicer.finish(as_tool_use=step.as_tool_use))
            self._tell_abandoned()
        await self._complete()

    async def _complete(self) -> None:
        self._end_book("complete")
        last = self.report.attempts[-1]
        self._health.succeeded(last.model, last.first_content)
        await self._close_attempt()
        self._close_report("complete")
        self.done = True

    def _end_book(self, outcome: str, failure: Failure | None = None) -> None:
        book, self._book = self._book, None
        if book is not None:
            book.end(outcome, failure)

    def _close_report(self, outcome: Literal["complete", "failed", "closed"]) -> None:
        if self.report.outcome == "open":
            self.report.outcome = outcome
            self.report.duration = anyio.current_time() - self._started

    async def _close_attempt(self) -> None:
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            await attempt.aclose()

    async def expire(self) -> None:
        """The deadline has passed: close, and raise `StreamTimeout`."""
        self._end_book("cancelled")
        await self._close_attempt()
        self._raise(Fail(f"the deadline of {self._policy.deadline:g} s has passed"), StreamTimeout)

    def _raise(self, step: Fail, kind: type[StreamFailed] = StreamFailed) -> NoReturn:
        if step.error is None:
            raise self.failure(step.why, kind)
        self._give_up(step.why)
        raise step.error

    def failure(self, why: str, kind: type[StreamFailed] = StreamFailed) -> StreamFailed:
        """The error with which the stream ends now; `why` is one clause."""
        self._give_up(why)
        return kind(
            self._summary(why),
            request=self._request_sent(),
            partial=self.held.copy(),
            report=self.report,
            errors=self._errors,
        )

    def _give_up(self, why: str) -> None:
        if self.report.outcome == "open":
            self._close_report("failed")
            self._teller.notice("failed", why)
        self.done = True

    def _summary(self, why: str) -> str:
        attempts = self.report.attempts
        models = ", ".join(dict.fromkeys(attempt.model for attempt in attempts))
        outcomes = ", ".join(dict.fromkeys(str(attempt.outcome) for attempt in attempts))
        ids = ", ".join(self.report.request_ids) or "none"
        return (
            f"The stream could not be finished: {why}. {len(attempts)} request(s) to {models} ({outcomes}); "
            f"request ids: {ids}; {len(self.held.text)} characters of text had arrived."
        )

    def _request_sent(self) -> httpx2.Request:
        if self.response is not None:
            return self.response.request
        last = next((e for e in reversed(self._errors) if isinstance(e, anthropic.APIError)), None)
        return last.request if last is not None else httpx2.Request("POST", "/v1/messages")


def _watch(policy: Policy) -> Watch:
    first = policy.progress_timeout if policy.first_content_timeout is None else policy.first_content_timeout
    return Watch(idle=policy.idle_timeout, progress=policy.progress_timeout, first_content=first)


def _or_never(deadline: float | None) -> float:
    return float("inf") if deadline is None else deadline
