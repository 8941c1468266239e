"""How one stream ends: what its report says, which error is raised, and what is asked for in a batch at last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

import anthropic
import anyio
import httpx2

from ..core.message.partial import Partial
from ..core.plan.plan import Plan
from ..core.plan.steps import Fail
from ..core.requests.routed import Requests
from ..core.splicing.splicer import Splicer
from ..errors import StreamFailed
from ..health.health import Health
from ..policy import Policy
from ..report import Report
from ..reporting.notifier import Notifier
from ..reporting.telemetry import Telemetry
from ..routes import Route
from ..sdk.typed_events import Api
from .preflight import UntoldFindings

__all__ = ["Conclusion", "or_never"]


def or_never(deadline: float | None) -> float:
    """A deadline in monotonic seconds, for a cancel scope; None: there is none."""
    return float("inf") if deadline is None else deadline


class Conclusion:
    """The end of one stream. The first end counts: what comes later changes nothing that was told.

    Args:
        api: Which of a client's resources is used.
        routes: In rank order.
        requests: The original request as each route sends it.
        original: The caller's request.
        policy: What is done when all is spent.
        plan: What was decided so far.
        health: What other streams have met, which the diagnosis compares with.
        splicer: Has all that was delivered.
        errors: What every lost request died of, in order; it grows.
        report: How the stream goes.
        notifier: Tells of what happens.
        telemetry: What OpenTelemetry is told of the stream. None: nobody listens.
        findings: What preflight finds; it is told with the end at the latest.
        started: When the stream was entered, in monotonic seconds.
    """

    def __init__(
        self,
        *,
        api: Api,
        routes: Sequence[Route],
        requests: Requests,
        original: Mapping[str, Any],
        policy: Policy,
        plan: Plan,
        health: Health,
        splicer: Splicer,
        errors: Sequence[Exception],
        report: Report,
        notifier: Notifier,
        telemetry: Telemetry | None,
        findings: UntoldFindings,
        started: float,
    ) -> None:
        self._api = api
        self._routes = routes
        self._requests = requests
        self._original = original
        self._policy = policy
        self._plan = plan
        self._health = health
        self._splicer = splicer
        self._errors = errors
        self._report = report
        self._notifier = notifier
        self._telemetry = telemetry
        self._findings = findings
        self._started = started

    @property
    def _partial(self) -> Partial:
        return self._splicer.partial

    # -- the report

    def complete(self) -> None:
        """The message is whole."""
        self._close("complete")

    def closed(self) -> None:
        """The caller has closed the stream before its end."""
        self._close("closed")

    def _close(self, outcome: Literal["complete", "failed", "closed"], why: str = "", error: str = "") -> None:
        """Tell of the end, the first time: how it ended, and if it failed, why, and with which exception."""
        if self._report.outcome != "open":
            return
        self._findings.tell()
        self._report.outcome = outcome
        self._report.duration = anyio.current_time() - self._started
        if outcome == "failed":
            self._notifier.notice("failed", why)
        if self._telemetry is not None:
            self._telemetry.end(self._report, self._partial, error)

    # -- the error

    def error(
        self,
        step: Fail,
        kind: type[StreamFailed] = StreamFailed,
        *,
        response: httpx2.Response | None,
        origin: int | None,
    ) -> Exception:
        """The error with which the stream ends now: the SDK's own where the plan says so, else one of that kind.

        Args:
            step: Why it ends.
            kind: Which of ours.
            response: The one that fed the stream last; None where none came.
            origin: The rank of the route that opened the message; None where none has.
        """
        if step.error is not None:
            self._close("failed", step.why, type(step.error).__name__)
            return step.error
        self._close("failed", step.why, kind.__name__)
        error = kind(
            self._summary(step.why),
            request=self.request_sent(response),
            partial=self._partial.copy(),
            report=self._report,
            errors=self._errors,
            original=self._original,
            routes=self._routes,
            **self._what_may_help(origin),
        )
        # Its message begins with what the diagnosis says; not where that cannot be loaded any more.
        with suppress(OSError):
            error.message = f"{error.diagnose().summary} {error.message}"
        error.args = (error.message,)
        return error

    def _what_may_help(self, origin: int | None) -> dict[str, Any]:
        """What the error needs for its diagnosis, and to ask in a batch; nothing where that cannot be loaded."""
        try:
            from ..diagnosis.postmortem import others_answered
            from .last_resort import Unfinished
        except OSError:
            return {}
        unfinished = Unfinished(
            self._api,
            self._routes,
            self._requests,
            self._plan,
            self._policy,
            origin,
            acted=self._splicer.acted,
            unknown=self._splicer.unknown,
        )
        return {
            "others_answered": others_answered(self._report, self._health.snapshot()),
            "put_off": unfinished.defer,
        }

    def _summary(self, why: str) -> str:
        attempts = self._report.attempts
        if not attempts:
            return f"The stream could not be begun: {why}. No request was made."
        models = ", ".join(dict.fromkeys(attempt.model for attempt in attempts))
        outcomes = ", ".join(dict.fromkeys(str(attempt.outcome) for attempt in attempts))
        ids = ", ".join(self._report.request_ids) or "none"
        return (
            f"The stream could not be finished: {why}. {len(attempts)} request(s) to {models} ({outcomes}); "
            f"request ids: {ids}; {len(self._partial.text)} characters of text had arrived."
        )

    def request_sent(self, response: httpx2.Response | None) -> httpx2.Request:
        """The request that an error is said to belong to: of that response, or else of the last error."""
        if response is not None:
            return response.request
        last = next((e for e in reversed(self._errors) if isinstance(e, anthropic.APIError)), None)
        return last.request if last is not None else httpx2.Request("POST", "/v1/messages")

    # -- the last resort

    async def as_last_resort(self, error: Exception, deadline: float | None) -> None:
        """With all spent, ask for the rest in a batch, where the policy says so. A deadline is not overrun for it.

        Args:
            error: What the stream ends with; it is told of the batch.
            deadline: When the stream has to be over, in monotonic seconds. None: never.
        """
        if self._policy.on_exhausted != "defer" or type(error) is not StreamFailed:
            return
        try:
            from .last_resort import as_last_resort
        except OSError:
            self._notifier.notice("defer_failed", "what makes batches could not be loaded")
            return
        with anyio.CancelScope(deadline=or_never(deadline)) as scope:
            await as_last_resort(error, self._notifier)
        if scope.cancelled_caught:
            self._notifier.notice("defer_failed", "the deadline has passed before the batch was created")
