"""What came of a batched request -> one whole message, or why there is none: values, of which nothing is raised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

import anthropic
import anyio
import httpx2

from ..core.failure import Kind
from ..core.message.partial import Partial
from ..core.models.table import ModelInfo
from ..core.printable import printable
from ..report import Report
from ..reporting.attempt_recorder import AttemptRecorder
from ..reporting.notifier import Notifier
from ..sdk.documents import validator
from ..sdk.typed_events import Api, TypedEvents, without_abandoned
from .calls import Answered
from .request import Joined, Rest, events_of, is_whole

__all__ = ["Asked", "Unresolved", "late", "resolve"]

#: How a request in a batch ends without a message.
Ending: TypeAlias = Literal["failed", "errored", "expired", "canceled", "late"]

#: What errors and answers are said to belong to: no single HTTP request stands for a batch.
_REQUEST: Final = httpx2.Request("GET", "/v1/messages/batches")

_ENDINGS: Final[dict[str, tuple[Ending, str]]] = {
    "errored": ("errored", "the API could not answer the request"),
    "expired": ("expired", "the request was not answered within the time that a batch has"),
    "canceled": ("canceled", "the batch was cancelled before the request was answered"),
}

#: Why an answer could not be joined, and what the report calls that.
_TROUBLES: Final = {
    "refused": ("the model refused to go on", Kind.REFUSED),
    "unmatched": ("the answer does not join what was delivered", Kind.SEAM_UNMATCHED),
    "silent": ("what was delivered looks unfinished, and the answer adds nothing to it", Kind.NOTHING_ADDED),
    "invalid": ("the answer does not make the document that was asked for", Kind.INVALID_DOCUMENT),
    "malformed": ("the answer holds what cannot be read", Kind.MALFORMED),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request in a batch.

    Attributes:
        batch_id: The batch.
        api: Whose types its answer has.
        created_at: When the batch was created.
        rest: How its answer is joined.
        report: The attempts of the stream, and this request as the last one.
        output_format: The type that text is parsed into; None for none.
    """

    batch_id: str
    api: Api
    created_at: datetime
    rest: Rest
    report: Report
    output_format: Any


@dataclass(frozen=True, slots=True)
class Unresolved:
    """There is no whole message.

    Attributes:
        batch_id: The batch.
        why: One clause.
        ending: How it ended.
        partial: What was delivered before: a copy.
        report: The attempts of the stream, and what is known of this request.
        answer: What came and could not be joined, as the API has a message; None where nothing came.
        errors: What the API said.
        type: The API's `error.type`, as it came.
    """

    batch_id: str
    why: str
    ending: Ending
    partial: Partial
    report: Report
    answer: dict[str, Any] | None = None
    errors: Sequence[Exception] = ()
    type: Any = None

    def __str__(self) -> str:
        before = f" {len(self.partial.text)} characters of text had arrived before." if self.partial.text else ""
        return f"The message batch {self.batch_id} has brought no whole message: {self.why}.{before}"


def resolve(asked: Asked, answered: Answered) -> tuple[Any, Report] | Unresolved:
    """The whole message, as the SDK's `ParsedMessage`, and how it was made; or why there is none.

    Raises:
        ValueError: Its text is none of the `output_format` (the SDK's own error).
    """
    result = answered.result
    if result is None:
        gone = answered.batch.archived_at is not None
        return _unresolved(asked, "its results are gone" if gone else "its results cannot be read")
    kind = str(result.get("type"))
    if kind != "succeeded":
        return _not_answered(asked, kind, result)
    message: Mapping[str, Any] = result.get("message") or {}
    if not is_whole(message):
        answer = dict(message) if isinstance(message, dict) and message else None
        return _unresolved(asked, "the answer holds what cannot be read", answer=answer, outcome=str(Kind.MALFORMED))
    format_ = {"format": asked.rest.demanded}
    joined = asked.rest.join(message, validator({"output_format": asked.output_format, "output_config": format_}))
    why, outcome = _TROUBLES[joined.trouble] if joined.trouble is not None else ("", "complete")
    report = _recorded(asked, answered, joined, outcome)
    if why:
        return _unresolved(replace(asked, report=report), why, answer=dict(message))
    return _typed(asked, joined), report


