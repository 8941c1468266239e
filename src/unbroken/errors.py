"""What can be raised.

    anthropic.APIError
     ├── StreamFailed              nothing more can be done; has the partial, the report and every attempt's error
     │    ├── StreamTimeout        the deadline passed (also a TimeoutError)
     │    └── BatchFailed          the batch that the rest was asked for in has not brought it
     │         ├── BatchErrored    the API could not answer the request
     │         ├── BatchExpired    it was not answered within the 24 hours that a batch has
     │         ├── BatchCanceled   the batch was cancelled before it was answered
     │         └── BatchTimeout    it has not ended yet, and may be asked for later (also a TimeoutError)
     ├── anthropic.APIConnectionError
     │    ├── StreamTruncated      one attempt: the body ended before the message did
     │    └── StreamStalled        one attempt: bytes or content stopped coming

The last two are what single attempts died of; a caller meets them as the `__cause__` of a `StreamFailed`, or in its
`last`. Before any content, what the API will never accept is raised as the SDK's own exception, unchanged.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

import anthropic

from .core.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx2

    from .core.diagnosis import Diagnosis, Ending
    from .core.partial import Partial
    from .engine.deferred import Deferred
    from .engine.deferring import Unfinished
    from .report import Report
    from .routes import Route

__all__ = [
    "BatchCanceled",
    "BatchErrored",
    "BatchExpired",
    "BatchFailed",
    "BatchTimeout",
    "StreamFailed",
    "StreamStalled",
    "StreamTimeout",
    "StreamTruncated",
]


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
        diagnosis: What they died of, whose problem that is, and what to do next.
        deferred: The batch in which the rest was asked for, with `Policy(on_exhausted="defer")`; None where it was not.
    """

    partial: Partial
    report: Report
    last: anthropic.APIError | None
    status_code: int | None
    type: str | None
    request_id: str | None
    __cause__: BaseException | None
    #: What a diagnosis says where the attempts do not.
    _ending: ClassVar[Ending] = "closed"
    #: The caller's request and where it could go: what asks again, or looks for the fault in it, needs them. They have
    #: content, so they are in no text of the error's, and do not go to another process.
    _request: Mapping[str, Any] | None
    _routes: Sequence[Route]
    _others_answered: bool | None
    _at: float
    _diagnosis: Diagnosis | None = None
    _unfinished: Unfinished | None
    deferred: Deferred[Any] | None = None

    def __init__(
        self,
        message: str,
        *,
        request: httpx2.Request,
        partial: Partial,
        report: Report,
        errors: Sequence[Exception] = (),
        original: Mapping[str, Any] | None = None,
        routes: Sequence[Route] = (),
        others_answered: bool | None = None,
        unfinished: Unfinished | None = None,
    ) -> None:
        last = next((e for e in reversed(errors) if isinstance(e, anthropic.APIError)), None)
        super().__init__(message, request, body=getattr(last, "body", None))
        self.partial = partial
        self.report = report
        self.last = last
        self.status_code = getattr(last, "status_code", None)
        self.type = printable(getattr(last, "type", None)) or None
        attempt = report.attempts[-1] if report.attempts else None
        self.request_id = printable(getattr(last, "request_id", None)) or (attempt.request_id if attempt else None)
        if errors:
            self.__cause__ = ExceptionGroup("every attempt failed", list(errors))
        self._request = original
        self._routes = routes
        self._others_answered = others_answered
        self._at = time.time()
        self._unfinished = unfinished

    @property
    def diagnosis(self) -> Diagnosis:
        """What the attempts died of, whose problem that is, and what to do next.

        It is made when it is first looked at, and then stays the same; `seconds` count from there.
        """
        if self._diagnosis is None:
            from .diagnosing import diagnose_failed

            self._diagnosis = diagnose_failed(self)
        return self._diagnosis

    async def defer(self, *, custom_id: str | None = None) -> Deferred[Any]:
        """Ask for the rest in a message batch, at half the price, within 24 hours, and in the API's own time.

        It goes to the best route whose client has batches, with what was delivered as in any resume, and its answer
        is joined to it as in any resume. Creating the batch is tried again as `Policy` says of backoff. An answer that
        is lost on the way may leave a second batch, which is billed as well; both know the request by its `custom_id`.

        Args:
            custom_id: What the request is called in the batch: 1 to 64 letters, digits, hyphens and underscores. None:
                a random name.

        Returns:
            The batch: save it, and ask it for its `result`, here or in another process.

        Raises:
            ValueError: There is no rest to ask for (the message is whole, or waits for the results of tools), or what
                is missing may not be asked for: its tools may have acted, or `Policy` rules it out. Or the error came
                from another process, or the `custom_id` is none.
            TypeError: No route's client has message batches.
            anthropic.APIError: The API will not create it; what it said last.
        """
        if self._unfinished is None:
            raise ValueError("this error does not know its request: it comes from another process, or is a batch's own")
        return await self._unfinished.defer(self.partial, self.report, custom_id)

    def __reduce__(self) -> tuple[object, ...]:
        # Without calling `__init__`, whose arguments are not `args`. The cause is not pickled, as ever, nor is
        # `last`: the errors of older SDKs cannot be read back. What they told goes along in the diagnosis.
        kept = {
            **self.__dict__,
            "last": None,
            "_request": None,
            "_routes": (),
            "_unfinished": None,
            "_diagnosis": self.diagnosis,
        }
        return _revive, (type(self), self.args), kept


def _revive(kind: type[StreamFailed], args: tuple[object, ...]) -> StreamFailed:
    error = kind.__new__(kind, *args)
    error.args = args
    return error


class StreamTimeout(StreamFailed, TimeoutError):
    """The policy's `deadline` passed."""

    _ending = "deadline"


class BatchFailed(StreamFailed):
    """A batch has not brought the rest of a message; `partial` is what was there before.

    Raised as it is where results are gone (they are kept for 29 days) or cannot be read, and where an answer came that
    does not join what was delivered: the model refused, or began another text or document.

    Attributes:
        deferred: The batch.
        answer: What the batch brought and could not be joined, as the API has a message; None where nothing came.
    """

    answer: dict[str, Any] | None = None
    _ending: ClassVar[Ending] = "batch_failed"


class BatchErrored(BatchFailed):
    """The API could not answer the request; `type` and `last` say why. It is not billed."""


class BatchExpired(BatchFailed):
    """The request was not answered within the 24 hours that a batch has. It is not billed."""

    _ending = "batch_expired"


class BatchCanceled(BatchFailed):
    """The batch was cancelled before the request was answered. It is not billed."""

    _ending = "batch_canceled"


class BatchTimeout(BatchFailed, TimeoutError):
    """The batch has not ended within the time that was given; it goes on, and can be asked again."""

    _ending = "batch_timeout"


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
