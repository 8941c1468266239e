"""What came of a batched request -> one whole message, or the error that says why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import anthropic
import anyio
import httpx2

from ..core.deferral import Joined, Rest, events_of, is_whole
from ..core.failure import Kind
from ..core.models import ModelInfo
from ..errors import BatchCanceled, BatchErrored, BatchExpired, BatchFailed
from ..report import Report
from .batches import Answered
from .bookkeeping import Book
from .documents import validator
from .teller import Teller
from .typed import Api, TypedEvents, without_abandoned

__all__ = ["Asked", "failed", "settled"]

#: What errors and answers are said to belong to: no single HTTP request stands for a batch.
_REQUEST: Final = httpx2.Request("GET", "/v1/messages/batches")

_ENDINGS: Final[dict[str, tuple[type[BatchFailed], str]]] = {
    "errored": (BatchErrored, "the API could not answer the request"),
    "expired": (BatchExpired, "the request was not answered within the time that a batch has"),
    "canceled": (BatchCanceled, "the batch was cancelled before the request was answered"),
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


def settled(asked: Asked, answered: Answered) -> tuple[Any, Report]:
    """The whole message, as the SDK's `ParsedMessage`, and how it was made.

    Raises:
        BatchFailed: There is none.
        ValueError: Its text is none of the `output_format` (the SDK's own error).
    """
    result = answered.result
    if result is None:
        gone = answered.batch.archived_at is not None
        raise failed(asked, "its results are gone" if gone else "its results cannot be read")
    kind = str(result.get("type"))
    if kind != "succeeded":
        raise _not_answered(asked, kind, result)
    message: Mapping[str, Any] = result.get("message") or {}
    if not is_whole(message):
        error = failed(asked, "the answer holds what cannot be read", outcome=str(Kind.MALFORMED))
        error.answer = dict(message) if isinstance(message, dict) and message else None
        raise error
    format_ = {"format": asked.rest.demanded}
    joined = asked.rest.join(message, validator({"output_format": asked.output_format, "output_config": format_}))
    why, outcome = _TROUBLES[joined.trouble] if joined.trouble is not None else ("", "complete")
    report = _booked(asked, answered, joined, outcome)
    if why:
        error = failed(replace(asked, report=report), why)
        error.answer = dict(message)
        raise error
    return _typed(asked, joined), report


def failed(
    asked: Asked, why: str, kind: type[BatchFailed] = BatchFailed, *, errors: Sequence[Exception] = (), **entry: Any
) -> BatchFailed:
    """The error that says why there is no message.

    Args:
        asked: The request.
        why: One clause.
        kind: The error's class.
        errors: What the API said.
        **entry: What the report says of the request from now on.
    """
    report = Report.from_dict(asked.report.to_dict())
    report.outcome = "failed"
    report.attempts[-1] = replace(report.attempts[-1], **entry)
    held = asked.rest.held
    before = f" {len(held.text)} characters of text had arrived before." if held.text else ""
    return kind(
        f"The message batch {asked.batch_id} has brought no whole message: {why}.{before}",
        request=_REQUEST,
        partial=held.copy(),
        report=report,
        errors=errors,
    )


def _not_answered(asked: Asked, outcome: str, result: Mapping[str, Any]) -> BatchFailed:
    kind, why = _ENDINGS.get(outcome, (BatchFailed, f"its result is of a kind that is not known: {outcome}"))
    if kind is not BatchErrored:
        return failed(asked, why, kind, outcome=outcome)
    body = result.get("error")
    details = body.get("error") if isinstance(body, Mapping) else None
    said: Mapping[str, Any] = details if isinstance(details, Mapping) else {}
    request_id = body.get("request_id") if isinstance(body, Mapping) else None
    last = anthropic.APIError(str(said.get("message") or why), _REQUEST, body=body)
    error = failed(
        asked,
        f"{why} ({said.get('type') or 'no type'}; request id {request_id or 'none'})",
        kind,
        errors=[last],
        outcome=outcome,
        error_type=said.get("type"),
        request_id=request_id or asked.report.attempts[-1].request_id,
    )
    error.type = said.get("type")
    return error


def _booked(asked: Asked, answered: Answered, joined: Joined, outcome: str) -> Report:
    """The report, with what the answer cost and brought."""
    report = Report.from_dict(asked.report.to_dict())
    before = report.attempts.pop()
    report.notices = [notice for notice in report.notices if notice.attempt != before.number]
    started = anyio.current_time() - before.started
    book = Book(
        report,
        started,
        route=before.route,
        model=before.model,
        info=ModelInfo(name=before.model),
        form=before.form,
        waited=before.waited,
    )
    book.headers(answered.request_id or before.request_id, 200, joined.seam)
    for event in events_of(answered.result["message"] if answered.result else {}):
        book.note(event)
    book.deliver(joined.delivered)
    book.end(outcome)
    # It is not known when it was written, but how long it took in all.
    took = _seconds(asked, answered)
    entry = replace(book.entry, batch=True, started=before.started, headers=None, first_content=None, ended=took)
    report.attempts[-1] = entry
    report.outcome = "complete"
    report.duration = None if took is None else before.started + took
    teller = Teller(report, started, None)
    if entry.seam == "unverified":
        teller.notice("seam_unverified", "the answer matches nothing that was delivered; joined as it is")
    for type_ in joined.abandoned:
        teller.notice("block_abandoned", f"an unfinished {type_} block was given up")
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
    types = TypedEvents(asked.api, given, joined.held, lambda: response)
    try:
        return without_abandoned(types.snapshot, joined.held)
    finally:
        types.close()