def late(asked: Asked, seconds: float) -> Unresolved:
    """It has not ended within so many seconds."""
    return _unresolved(asked, f"it has not ended within {seconds:g} s, and can be asked again", "late")


def _unresolved(
    asked: Asked, why: str, ending: Ending = "failed", *, answer: dict[str, Any] | None = None, **entry: Any
) -> Unresolved:
    """Why there is no message; `entry` is what the report says of the request from now on."""
    report = Report.from_dict(asked.report.to_dict())
    report.outcome = "failed"
    report.attempts[-1] = replace(report.attempts[-1], **entry)
    return Unresolved(asked.batch_id, why, ending, asked.rest.partial.copy(), report, answer)


def _not_answered(asked: Asked, outcome: str, result: Mapping[str, Any]) -> Unresolved:
    outcome = printable(outcome)
    ending, why = _ENDINGS.get(outcome, ("failed", f"its result is of a kind that is not known: {outcome}"))
    if ending != "errored":
        return _unresolved(asked, why, ending, outcome=outcome)
    body = result.get("error")
    details = body.get("error") if isinstance(body, Mapping) else None
    said: Mapping[str, Any] = details if isinstance(details, Mapping) else {}
    type_ = printable(said.get("type")) or None
    request_id = printable(body.get("request_id")) or None if isinstance(body, Mapping) else None
    found = _unresolved(
        asked,
        f"{why} ({type_ or 'no type'}; request id {request_id or 'none'})",
        ending,
        outcome=outcome,
        error_type=type_,
        request_id=request_id or asked.report.attempts[-1].request_id,
    )
    last = anthropic.APIError(str(said.get("message") or why), _REQUEST, body=body)
    return replace(found, errors=(last,), type=said.get("type"))  # as the SDK has it


def _recorded(asked: Asked, answered: Answered, joined: Joined, outcome: str) -> Report:
    """The report, with what the answer cost and brought."""
    report = Report.from_dict(asked.report.to_dict())
    before = report.attempts.pop()
    report.notices = [notice for notice in report.notices if notice.attempt != before.number]
    started = anyio.current_time() - before.started
    recorder = AttemptRecorder(
        report,
        started,
        route=before.route,
        model=before.model,
        info=ModelInfo(name=before.model),
        form=before.form,
        waited=before.waited,
    )
    recorder.headers(answered.request_id or before.request_id, 200, joined.seam)
    recorder.receive(events_of(answered.result["message"] if answered.result else {}))
    recorder.deliver(joined.delivered)
    recorder.end(outcome)
    # It is not known when it was written, but how long it took in all.
    took = _seconds(asked, answered)
    entry = replace(recorder.entry, batch=True, started=before.started, headers=None, first_content=None, ended=took)
    report.attempts[-1] = entry
    report.outcome = "complete"
    report.duration = None if took is None else before.started + took
    notifier = Notifier(report, started, None)
    if entry.seam == "unverified":
        notifier.notice("seam_unverified", "the answer matches nothing that was delivered; joined as it is")
    for type_ in joined.abandoned:
        notifier.notice("block_abandoned", f"an unfinished {type_} block was given up")
    return report


def _seconds(asked: Asked, answered: Answered) -> float | None:
    ended: Any = answered.batch.ended_at
    try:
        took: timedelta = ended - asked.created_at
    except TypeError:  # None, or no date that can be compared: the SDK takes anything for one
        return None
    return max(0.0, took.total_seconds())


def _typed(asked: Asked, joined: Joined) -> Any:
    """The message as the SDK's accumulator makes it of its events."""
    response = httpx2.Response(200, request=_REQUEST)  # the beta's looks at its request's headers
    given = anthropic.not_given if asked.output_format is None else asked.output_format
    types = TypedEvents(asked.api, given, joined.partial, lambda: response)
    try:
        return without_abandoned(types.snapshot, joined.partial)
    finally:
        types.close()
