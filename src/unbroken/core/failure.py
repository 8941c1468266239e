"""What went wrong with one attempt, as a value.

A failure says two things to the plan (`plan/plan.py`): of which `Kind` it is, which the report shows, and its
`Verdict`, by which the plan goes. What a server said is made one in `classification.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["VERDICTS", "Failure", "Kind", "Verdict", "of_kind"]


class Kind(StrEnum):
    """What happened; the value is the `outcome` that the report shows."""

    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    RATE_LIMITED = "rate_limited"
    SPEND_LIMIT = "spend_limit"
    TIMED_OUT = "timed_out"
    CONFLICT = "conflict"
    CONNECTION = "connection"
    STALLED = "stalled"
    SLOW = "slow"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    NOT_A_STREAM = "not_a_stream"
    NO_RESOURCES = "no_resources"
    NOT_SENT = "not_sent"
    AUTHENTICATION = "authentication"
    BILLING = "billing"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    INVALID_REQUEST = "invalid_request"
    PREFILL_UNSUPPORTED = "prefill_unsupported"
    SEAM_UNMATCHED = "seam_unmatched"
    NOTHING_ADDED = "nothing_added"
    REFUSED = "refused"
    INVALID_DOCUMENT = "invalid_document"


class Verdict(StrEnum):
    """What may be done about it."""

    RETRY = "retry"
    """The same request may succeed later, here or elsewhere."""
    ELSEWHERE = "elsewhere"
    """This model will never answer this request; another may."""
    CLIENT = "client"
    """No route of this client will answer: its key, its account or its budget is at fault."""
    REJECTED = "rejected"
    """The request itself is at fault."""


#: What may be done about each kind, where the server says nothing else.
VERDICTS: Final = {
    Kind.OVERLOADED: Verdict.RETRY,
    Kind.SERVER_ERROR: Verdict.RETRY,
    Kind.RATE_LIMITED: Verdict.RETRY,
    Kind.SPEND_LIMIT: Verdict.CLIENT,
    Kind.TIMED_OUT: Verdict.RETRY,
    Kind.CONFLICT: Verdict.RETRY,
    Kind.CONNECTION: Verdict.RETRY,
    Kind.STALLED: Verdict.RETRY,
    Kind.SLOW: Verdict.RETRY,
    Kind.TRUNCATED: Verdict.RETRY,
    Kind.MALFORMED: Verdict.RETRY,
    # A gateway may answer so while it restarts; `Failure.mark` sees to it that its route is not asked a third time.
    Kind.NOT_A_STREAM: Verdict.RETRY,
    Kind.NO_RESOURCES: Verdict.RETRY,
    Kind.NOT_SENT: Verdict.CLIENT,
    Kind.AUTHENTICATION: Verdict.CLIENT,
    Kind.BILLING: Verdict.CLIENT,
    Kind.PERMISSION: Verdict.CLIENT,
    Kind.NOT_FOUND: Verdict.ELSEWHERE,
    Kind.INVALID_REQUEST: Verdict.REJECTED,
    Kind.PREFILL_UNSUPPORTED: Verdict.REJECTED,
    Kind.SEAM_UNMATCHED: Verdict.RETRY,
    Kind.NOTHING_ADDED: Verdict.RETRY,
    Kind.REFUSED: Verdict.ELSEWHERE,
    # The form in which it was asked for is at fault.
    Kind.INVALID_DOCUMENT: Verdict.REJECTED,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one attempt ended without the whole message.

    Attributes:
        kind: What happened.
        verdict: What may be done about it.
        error: The exception that stands for it, an `anthropic.APIError`; what a client raises that cannot even send a
            request (`not_sent`) is as it was.
        status: The HTTP status of the response; None when there was none. 200 for what went wrong inside a stream.
        type: The API's `error.type`, or the name of Amazon's exception, printable; None when it gave none.
        retry_after: Seconds that the server asked to wait; None when it did not say.
        clean_end: Whether the body simply ended, with no error at all.
        mark: What was wrong with an answer that was no answer, and where: a route that gives the same one twice in a
            row is not asked again. None: asking again may help.
    """

    kind: Kind
    verdict: Verdict
    error: Exception
    status: int | None = None
    type: str | None = None
    retry_after: float | None = None
    clean_end: bool = False
    mark: str | None = None


def of_kind(
    kind: Kind, error: Exception, *, status: int | None = None, clean_end: bool = False, mark: str | None = None
) -> Failure:
    """A failure that the server said nothing about: a connection that broke, a stream that stalled or ended."""
    return Failure(kind, VERDICTS[kind], error, status=status, clean_end=clean_end, mark=mark)
