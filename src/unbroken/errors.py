"""What can be raised.

    anthropic.APIError
     ├── StreamFailed              nothing more can be done; has the partial, the report and every attempt's error
     │    └── StreamTimeout        the deadline passed (also a TimeoutError)
     ├── anthropic.APIConnectionError
     │    ├── StreamTruncated      one attempt: the body ended before the message did
     │    └── StreamStalled        one attempt: bytes or content stopped coming

The last two are what single attempts died of; a caller meets them as the `__cause__` of a `StreamFailed`, or in its
`last`. Before any content, what the API will never accept is raised as the SDK's own exception, unchanged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anthropic

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx2

    from .core.partial import Partial
    from .report import Report

__all__ = ["StreamFailed", "StreamStalled", "StreamTimeout", "StreamTruncated"]


class StreamFailed(anthropic.APIError):
    """The stream could not be finished, by any route that the policy allows.

    Its `__cause__` is an `ExceptionGroup` of every attempt's error, in order.

    Attributes:
        partial: The message so far: all that was delivered.
        report: Every attempt.
        last: The error of the last attempt; None where none failed (a deadline can pass in the first).
        status_code: Of `last`; None where it has none (no response came). 200 where the error came inside a stream:
            look at `type`.
        type: The API's `error.type` of `last`; None where it has none.
        request_id: Of `last`, else of the last attempt; None where no response came.
    """

    partial: Partial
    report: Report
    last: anthropic.APIError | None
    status_code: int | None
    type: str | None
    request_id: str | None
    __cause__: BaseException | None

    def __init__(
        self,
        message: str,
        *,
        request: httpx2.Request,
        partial: Partial,
        report: Report,
        errors: Sequence[Exception] = (),
    ) -> None:
        last = next((e for e in reversed(errors) if isinstance(e, anthropic.APIError)), None)
        super().__init__(message, request, body=getattr(last, "body", None))
        self.partial = partial
        self.report = report
        self.last = last
        self.status_code = getattr(last, "status_code", None)
        self.type = getattr(last, "type", None)
        attempt = report.attempts[-1] if report.attempts else None
        self.request_id = getattr(last, "request_id", None) or (attempt.request_id if attempt else None)
        if errors:
            self.__cause__ = ExceptionGroup("every attempt failed", list(errors))

    def __reduce__(self) -> tuple[object, ...]:
        # Without calling `__init__`, whose arguments are not `args`. The cause is not pickled, as ever, nor is
        # `last`: the errors of older SDKs cannot be read back.
        return _revive, (type(self), self.args), {**self.__dict__, "last": None}


def _revive(kind: type[StreamFailed], args: tuple[object, ...]) -> StreamFailed:
    error = kind.__new__(kind, *args)
    error.args = args
    return error


class StreamTimeout(StreamFailed, TimeoutError):
    """The policy's `deadline` passed."""


class StreamTruncated(anthropic.APIConnectionError):
    """The body of a response ended before its message did; the bare SDK reports that as success.

    Attributes:
        request_id: Of the response that was cut; None where it had none.
    """

    def __init__(self, message: str, *, request: httpx2.Request, request_id: str | None = None) -> None:
        super().__init__(message=message, request=request)
        self.request_id = request_id


class StreamStalled(anthropic.APIConnectionError):
    """A response went quiet, or kept sending pings and no content, for longer than the policy allows.

    Attributes:
        request_id: Of the response that stalled; None where no headers came.
    """

    def __init__(self, message: str, *, request: httpx2.Request, request_id: str | None = None) -> None:
        super().__init__(message=message, request=request)
        self.request_id = request_id
