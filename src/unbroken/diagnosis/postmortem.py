"""What requests died of: exceptions and reports -> what went wrong, whose problem it is, and what to do next.

What exceptions and reports hold is gathered here (`evidence.py`); what follows from it is in `diagnosis/diagnosis.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ..core.classification import retry_after_seconds, words
from ..core.failure import Kind
from ..core.wire.rate_limits import RateLimit, rate_limits
from .codes import about, code_of
from .diagnosis import DiagnosedRequest, Diagnosis, Ending, conclude
from .evidence import connection_code, date_of, failure_of, headers_of, iso, media_type, request_id_of, what_was_sent

if TYPE_CHECKING:
    from ..preflight import Finding
    from ..report import AttemptReport, Report

__all__ = ["Told", "diagnose_stream", "leaves", "others_answered", "rank_that_failed", "with_findings"]

_KINDS: Final = frozenset(str(kind) for kind in Kind)
#: The outcome of a request in a batch that the API could not answer.
_ERRORED: Final = "errored"

#: What the request itself may be at fault in: preflight looks through it.
_OF_THE_REQUEST: Final = frozenset(
    {
        *("invalid_request", "prefill_unsupported", "too_large", "context_exceeded"),
        *("server_error", "server_error_intermittent", "likely_payload"),
    }
)


def diagnose_stream(
    report: Report,
    errors: Sequence[Exception],
    *,
    ending: Ending,
    ended_at: float | None = None,
    others_answered: bool | None = None,
    findings: Sequence[Finding] = (),
) -> Diagnosis:
    """The diagnosis of a stream that failed.

    Args:
        report: Every attempt.
        errors: What those that failed died of, in the order in which they did; empty where nobody knows any more.
        ending: What it died of, if not of its attempts.
        ended_at: When the stream ended, in Unix time. None: that is not known.
        others_answered: As the function of that name says.
        findings: What preflight found.
    """
    told = Told(time.time())
    died = sorted((attempt for attempt in report.attempts if attempt.outcome in (*_KINDS, _ERRORED)), key=_ended)
    # Of a stream that went on as a batch, only the last is there.
    causes = {attempt.number: error for attempt, error in zip(reversed(died), reversed(errors), strict=False)}
    entered_at = None if ended_at is None or report.duration is None else ended_at - report.duration
    for attempt in report.attempts:
        sent_at = None if entered_at is None else entered_at + attempt.started
        told.add_attempt(attempt, causes.get(attempt.number), sent_at)
    if not report.attempts:
        for error in errors:
            told.add(error)
    nothing_asked = ending == "closed" and not told.requests
    return told.conclude(findings, ending="not_asked" if nothing_asked else ending, others_answered=others_answered)


def others_answered(report: Report, snapshot: Mapping[str, Any]) -> bool | None:
    """Whether the models that a stream asked have answered most of what other streams asked them meanwhile.

    Args:
        report: Of a stream to which they brought nothing.
        snapshot: `Health.snapshot()`, of now.

    Returns:
        None: they were asked nothing else, or it was too long ago.
    """
    own = [attempt.model for attempt in report.attempts if attempt.outcome in _KINDS]
    routes = [route for route in snapshot["routes"] if route["model"] in own]
    others = sum(route["requests"] for route in routes) - len(own)
    failed = sum(route["failures"] for route in routes) - len(own)
    return None if others <= 0 else bool(failed < others / 2)


def rank_that_failed(report: Report) -> int:
    """The rank of the first route that failed; 0 where none did."""
    return next((attempt.route for attempt in report.attempts if attempt.outcome in _KINDS), 0)


# -- what there is to be known of each request


class Told:
    """What has been told of some requests, one after another.

    Args:
        now: Unix time in seconds.

    Attributes:
        requests: Each of them.
    """

    def __init__(self, now: float) -> None:
        self.requests: list[DiagnosedRequest] = []
        self._now = now
        self._died: list[DiagnosedRequest] | None = None
        self._limits: tuple[RateLimit, ...] = ()
        self._retry_after: float | None = None
        self._about: dict[str, str] = {}

    def add(self, error: Exception) -> None:
        """An error of the SDK's own, or of its transport's."""
        failure = failure_of(error, self._now)
        code = self._note(failure.kind, error, failure.status)
        model = what_was_sent(error).get("model")
        request = DiagnosedRequest(
            code=code,
            model=model if isinstance(model, str) else None,
            status=failure.status,
            type=failure.type,
            request_id=request_id_of(error),
            date=date_of(error),
        )
        self.requests.append(request)
        if self._died is not None:
            self._died.append(request)

    def add_attempt(self, attempt: AttemptReport, error: Exception | None, sent_at: float | None) -> None:
        """An attempt of a stream, what it died of, and when it was sent in Unix time, where those are known."""
        code = attempt.outcome
        if code == _ERRORED and error is not None:
            code = failure_of(error, self._now).kind
        if code in _KINDS:
            code = self._note(code, error, attempt.status)
        date = None if error is None else date_of(error)
        if date is None and sent_at is not None:
            date = iso(datetime.fromtimestamp(sent_at, UTC))
        self.requests.append(
            DiagnosedRequest(
                code=code,
                model=attempt.model,
                status=attempt.status,
                type=attempt.error_type,
                request_id=attempt.request_id,
                date=date,
                delivered=attempt.delivered > 0,
            )
        )

    def add_stream(self, found: Diagnosis, status: int | None) -> None:
        """One of several streams that failed: each counts once, whatever it has survived.

        Args:
            found: What it died of.
            status: The HTTP status of its last error; None where it had none.
        """
        if self._died is None:
            self._died = list(self.requests)
        model = next((request.model for request in found.requests if request.code == found.code), None)
        self._died.append(DiagnosedRequest(found.code, model, status))
        self.requests.extend(found.requests)
        self._limits = found.limits or self._limits
        self._retry_after = found.retry_after or self._retry_after

    def _note(self, kind: str, error: Exception | None, status: int | None) -> str:
        """Note what an error tells of its kind; its code."""
        if error is None:
            return code_of(kind, status=status, body=None, message="")
        headers, message = headers_of(error), words(error)
        if status is not None and status >= 400:
            self._retry_after = retry_after_seconds(headers, self._now)
        if kind == Kind.RATE_LIMITED:
            self._limits = rate_limits(headers, self._now) or self._limits
        if kind == Kind.NOT_SENT:
            self._about[kind] = f": {type(error.__cause__ or error).__name__}"
        if kind == Kind.NOT_A_STREAM:
            self._about[kind] = f", but {media_type(headers)}"
        if kind in (Kind.CONNECTION, Kind.STALLED, Kind.NO_RESOURCES, Kind.NOT_SENT):
            return connection_code(error) or kind
        code = code_of(kind, status=status, body=getattr(error, "body", None), message=message)
        if said := about(code, message):
            self._about[code] = said
        return code

    def conclude(
        self,
        findings: Sequence[Finding] = (),
        *,
        ending: Ending = "closed",
        others_answered: bool | None = None,
    ) -> Diagnosis:
        """The diagnosis."""
        return conclude(
            self.requests,
            died=self._died,
            ending=ending,
            limits=self._limits,
            retry_after=self._retry_after,
            findings=findings,
            others_answered=others_answered,
            about=self._about,
        )


def _ended(attempt: AttemptReport) -> float:
    return attempt.started + (attempt.ended or 0.0)


def leaves(error: Exception) -> Iterator[Exception]:
    """The exceptions of a group, of those in it too, in order; of another one, itself."""
    if isinstance(error, ExceptionGroup):
        for each in error.exceptions:
            yield from leaves(each)
    else:
        yield error


def with_findings(conclude: Callable[[Sequence[Finding]], Diagnosis], params: Mapping[str, Any]) -> Diagnosis:
    """A diagnosis; with what preflight finds, if there is a request, and it may be at fault.

    Args:
        conclude: Makes it, given what preflight has found.
        params: The arguments of the request; empty where they are not there any more.
    """
    found = conclude(())
    if not params or found.code not in _OF_THE_REQUEST:
        return found
    from ..preflight import check

    return conclude(check(params))
