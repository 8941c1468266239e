"""Sends one stream's requests: each is composed from the caller's own and from all that has been delivered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import anyio

from ..arguments import as_given
from ..core.failure import Failure
from ..core.plan.steps import Ask
from ..core.requests.resume import compose, wording
from ..core.requests.resume_state import ResumeState
from ..core.requests.routed import Requests
from ..core.wire.decoded import Event
from ..health.permit import Permit
from ..policy import Policy
from ..report import Report
from ..reporting.attempt_recorder import AttemptRecorder
from ..reporting.sdk_span import SdkSpan
from ..reporting.telemetry import Telemetry
from ..routes import Route
from ..sdk.call_site import NOWHERE, CallSite
from ..sdk.clients import quiet_resource, sends_pings
from ..sdk.timeouts import Timeouts
from ..sdk.typed_events import Api
from .attempt import Attempt

if TYPE_CHECKING:
    from ..core.seam.seam import Seam

__all__ = ["Exchange", "RequestSender"]

#: How long the loser of a race may keep the winner waiting while it is closed, in seconds.
_PATIENCE: Final = 0.05


@dataclass(slots=True)
class Exchange:
    """One request that was sent, and what has come of it.

    Attributes:
        step: What the plan said.
        attempt: The request itself.
        recorder: Keeps its entry in the report.
        permit: What `Health` is told of it.
        seam: How its text will be joined; None for one that starts from nothing.
        messages: The client's `messages`.
        request: The arguments of `messages.stream`.
        call_site: The line that the SDK's warnings are about.
        events: What has arrived and was not taken yet.
        failure: What it died of, after those events; None while it lives.
        counted: Whether the plan was told already that it has died, as one of several.
        brought: Whether it has brought something that is kept.
        api: Which of the client's resources `messages` is.
        sdk_span: What keeps the SDK's own span of it; None: it has none.
    """

    step: Ask
    attempt: Attempt
    recorder: AttemptRecorder
    permit: Permit
    seam: Seam | None
    messages: Any
    request: Mapping[str, Any]
    call_site: CallSite
    events: list[Event] = field(default_factory=list)
    failure: Failure | None = None
    counted: bool = False
    brought: bool = False
    api: Api = "messages"
    sdk_span: SdkSpan | None = None

    async def open(self) -> bool:
        """Send it and wait for its headers; `failure` says why none came."""
        with self.recorder.current():
            self.failure = await self.attempt.open(self.messages, self.request, self.call_site)
        if self.failure is not None:
            return False
        response = self.attempt.response
        self.recorder.headers(self.attempt.request_id, 200 if response is None else response.status_code, self.seam)
        self.sdk_span = SdkSpan.of(response, self.api)
        return True

    async def receive(self) -> None:
        """Add what arrives next to `events`, or say in `failure` why nothing will."""
        events, self.failure = await self.attempt.receive()
        self.events += events
        if self.sdk_span is not None:
            self.sdk_span.take(events, self.failure)
        if (seconds := self.recorder.receive(events)) is not None:
            self.permit.content(seconds)

    async def until_content(self) -> bool:
        """Receive until there is content: a 200, a `message_start` and pings are not health. False: it died before.

        An answer that is whole without content, such as a refusal, is an answer all the same.
        """
        while self.failure is None and not self._has_answered:
            await self.receive()
        return self._has_answered

    @property
    def _has_answered(self) -> bool:
        return self.attempt.content or any(_ends(event) for event in self.events)

    # -- the end; the first one counts

    def completed(self) -> None:
        """The message is whole."""
        self.recorder.end("complete")
        self.permit.succeeded()

    def failed(self, failure: Failure) -> None:
        """It died."""
        self.recorder.end(failure.kind, failure)
        self.permit.failed(failure, cut=self.attempt.content)

    def lost(self, input_tokens: int) -> None:
        """Another route was faster. The API may bill it, and does not say: its input is assumed to be the winner's."""
        if self.is_open:
            self.recorder.assume_input(input_tokens)
        self.recorder.end("lost")
        self.permit.lost(self.recorder.since_sent())

    def cancelled(self) -> None:
        """The caller has left, or the deadline has passed."""
        self.recorder.end("cancelled")
        self.permit.cancelled()

    @property
    def is_open(self) -> bool:
        """Whether it is still being waited for, or read."""
        return self.recorder.entry.ended is None

    async def discard(self) -> bool:
        """Close a loser. False: it takes too long; it goes on by itself, and `attempt.aclose` waits for its end."""
        with anyio.move_on_after(_PATIENCE, shield=True) as scope:
            await self.attempt.aclose(shield=False)
        return not scope.cancelled_caught


