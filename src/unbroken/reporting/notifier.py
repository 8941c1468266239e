"""Tells what happens on the way: notices for the report, for the caller and for the `unbroken` logger."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import anyio

from ..core.classification import words
from ..core.failure import Failure, Kind
from ..core.models.corrections import subject
from ..core.plan.steps import Ask
from ..logs import log
from ..report import AttemptReport, Notice, Report
from ..routes import Route
from .telemetry import Telemetry

if TYPE_CHECKING:
    from ..health.incidents import Incident

__all__ = ["Notifier", "check_listener"]


def check_listener(on_notice: object) -> None:
    """Raise `TypeError` for what cannot be called with a notice, or would have to be awaited."""
    if on_notice is None:
        return
    if not callable(on_notice):
        raise TypeError(f"on_notice must be a function, not {type(on_notice).__name__}")
    function = on_notice.func if isinstance(on_notice, partial) else on_notice
    if any(map(inspect.iscoroutinefunction, (function, getattr(function, "__call__", None)))):  # noqa: B004
        raise TypeError("on_notice must be a plain function, and not a coroutine function: nobody would await it")


class Notifier:
    """Tells of one stream.

    Args:
        report: Its notices are added to, and its attempts say which one a notice is about.
        started: When the stream was entered, in monotonic seconds.
        on_notice: The caller's function; what it raises is logged. None: nobody listens.
        telemetry: What OpenTelemetry is told of the stream. None: nobody listens.
    """

    def __init__(
        self,
        report: Report,
        started: float,
        on_notice: Callable[[Notice], object] | None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._report = report
        self._started = started
        self._on_notice = on_notice
        self._telemetry = telemetry

    def notice(self, code: str, message: str, about: AttemptReport | None = None) -> None:
        """Tell of one thing, about an attempt; None: the one that was made last."""
        attempts = self._report.attempts
        last = about or (attempts[-1] if attempts else None)
        notice = Notice(
            code=code,
            message=message,
            attempt=last.number if last else 0,
            model=last.model if last else "",
            request_id=last.request_id if last else None,
            at=anyio.current_time() - self._started,
        )
        self._report.notices.append(notice)
        log(
            logging.INFO,
            "%s: %s (attempt %s, %s, request id %s)",
            notice.code,
            notice.message,
            notice.attempt,
            notice.model,
            notice.request_id,
        )
        if self._telemetry is not None:
            self._telemetry.notice(notice)
        if self._on_notice is None:
            return
        try:
            said = self._on_notice(notice)
        except Exception:
            log(logging.ERROR, "on_notice raised; the stream goes on", exc_info=True)
            return
        if inspect.iscoroutine(said):
            # A function that gives one is not known by its looks, as a coroutine function is.
            said.close()
            log(logging.ERROR, "on_notice gave a coroutine, which nobody awaits; it has to be a plain function")

    def hedge(self, model: str, delay: float, failure: Failure | None) -> None:
        """Tell that a race goes on with one more model.

        Args:
            model: The model.
            delay: Seconds in which those before it have shown no content.
            failure: What one of them died of, which is why the model is asked now. None: they are waited for.
        """
        if failure is not None:
            self.notice("failover", f"{failure.kind}: going on with {model}")
        elif delay:
            self.notice("hedge", f"no content for {delay:.3g} s: asking {model} as well")
        else:
            self.notice("hedge", f"asking {model} at the same time")

    def won(self, winner: AttemptReport) -> None:
        """Tell who was first in a race."""
        self.notice("won", f"{winner.model} was the first to deliver content", winner)

    def not_ready(self, model: str, other: str, cool_for: float) -> None:
        """Tell that a model is left alone for now.

        Args:
            model: The model.
            other: Which one is asked instead; the same one when it is waited for.
            cool_for: Seconds that its rate limit has to cool down; 0: it is its circuit breaker that is open.
        """
        instead = f"going on with {other}" if other != model else "waiting for it"
        if cool_for:
            self.notice("cool_down", f"{model} is rate limited for {cool_for:.3g} s; {instead}")
        else:
            self.notice("circuit_open", f"the circuit breaker of {model} is open; {instead}")

    def limit_reduced(self, failure: Failure, before: int, after: int) -> None:
        """Tell that fewer requests go out at a time from now on, of all streams that share `Health`.

        Args:
            failure: The refusal that said so.
            before: How many were out at most.
            after: How many will be.
        """
        requests = "request" if after == 1 else "requests"
        self.notice("limit_reduced", f"{failure.kind}: going on with {after} {requests} at a time instead of {before}")

    def incident(self, model: str, incident: Incident) -> None:
        """Tell that the status page declares an incident on a model that is about to be asked."""
        self.notice("incident", f"the status page declares a {incident.impact} incident on {model}: {incident.name}")

    def recovery(self, failure: Failure, before: Ask, step: Ask, routes: Sequence[Route], *, cut: bool) -> None:
        """Tell that an attempt died, and what is done about it.

        Args:
            failure: What it died of.
            before: The attempt that died.
            step: What is done next.
            routes: The routes, in rank order.
            cut: Whether it had brought something.
        """
        model = routes[step.route].model
        soon = f" in {step.wait:.1f} s" if step.wait >= 0.05 else ""
        if failure.kind is Kind.PREFILL_UNSUPPORTED and before.form == "prefill":
            self.notice("prefill_unsupported", "the model accepts no prefill; asking it to continue instead")
        elif failure.kind in (Kind.SEAM_UNMATCHED, Kind.NOTHING_ADDED):
            does = "adds nothing to" if failure.kind is Kind.NOTHING_ADDED else "matches nothing of"
            self.notice("seam_retry", f"the continuation {does} what was delivered; asking {model} for it again")
            if step.route == before.route:
                return
        elif failure.kind is Kind.INVALID_REQUEST and (before.route, before.form) == (step.route, step.form):
            why = subject(words(failure.error)) or "one of its parameters"  # its own words may quote the conversation
            self.notice("request_adapted", f"{model} rejected the request for {why}; asking it again, as it takes it")
            return
        elif cut:
            self.notice("cut", f"the stream was cut: {failure.kind}")
        if step.route != before.route:
            self.notice("failover", f"{failure.kind}: going on with {model}{soon}")
        if step.form != "request":
            self.notice("resume", f"{failure.kind}: asking {model} for the rest{soon} ({step.form})")
        elif step.route == before.route:
            self.notice("retry", f"{failure.kind}: asking {model} again{soon}")
