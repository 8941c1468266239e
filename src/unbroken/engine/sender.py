"""Sends one stream's requests: each is composed from the caller's own and from all that has been delivered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..arguments import as_given
from ..core.plan.steps import Ask
from ..core.requests.resume import compose, wording
from ..core.requests.resume_state import ResumeState
from ..core.requests.routed import Requests
from ..health.permit import Permit
from ..policy import Policy
from ..report import Report, WaitedFor
from ..reporting.attempt_recorder import AttemptRecorder
from ..reporting.telemetry import Telemetry
from ..routes import Route
from ..sdk.call_site import NOWHERE, CallSite
from ..sdk.clients import quiet_resource, sends_pings
from ..sdk.timeouts import Timeouts
from ..sdk.typed_events import Api
from .attempt import Attempt
from .exchange import Exchange
from .recording import RecordedExchange, Recording

__all__ = ["RequestSender"]


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
        recording: Writes down each request before it is sent, and what became of it. None: nobody does.
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
        recording: Recording | None = None,
    ) -> None:
        self._recording = recording
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

    def prepare(
        self,
        step: Ask,
        state: ResumeState,
        permit: Permit,
        *,
        waited: float,
        waited_for: dict[WaitedFor, float] | None = None,
        hedge: bool = False,
    ) -> Exchange:
        """Compose a request; it is in the report from now on, and has to be opened at once.

        Args:
            step: Which route is asked, and in which form.
            state: What was delivered.
            permit: The permission to send it.
            waited: Seconds that were waited for it.
            waited_for: What they were waited for.
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
            waited_for=waited_for,
            hedge=hedge,
            prompt=wording(step.form, state.trailing_text.strip(), self._policy.continue_prompt, again=step.whole),
            telemetry=self._telemetry,
        )
        request = as_given(request)
        given = request.pop("timeout", getattr(route.client, "timeout", None))
        timeouts, request["timeout"] = self._timeouts.beside(given, pings=sends_pings(route.client))
        call_site, self._call_site = self._call_site, NOWHERE
        resource = self._resource(step.route)
        parts = (step, Attempt(timeouts), recorder, permit, seam, resource, request, call_site)
        if self._recording is None:
            return Exchange(*parts, api=self._api)
        return RecordedExchange(*parts, api=self._api, recording=self._recording)

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
