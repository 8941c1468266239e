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

All of ours can be pickled and copied. What goes along is listed here, and nothing else does: every error of the SDK's
holds its request, with the headers, the address and the conversation. The SDK's own errors take all of that along.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar, Final

import anthropic
import httpx2

from .core.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


#: The request of an error that was copied or pickled: handlers of the SDK's errors may look at it.
_REQUEST: Final = ("POST", "/v1/messages")

#: What goes along with every error: the caller's notes are the caller's own words.
_KEPT_OF_ALL: Final = ("__notes__", "request_id")


def _reduced(error: anthropic.APIError, names: Sequence[str], plain: Mapping[str, Any]) -> tuple[object, ...]:
    """What `__reduce__` gives: what these attributes hold, as far as they are set, and no other.

    Args:
        error: The error.
        names: The attributes that go along as they are.
        plain: Those that go along as plain data, which every protocol and a later release can read.
    """
    kept = {name: vars(error)[name] for name in (*_KEPT_OF_ALL, *names) if name in vars(error)}
    return _revived, (type(error), error.args, error.message, kept, dict(plain))


def _revived(
    kind: type[anthropic.APIError],
    args: tuple[object, ...],
    message: str,
    kept: Mapping[str, Any],
    plain: Mapping[str, Any],
) -> anthropic.APIError:
    """An error as `_reduced` took it down. Its own `__init__` is not called, whose arguments are not `args`."""
    error = kind.__new__(kind, *args)
    anthropic.APIError.__init__(error, message, httpx2.Request(*_REQUEST), body=None)
    error.args = args
    vars(error).update(kept)
    if isinstance(error, StreamFailed):
        error._revive(plain)  # noqa: SLF001  # ours
    return error


class StreamFailed(anthropic.APIError):
    """The stream could not be finished, by any route that the policy allows.

    Its `__cause__` is an `ExceptionGroup` of every attempt's error, in order.

    A copy, and what is read from a pickle, has nothing of the request, and none of the API's own words: `last`, `body`
    and `__cause__` are None there, `request` is an empty one, and there is no `defer()`. The other attributes are what
    they were; attributes that others have set are not there. A `deferred` from a pickle knows no client.

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
    #: content, so they are in no text of the error's, and are not kept below.
    _request: Mapping[str, Any] | None
    _routes: Sequence[Route]
    _others_answered: bool | None
    _at: float
    _diagnosis: Diagnosis | None = None
    _unfinished: Unfinished | None
    deferred: Deferred[Any] | None = None
    #: What goes along in a pickle or a copy, beside the partial, the report and the diagnosis.
    _KEPT: ClassVar[tuple[str, ...]] = ("status_code", "type", "deferred", "_others_answered", "_at")

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
        # Listed is what is kept: what a later release of the SDK adds to its errors stays here.
        plain = {"partial": self.partial.to_dict(), "report": self.report.to_dict(), "diagnosis": self.diagnosis}
        return _reduced(self, self._KEPT, plain)

    def _revive(self, plain: Mapping[str, Any]) -> None:
        """Take up what `__reduce__` took down, in an error that has nothing else."""
        from .core.partial import Partial
        from .report import Report

        self.partial = Partial.from_dict(plain["partial"])
        self.report = Report.from_dict(plain["report"])
        self._diagnosis = plain["diagnosis"]  # it has what the errors told
        self.last = None
        self._request = None
        self._routes = ()
        self._unfinished = None


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
    _KEPT: ClassVar[tuple[str, ...]] = (*StreamFailed._KEPT, "answer")  # noqa: SLF001  # its own base


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

    def __reduce__(self) -> tuple[object, ...]:
        return _reduced(self, (), {})


class StreamStalled(anthropic.APIConnectionError):
    """A response went quiet, or kept sending pings and no content, for longer than the policy allows.

    Attributes:
        request_id: Of the response that stalled; None where no headers came.
    """

    def __init__(self, message: str, *, request: httpx2.Request, request_id: str | None = None) -> None:
        super().__init__(message=message, request=request)
        self.request_id = request_id

    def __reduce__(self) -> tuple[object, ...]:
        return _reduced(self, (), {})
