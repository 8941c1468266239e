"""Drives one stream: asks, reads, joins, and asks again, as the plan says.

A driver knows nothing of the reader. It puts events into `out`; it runs in a task of its own, which a cancelled reader
does not take along (`concurrency/detached.py`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, NoReturn, assert_never

import anthropic
import anyio
import httpx2

from ..core.failure import Failure, Kind, of_kind
from ..core.message.blocks import THINKING
from ..core.message.effects import Effects
from ..core.message.partial import Partial
from ..core.plan.plan import Plan
from ..core.plan.steps import Ask, Fail, Finish, JoinAsItIs, Step
from ..core.requests.routed import Requests
from ..core.splicing.splicer import Splicer, Trouble
from ..core.wire.decoded import Event, Malformed
from ..core.wire.deltas import Delta
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
from .admission import Exhausted
from .dispatcher import Dispatcher
from .feed import EventFeed
from .preflight import Findings
from .preload import preload
from .sender import Exchange, RequestSender

__all__ = ["Driver"]

#: How long a response may stay open after `message_stop`, in seconds, whatever comes meanwhile; a body that ends is a
#: connection to use again.
_LINGER: Final = 2.0


class Driver:
    """One stream's engine.

    Attributes:
        out: Takes the events to the reader.
        done: Whether there will be no more.
        error: What `run` ended with; None: the message is whole, or it has not ended.
        report: How it goes.
        response: The response that feeds the stream, or fed it last.
        deadline: When it has to be over, in monotonic seconds; None: never.
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
        call_site: CallSite,
        started: float,
        resources: Mapping[int, Any] | None = None,
        in_one_piece: bool = False,
        findings: Findings = tuple,
    ) -> None:
        self.out: EventFeed = EventFeed()
        self.done: bool = False
        self.error: Exception | None = None
        self.report: Report = Report()
        self.response: httpx2.Response | None = None
        self._original = request
        self._routes = routes
        self._policy = policy
        self._health = health
        self._api = api
        self._requests = requests = Requests(request, routes, health.models)
        sent = requests[0]
        effects = Effects([requests[rank] for rank in range(len(routes))])
        self._splicer = Splicer(
            live=policy.live,
            stop_sequences=sent.get("stop_sequences") or (),
            whole_words=policy.whole_words,
            effects=effects,
        )
        self._plan = Plan(policy, routes, requests)
        self._telemetry = listen(routes, sent, health, in_one_piece=in_one_piece)
        self._notifier = Notifier(self.report, started, on_notice, self._telemetry)
        self._findings: Findings | None = findings  # until they are told
        sender = RequestSender(
            api, routes, requests, policy, self.report, started, call_site, resources, self._telemetry
        )
        self._dispatcher = Dispatcher(self._plan, policy, health, routes, sender, self._notifier)
        self._is_document = validator(sent)
        self._sent: Exchange | None = None
        self._opener: int | None = None  # the route whose `message_start` was delivered
        self._died: tuple[Failure, Step | None] | None = None
        self._brought = False
        self._lingers_until: float | None = None
        self._started = started
        self.deadline: float | None = None if policy.deadline is None else started + policy.deadline

    @property
    def held(self) -> Partial:
        """Everything that was delivered."""
        return self._splicer.held

    @property
    def route(self) -> Route:
        """The route that feeds the stream."""
        assert self._sent is not None
        return self._routes[self._sent.step.route]

    # -- what the stream calls

    async def open(self) -> None:
        """Ask until a route has answered with headers; in a race, until one has won."""
        preload()
        try:
            await self._open()
        except StreamFailed as error:
            await self._as_last_resort(error)
            raise

    async def _open(self) -> None:
        self._dispatcher.notify_left_out(None)
        with anyio.CancelScope(deadline=_or_never(self.deadline)) as scope:
            first = self._plan.first(now=anyio.current_time(), ready=self._dispatcher.readiness())
            if isinstance(first, Fail):
                self._raise(first)
            self._dispatcher.notify_passed_over(0, first)
            await self._go_on(await self._ask(first))
        if scope.cancelled_caught:
            await self.expire()

    async def run(self) -> None:
        """Read to the end of the message; `error` says what is in the way, if anything is."""
        try:
            with anyio.CancelScope(deadline=_or_never(self.deadline)) as scope:
                while not self.done:
                    sent = self._sent
                    if sent is None or self._died is not None or self._splicer.held.stopped:
                        await self._turn()
                    else:
                        if not sent.events:
                            await sent.receive()
                        self._take_all(sent)
                    await self.out.room()
                    if self._findings is not None and self.held.message is not None:
                        self._notify_findings()
            if scope.cancelled_caught:
                await (self._finish(Finish(not self.held.stopped)) if self.held.complete else self.expire())
        except Exception as error:
            self.error = error
            await self._as_last_resort(error)
        finally:
            self.out.close()

    def release(self) -> None:
        """Leave the response, which has answered as a whole, to the caller."""
        if self._sent is not None:
            self._sent.completed()
            self._sent = None
        self._close_report("complete")
        self.done = True

    async def aclose(self) -> None:
        """Close what is open; the stream is over."""
        if self.held.complete and not self.done:
            await self._complete()
        await self._close_sent()
        await self._dispatcher.aclose()
        self._close_report("closed")
        self.done = True

    # -- reading

    async def _turn(self) -> None:
        """Read what follows the message, or see to it that the rest of it comes."""
        assert self._sent is not None
        if self._splicer.held.stopped:
            await self._linger(self._sent)
        elif self._died is not None:
            await self.out.demand()
            died, self._died = self._died, None
            await self._go_on(*died)

    async def _linger(self, sent: Exchange) -> None:
        """The message is whole; read to the end of the body, for what may follow and to free the connection."""
        now = anyio.current_time()
        self._lingers_until = until = self._lingers_until or now + _LINGER
        with anyio.CancelScope(deadline=until) as scope:
            if sent.failure is None:
                await sent.receive()
        events, sent.events = sent.events, []
        for event in events:
            self._deliver(self._splicer.feed(event))
        if sent.failure is not None or scope.cancelled_caught or now >= until:
            await self._complete()

    def _take_all(self, sent: Exchange) -> None:
        """Splice in what has arrived; the attempt dies at its failure, or of an event that cannot be spliced in."""
        events, sent.events = sent.events, []
        splicer, spliced = self._splicer, list[Event]()
        for event in events:
            spliced += splicer.feed(event)
            if splicer.trouble is not None:
                # What has arrived is delivered before that is seen to.
                self._deliver(spliced)
                spliced = []
                self._see_to(splicer.trouble)
                if self._died is not None:
                    return
        self._deliver(spliced)
        if sent.failure is not None:
            self._died = sent.failure, None

    def _see_to(self, trouble: Trouble) -> None:
        """The splicer cannot go on by itself; the attempt may die of it."""
        match trouble:
            case "unmatched":
                self._unmatched()
            case "silent":
                self._silent()
            case "refused":
                self._die(Kind.REFUSED, "The model refused to go on.")
            case "invalid":
                self._die(Kind.INVALID_DOCUMENT, "The continuation does not make the document that was asked for.")
            case "malformed":
                assert self._sent is not None
                self._died = self._sent.attempt.malformed(Malformed(self._splicer.broken or "")), None
            case _:
                assert_never(trouble)

    def _die(self, kind: Kind, message: str, step: Step | None = None) -> None:
        error = anthropic.APIError(message, self._request_sent(), body=None)
        self._died = of_kind(kind, error, status=200), step

    def _deliver(self, events: list[Event]) -> None:
        """Hand events over to the reader. Every event that a reader gets goes through here, in this order."""
        if not events:
            return
        self.out.put(events)
        if self._sent is not None:
            self._sent.recorder.deliver(events)
            if self._opener is None:
                self._opener = self._sent.step.route
        for event in events:
            if not isinstance(event, Delta):
                self._note_block(event)
            elif not self._brought and event.kind == "text_delta" and self._is_kept(event):
                self._brought = True
                self._plan.content()

    def _is_kept(self, delta: Delta) -> bool:
        """Only what is kept is new: what is dropped and written again, such as half a thought, could go on for ever."""
        blocks = self.held.blocks
        return delta.index < len(blocks) and blocks[delta.index].type == "text" and bool(delta.piece.strip())

    def _note_block(self, event: Event) -> None:
        match event:
            case {"type": "content_block_stop", "index": index} if index < len(self.held.blocks):
                block = self.held.blocks[index]
                if not block.abandoned and (block.type != "text" or block.text.strip()):
                    self._brought = True
                    self._plan.content(thinking=block.type in THINKING)

    def _unmatched(self) -> None:
        """The continuation's head matches nothing: see to it that it is asked for again, or join it as it is."""
        step = self._plan.after_unmatched(
            self.held,
            joinable=self._splicer.may_join_as_it_is,
            now=anyio.current_time(),
            ready=self._dispatcher.readiness(),
        )
        if not isinstance(step, JoinAsItIs):
            self._die(Kind.SEAM_UNMATCHED, "The continuation does not join what was delivered.", step)
            return
        if self._is_document is not None:
            # Two documents are never glued: what comes next is to be the whole one, begun anew.
            self._die(Kind.INVALID_DOCUMENT, "The continuation is not of the document that was begun.")
            return
        self._notifier.notice("seam_unverified", "the continuation matches nothing that was delivered; joined as it is")
        self._deliver(self._splicer.join_unverified())

    def _silent(self) -> None:
        """The continuation adds nothing to a text that looks unfinished: ask again, or take that for the end."""
        step = self._plan.after_silence(
            self.held, ending=self._splicer.ending, now=anyio.current_time(), ready=self._dispatcher.readiness()
        )
        if not isinstance(step, JoinAsItIs):
            self._die(Kind.NOTHING_ADDED, "The continuation adds nothing to what was delivered.", step)
            return
        self._notifier.notice("seam_unverified", "the continuation adds nothing; what was delivered is taken for all")
        self._deliver(self._splicer.join_unverified())

    # -- asking

    async def _go_on(self, failure: Failure | None, step: Step | None = None) -> None:
        """Do what the plan says until a route has answered, or nothing is left to do.

        Args:
            failure: What the attempt at hand died of; None if it lives.
            step: What the plan has said already. None: it is to be asked.
        """
        while failure is not None:
            self._notify_findings()
            before = self._plan.asking
            self._deliver(self._splicer.end())
            sent, self._sent = self._sent, None
            assert sent is not None
            if not sent.counted:
                self._dispatcher.failed(sent, failure)
            self._splicer.abandon_orphans()
            step = step or self._next_step(sent, failure)
            self._splicer.abort()
            await self._dispatcher.discard(sent)
            if isinstance(step, Finish):
                await self._finish(step)
                return
            if isinstance(step, Fail):
                self._raise(step)
            self._notifier.recovery(failure, before, step, self._routes, cut=self._brought)
            self._dispatcher.notify_passed_over(before.route, step)
            self._dispatcher.notify_left_out(failure)
            failure, step = await self._ask(step), None

    def _next_step(self, sent: Exchange, failure: Failure) -> Step:
        now, ready = anyio.current_time(), self._dispatcher.readiness()
        if sent.counted:
            return self._plan.after_round(
                failure, self.held, brought=False, now=now, jitter=random.random(), ready=ready
            )
        return self._plan.after(
            failure,
            self.held,
            brought=self._brought,
            now=now,
            jitter=random.random(),
            acted=self._splicer.acted,
            unknown=self._splicer.unknown,
            ready=ready,
        )

    async def _ask(self, step: Ask) -> Failure | None:
        """Ask, and read what answers from now on; or what the attempt died of, if nothing does."""
        try:
            sent = await self._dispatcher.ask(step, self.held)
        except Exhausted as error:
            self._raise(error.step)
        except OSError as error:
            # Of the network they are failures. This one is of a file: of this library itself, as it seems.
            self._raise(Fail(f"the next request could not be made ({type(error).__name__})"))
        self._sent = sent
        self._brought = False
        if sent.counted or sent.attempt.response is None:
            return sent.failure
        self.response = sent.attempt.response
        own = sent.step.form == "request" and self._is_named(sent.step)
        # A restart is made under the constraint; a resume is made without it.
        is_document = self._is_document if sent.step.form.startswith("continue") else None
        self._deliver(self._splicer.begin(sent.seam, own=own, is_document=is_document))
        self.out.begin()
        self._notify_abandoned()
        self._brought = False
        return None

    def _is_named(self, step: Ask) -> bool:
        """Whether the message is, or will be, this route's by name: the one that opened it."""
        return self._opener is None or self._plan.is_same_model(self._opener, step.route)

    def _notify_findings(self) -> None:
        """Tell what preflight finds in the request, once."""
        findings, self._findings = self._findings, None
        for finding in findings() if findings is not None else ():
            self._notifier.notice("preflight", str(finding))

    def _notify_abandoned(self) -> None:
        for type_ in self._splicer.abandoned:
            self._notifier.notice("block_abandoned", f"an unfinished {type_} block was given up")
        self._splicer.abandoned.clear()

    # -- the end

    async def _finish(self, step: Finish) -> None:
        if step.as_tool_use:
            self._notifier.notice("tool_use_finished", "whole tool calls had arrived; the turn ends with them")
        elif step.message_stop:
            self._notifier.notice("message_stop_supplied", "the message was whole; only its end was missing")
        if step.as_tool_use or step.message_stop:
            self._deliver(self._splicer.finish(as_tool_use=step.as_tool_use))
            self._notify_abandoned()
        await self._complete()

    async def _complete(self) -> None:
        if self._sent is not None:
            self._sent.completed()
        await self._close_sent()
        self._close_report("complete")
        self.done = True

    def _close_report(self, outcome: Literal["complete", "failed", "closed"], why: str = "", error: str = "") -> None:
        """Tell of the end, the first time: how it ended, and if it failed, why, and with which exception."""
        if self.report.outcome != "open":
            return
        self._notify_findings()
        self.report.outcome = outcome
        self.report.duration = anyio.current_time() - self._started
        if outcome == "failed":
            self._notifier.notice("failed", why)
        if self._telemetry is not None:
            self._telemetry.end(self.report, self.held, error)

    async def _close_sent(self) -> None:
        sent, self._sent = self._sent, None
        if sent is not None:
            sent.cancelled()
            await sent.attempt.aclose()

    async def expire(self) -> None:
        """The deadline has passed: close, and raise `StreamTimeout`; what was not read yet is late as well."""
        self.out.drop()
        await self._close_sent()
        self._raise(Fail(f"the deadline of {self._policy.deadline:g} s has passed"), StreamTimeout)

    def _raise(self, step: Fail, kind: type[StreamFailed] = StreamFailed) -> NoReturn:
        if step.error is None:
            raise self.failure(step.why, kind)
        self._give_up(step.why, type(step.error))
        raise step.error

    def failure(self, why: str, kind: type[StreamFailed] = StreamFailed) -> StreamFailed:
        """The error with which the stream ends now; `why` is one clause."""
        self._give_up(why, kind)
        self._plan.cut_short(acted=self._splicer.acted, unknown=self._splicer.unknown)
        return kind(
            f"{self._diagnosed(kind)}{self._summary(why)}",
            request=self._request_sent(),
            partial=self.held.copy(),
            report=self.report,
            errors=self._dispatcher.errors,
            original=self._original,
            routes=self._routes,
            **self._what_may_help(),
        )

    def _diagnosed(self, kind: type[StreamFailed]) -> str:
        """What the diagnosis says, in a sentence; empty where it cannot be loaded (`preload.py`)."""
        try:
            from ..diagnosis.postmortem import diagnose_stream
        except OSError:
            return ""
        ending = kind._ending  # noqa: SLF001  # ours
        others = self._others_answered()
        found = diagnose_stream(self.report, self._dispatcher.errors, ending=ending, others_answered=others)
        return f"{found.summary} "

    def _others_answered(self) -> bool | None:
        from ..diagnosis.postmortem import others_answered

        return others_answered(self.report, self._health.snapshot())

    def _what_may_help(self) -> dict[str, Any]:
        """What the error needs for its diagnosis, and to ask in a batch; nothing where that cannot be loaded."""
        try:
            from .last_resort import Unfinished

            others = self._others_answered()
        except OSError:
            return {}
        unfinished = Unfinished(self._api, self._routes, self._requests, self._plan, self._policy, self._opener)
        return {"others_answered": others, "unfinished": unfinished}

    async def _as_last_resort(self, error: Exception) -> None:
        """With all spent, ask for the rest in a batch, where the policy says so. A deadline is not overrun for it."""
        if self._policy.on_exhausted == "defer" and type(error) is StreamFailed:
            try:
                from .last_resort import as_last_resort
            except OSError:
                self._notifier.notice("defer_failed", "what makes batches could not be loaded")
                return
            with anyio.CancelScope(deadline=_or_never(self.deadline)) as scope:
                await as_last_resort(error, self._notifier)
            if scope.cancelled_caught:
                self._notifier.notice("defer_failed", "the deadline has passed before the batch was created")

    def _give_up(self, why: str, kind: type[Exception]) -> None:
        self._close_report("failed", why, kind.__name__)
        self.done = True

    def _summary(self, why: str) -> str:
        attempts = self.report.attempts
        if not attempts:
            return f"The stream could not be begun: {why}. No request was made."
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
        last = next((e for e in reversed(self._dispatcher.errors) if isinstance(e, anthropic.APIError)), None)
        return last.request if last is not None else httpx2.Request("POST", "/v1/messages")


def _or_never(deadline: float | None) -> float:
    return float("inf") if deadline is None else deadline
