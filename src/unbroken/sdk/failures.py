"""What one streaming request dies of, as a failure with the SDK's exception for it, or ours where it has none."""

from __future__ import annotations

import time

import anthropic
import httpx2

from ..core.classification import classify
from ..core.failure import Failure, Kind, of_kind
from ..core.wire.decoded import Malformed
from ..core.wire.request_ids import request_id
from .exceptions import StreamStalled, StreamTruncated

__all__ = ["error_event", "lost_connection", "malformed", "refused", "stalled", "too_large", "truncated"]


def refused(error: anthropic.APIStatusError) -> Failure:
    """The API has answered with an HTTP error."""
    # The SDK looks for the first-party API's header alone.
    error.request_id = error.request_id or request_id(error.response.headers, error.body)
    return classify(error, status=error.status_code, body=error.body, headers=error.response.headers, now=time.time())


def error_event(response: httpx2.Response, body: object) -> Failure:
    """An `error` event has come, inside a response with status 200; `body` is what it says, decoded."""
    # As the SDK does it: the 200's own class, with the type in `.type`.
    error = anthropic.APIStatusError(f"{body}" or "Error code: 200", response=response, body=body)
    error.request_id = request_id(response.headers, body)
    return classify(error, status=200, body=body, headers=response.headers, now=time.time())


def malformed(response: httpx2.Response, cause: Exception) -> Failure:
    """The stream cannot be read, because of `cause`."""
    why = str(cause) if isinstance(cause, Malformed) else type(cause).__name__
    error = anthropic.APIResponseValidationError(
        response, None, message=f"The stream held an event that cannot be read: {why}."
    )
    error.__cause__ = cause
    return of_kind(Kind.MALFORMED, error, status=200, mark=type(cause).__name__)


def too_large(response: httpx2.Response, limit: int) -> Failure:
    """The body is longer than `limit`, in bytes."""
    what = f"The answer was larger than {limit // 2**20} MiB."
    error = anthropic.APIResponseValidationError(response, None, message=what)
    return of_kind(Kind.MALFORMED, error, status=200, mark="too large")


def truncated(response: httpx2.Response) -> Failure:
    """The body has ended, and the message has not."""
    error = StreamTruncated(
        "The response ended before the message did.",
        request=response.request,
        request_id=request_id(response.headers),
    )
    return of_kind(Kind.TRUNCATED, error, status=200, clean_end=True)


def lost_connection(response: httpx2.Response, cause: Exception) -> Failure:
    """The transport has raised `cause` while the body was being read: whatever it is, that is the peer's doing."""
    broken = anthropic.APIConnectionError(
        message=f"The connection broke while the answer was being read: {type(cause).__name__}.",
        request=response.request,
    )
    broken.__cause__ = cause
    return of_kind(Kind.CONNECTION, broken, status=200)


def stalled(
    response: httpx2.Response | None, what: str, *, kind: Kind = Kind.STALLED, cause: Exception | None = None
) -> Failure:
    """Too little has come for too long.

    Args:
        response: None where not even the headers have come.
        what: What did not come and for how long, in a clause.
        kind: `STALLED`, or `SLOW` where something has come.
        cause: What the transport has raised; None where nothing was raised.
    """
    request = httpx2.Request("POST", "/v1/messages") if response is None else response.request
    id_ = None if response is None else request_id(response.headers)
    error = StreamStalled(f"The stream stalled: {what}.", request=request, request_id=id_)
    error.__cause__ = cause
    return of_kind(kind, error, status=None if response is None else 200)
