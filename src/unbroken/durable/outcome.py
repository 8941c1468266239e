"""How a stream has ended, as its log says it, and the errors that a reader makes of that. No text has any content."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import anthropic
import httpx2

from ..core.printable import printable
from ..diagnosis.advice import ADVICE
from ..diagnosis.diagnosis import DiagnosedRequest, Diagnosis, Ending, conclude
from ..diagnosis.postmortem import Told
from ..errors import StreamFailed, StreamTimeout
from ..journal import JournalError, JournalFull
from ..report import Report
from .errors import StreamCancelled
from .fold import Fold

__all__ = ["cancelled", "complete", "ended_with", "failed", "journal_failure", "poisoned", "rewound"]

#: What a reader can be told of a diagnosis: its limits and findings are the writer's own.
_TOLD: Final = ("code", "summary", "next_steps", "request_ids", "requests")


def complete(report: Report) -> dict[str, Any]:
    """The body of `end` for a message that is whole."""
    return {"outcome": "complete", "report": report.to_dict()}


def cancelled(report: Report) -> dict[str, Any]:
    """The body of `end` for a stream that somebody has stopped."""
    return {"outcome": "cancelled", "report": report.to_dict()}


def failed(error: Exception, report: Report) -> dict[str, Any]:
    """The body of `end` for a stream that cannot be finished. What the API itself said may quote the request."""
    diagnosis = _diagnosis(error).to_dict()
    said = str(error) if isinstance(error, StreamFailed) else f"{diagnosis['summary']} ({type(error).__name__})"
    status = getattr(error, "status_code", None)
    return {
        "outcome": "failed",
        "message": said,
        "status_code": status if isinstance(status, int) else None,
        "error_type": printable(getattr(error, "type", None)) or None,
        "diagnosis": {name: diagnosis[name] for name in _TOLD},
        "report": report.to_dict(),
    }


def poisoned(fold: Fold) -> dict[str, Any]:
    """The body of `end` for a stream whose writers were lost one after the other, without a new character."""
    report = fold.report
    report.outcome = "failed"
    return failed(_error("poison", fold), report)


def ended_with(fold: Fold) -> StreamFailed:
    """What a reader raises at the end of a stream that was stopped, or has failed."""
    end = fold.end or {}
    if end.get("outcome") == "cancelled":
        return _failure(StreamCancelled, "The stream was stopped.", fold)
    diagnosis = _diagnosis_of(end.get("diagnosis") or {})
    kind = StreamTimeout if diagnosis is not None and diagnosis.code == "deadline" else StreamFailed
    error = _failure(kind, str(end.get("message") or "The stream could not be finished."), fold)
    error.status_code = end.get("status_code")
    error.type = end.get("error_type")
    if diagnosis is not None:
        vars(error)["_diagnosis"] = diagnosis
    return error


def journal_failure(problem: Exception, fold: Fold) -> StreamFailed:
    """What is raised where the journal cannot be read or written any more, with all that it is known to have."""
    error = _error(_ending(problem), fold, f": {problem}")
    error.__cause__ = problem
    return error


def rewound(fold: Fold) -> StreamFailed:
    """What is raised where the journal has lost what a reader was shown."""
    return _error("rewind", fold)


def _error(ending: Ending, fold: Fold, more: str = "") -> StreamFailed:
    """An error whose diagnosis is not of what requests died of."""
    diagnosis = conclude((), ending=ending)
    error = _failure(StreamFailed, f"{diagnosis.summary.removesuffix('.')}{more}.", fold)
    vars(error)["_diagnosis"] = diagnosis
    return error


def _failure(kind: type[StreamFailed], message: str, fold: Fold) -> StreamFailed:
    request = httpx2.Request("POST", "/v1/messages")
    return kind(message, request=request, partial=fold.partial.copy(), report=fold.report)


def _ending(problem: Exception) -> Ending:
    return "journal_full" if isinstance(problem, JournalFull) else "journal"


def _diagnosis(error: Exception) -> Diagnosis:
    if isinstance(error, StreamFailed):
        return error.diagnosis
    if isinstance(error, JournalError):
        return conclude((), ending=_ending(error))
    told = Told(time.time())
    if isinstance(error, anthropic.AnthropicError | httpx2.TransportError):
        told.add(error)
    return told.conclude()


def _diagnosis_of(told: Mapping[str, Any]) -> Diagnosis | None:
    """The diagnosis that the writer made; None where it is of a version that has others."""
    if told.get("code") not in ADVICE:
        return None
    return Diagnosis(
        code=told["code"],
        summary=told["summary"],
        next_steps=tuple(told["next_steps"]),
        request_ids=tuple(told["request_ids"]),
        requests=tuple(DiagnosedRequest(**request) for request in told["requests"]),
    )