def _ends(event: Event) -> bool:
    """Whether the message is whole with this event."""
    type_ = event.get("type")
    return type_ == "message_stop" or (type_ == "message_delta" and event["delta"].get("stop_reason") is not None)


class RequestSender:
    """Sends the requests of one stream.

    Args:
        api: Which of a client's resources to use.
        routes: In rank order.
        requests: The original request as each route sends it.
        policy: The watchdogs' limits, and the wording of a resume.
        report: Gets an entry for each request.
        started: When the stream was entered, in monotonic seconds.
        call_site: The caller's line, which the SDK's warnings about the first request are about.
        resources: What sends the requests of a route, by its rank. None: its client's own `messages` does.
        telemetry: What OpenTelemetry is told of the stream. None: nobody listens.
    """

    def __init__(
        self,
        api: Api,
        routes: Sequence[Route],
        requests: Requests,
        policy: Policy,
        report: Report,
        started: float,
        call_site: CallSite,
        resources: Mapping[int, Any] | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._api = api
        self._routes = routes
        self._requests = requests
        self._policy = policy
        self._report = report
        self._started = started
        self._call_site = call_site  # for the first request: one warning is enough
        self._telemetry = telemetry
        self._timeouts = _timeouts(policy)
        self._resources: dict[int, Any] = dict(resources or {})

    def mode(self, route: int) -> str:
        """What a route's request asks for that has limits of its own beside its model (`requests.mode_of`)."""
        return self._requests.mode(route)

    def prepare(self, step: Ask, state: ResumeState, permit: Permit, *, waited: float, hedge: bool = False) -> Exchange:
        """Compose a request; it is in the report from now on, and has to be opened at once.

        Args:
            step: Which route is asked, and in which form.
            state: What was delivered.
            permit: The permission to send it.
            waited: Seconds that were waited for it.
            hedge: Whether others are still being waited for.
        """
        route, info = self._routes[step.route], self._requests.model(step.route)
        request, seam = compose(
            self._requests[step.route],
            state,
            step.form,
            model=info,
            whole=step.whole,
            prompt=self._policy.continue_prompt,
        )
        recorder = AttemptRecorder(
            self._report,
            self._started,
            route=step.route,
            model=route.model,
            info=info,
            form="continue" if step.form.startswith("continue") else step.form,
            waited=waited,
            hedge=hedge,
            prompt=wording(step.form, state.trailing_text.strip(), self._policy.continue_prompt, again=step.whole),
            telemetry=self._telemetry,
        )
        request = as_given(request)
        given = request.pop("timeout", getattr(route.client, "timeout", None))
        timeouts, request["timeout"] = self._timeouts.beside(given, pings=sends_pings(route.client))
        call_site, self._call_site = self._call_site, NOWHERE
        resource = self._resource(step.route)
        return Exchange(step, Attempt(timeouts), recorder, permit, seam, resource, request, call_site, api=self._api)

    def _resource(self, route: int) -> Any:
        """The route's `messages`."""
        if route not in self._resources:
            self._resources[route] = quiet_resource(self._routes[route].client, self._api)
        return self._resources[route]


def _timeouts(policy: Policy) -> Timeouts:
    first = policy.progress_timeout if policy.first_content_timeout is None else policy.first_content_timeout
    return Timeouts(
        idle=policy.idle_timeout,
        progress=policy.progress_timeout,
        first_content=first,
        chars_per_second=policy.min_chars_per_second,
        pace_window=policy.min_chars_window,
    )
