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

import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

import anthropic
import anyio
import httpx2
from anthropic import Omit, omit
from typing_extensions import TypeVar

from .batches.handle import LONGEST, BatchHandle
from .core.message.partial import Partial
from .core.printable import printable
from .report import Report
from .sdk.exceptions import StreamStalled, StreamTruncated, kept_of, revived
from .sdk.typed_events import FormatT

if TYPE_CHECKING:
    from anthropic.types import ParsedMessage
    from anthropic.types.messages import MessageBatch

    from .batches.calls import Answered
    from .batches.result import Unresolved
    from .core.finding import Finding
    from .diagnosis.diagnosis import Diagnosis, Ending
    from .routes import Route

__all__ = [
    "BatchCanceled",
    "BatchErrored",
    "BatchExpired",
    "BatchFailed",
    "BatchTimeout",
    "Deferred",
    "StreamFailed",
    "StreamStalled",
    "StreamTimeout",
    "StreamTruncated",
]

OtherT = TypeVar("OtherT", default=None)

#: What goes along in a pickle or a copy, beside the partial, the report and the diagnosis.
_KEPT_OF_A_STREAM: Final = ("status_code", "type", "deferred", "_others_answered", "_at")


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
    #: For what asks again, or looks for the fault. They have content: no text has them, and they are not kept below.
    _request: Mapping[str, Any] | None
    _routes: Sequence[Route]
    _others_answered: bool | None
    _at: float
    _diagnosis: Diagnosis | None = None
    _put_off: Callable[[Partial, Report, str | None], Awaitable[Deferred[Any]]] | None
    deferred: Deferred[Any] | None = None
    _KEPT: ClassVar[tuple[str, ...]] = _KEPT_OF_A_STREAM

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
        put_off: Callable[[Partial, Report, str | None], Awaitable[Deferred[Any]]] | None = None,
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
        self._put_off = put_off

    @property
    def diagnosis(self) -> Diagnosis:
        """What the attempts died of, whose problem that is, and what to do next.

        It is made when it is first looked at, and then stays the same; `seconds` count from there.
        """
        self._diagnosis = self._diagnosis or self.diagnose(self.request_arguments)
        return self._diagnosis

    def diagnose(self, params: Mapping[str, Any] | None = None) -> Diagnosis:
        """The diagnosis, with what preflight finds in `params`, the arguments of the request; None: nobody looks."""
        from .diagnosis.postmortem import with_findings

        return self._conclude() if params is None else with_findings(self._conclude, params)

    def _conclude(self, findings: Sequence[Finding] = ()) -> Diagnosis:
        from .diagnosis.postmortem import diagnose_stream, leaves

        return diagnose_stream(
            self.report,
            list(leaves(self.__cause__)) if isinstance(self.__cause__, Exception) else [],
            ending=self._ending,
            ended_at=self._at,
            others_answered=self._others_answered,
            findings=findings,
        )

    @property
    def request_arguments(self) -> Mapping[str, Any]:
        """The arguments of the request as the first route that failed was to send it: content, and perhaps keys.

        Empty where they are not there any more: in a copy, or from a pickle.
        """
        from .diagnosis.postmortem import rank_that_failed

        return {} if self._request is None else self._routes[rank_that_failed(self.report)].request(self._request)

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
        if self._put_off is None:
            raise ValueError("this error does not know its request: it comes from another process, or is a batch's own")
        return await self._put_off(self.partial, self.report, custom_id)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        # Listed is what is kept: what a later release of the SDK adds to its errors stays here. What is ours goes as
        # plain data, which every protocol and a later release can read.
        plain = {"partial": self.partial.to_dict(), "report": self.report.to_dict(), "diagnosis": self.diagnosis}
        return _revived, (*kept_of(self, self._KEPT), plain)


def _revived(
    kind: type[StreamFailed], args: tuple[object, ...], message: str, kept: Mapping[str, Any], plain: Mapping[str, Any]
) -> anthropic.APIError:
    """What `StreamFailed.__reduce__` took down."""
    error = revived(kind, args, message, kept)
    vars(error).update(
        partial=Partial.from_dict(plain["partial"]),
        report=Report.from_dict(plain["report"]),
        _diagnosis=plain["diagnosis"],  # it has what the errors told
        last=None,
        _request=None,
        _routes=(),
        _put_off=None,
    )
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
    _KEPT: ClassVar[tuple[str, ...]] = (*_KEPT_OF_A_STREAM, "answer")


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


def batch_failed(found: Unresolved) -> BatchFailed:
    """The error for what came of a request in a batch."""
    error = _OF_ENDING[found.ending](
        str(found),
        request=httpx2.Request("GET", "/v1/messages/batches"),
        partial=found.partial,
        report=found.report,
        errors=found.errors,
    )
    error.answer = found.answer
    error.type = found.type if found.errors else error.type
    return error


_OF_ENDING: Final[Mapping[str, type[BatchFailed]]] = {
    "failed": BatchFailed,
    "errored": BatchErrored,
    "expired": BatchExpired,
    "canceled": BatchCanceled,
    "late": BatchTimeout,
}


# Here, because the errors name it and its `result` raises them: with it the file is longer than others.
@dataclass(slots=True, kw_only=True, eq=False)
class Deferred(BatchHandle[FormatT]):
    """A request in a message batch: ask it for its `result`, here or, after `to_json`, in another process.

    What goes to JSON holds content: of a stream that died, all that was delivered, which the answer is joined to, and
    the end of it that the model is to repeat; and the schema of the format that was asked for. The request itself is
    not in it, and no key. Its `repr` shows none of that.

    Attributes:
        id: The batch's.
        custom_id: What the request is called in the batch and in its results.
        model: The model that was asked.
        api: `"messages"` or `"beta"`: which of the client's resources created it.
        created_at: When the batch was created.
        expires_at: When what is not answered expires: 24 hours later.
        report: The attempts of the stream that died, if one did, and the batch's request as the last one. `seam` is
            `"unverified"` if the answer could not be seen to join.
    """

    async def result(
        self,
        client: Any = None,
        *,
        timeout: float | None = None,
        on_status: Callable[[MessageBatch], object] | None = None,
    ) -> ParsedMessage[FormatT]:
        """Wait for the answer, and return the whole message: what was delivered, and the rest joined to it.

        The batch is looked at after a second, then less and less often, at last once a minute. Outages and rate limits
        meanwhile are waited over. It may be asked for again, and then gives the same.

        Args:
            client: An async client of the SDK. None: the one that created the batch, in the same process.
            timeout: Seconds that it may take. None: 25 hours, in which every batch ends.
            on_status: Called with each state that the batch is seen in. None: nobody looks.

        Returns:
            One message, with the id and the model of the `message_start` that was delivered, if one was. Its usage is
            the message's; what was spent is in `report`.

        Raises:
            BatchErrored: The API could not answer the request.
            BatchExpired: It was not answered in time.
            BatchCanceled: The batch was cancelled first.
            BatchTimeout: The batch has not ended within `timeout`; it goes on.
            BatchFailed: The results are gone or cannot be read, or the answer does not join what was delivered.
            anthropic.APIStatusError: The API will not tell: a wrong key, a batch that it does not know.
            anthropic.APIConnectionError: The client cannot ask: it was closed, or its address is none.
            TypeError: The client has no message batches.
            ValueError: No client is known, or the text is none of the `output_format` (the SDK's own error).
        """
        # What asks, and what joins, is loaded when it is needed: a stream needs none of it.
        from .batches.calls import answer
        from .batches.result import Asked, Unresolved, late, resolve

        client = self._known(client)
        asked = Asked(self.id, self.api, self.created_at, self._rest, self.report, self._output_format)
        answered: Answered | None = None
        with anyio.move_on_after(limit := LONGEST if timeout is None else timeout):
            answered = await answer(client, self.api, self.id, self.custom_id, self._options, on_status)
        result = late(asked, limit) if answered is None else resolve(asked, answered)
        if isinstance(result, Unresolved):
            error = batch_failed(result)
            error.deferred = self
            if answered is not None:
                self.keep_report(error.report)
            raise error
        message, report = result
        self.keep_report(report)
        return cast("ParsedMessage[FormatT]", message)

    @classmethod
    def from_dict(
        cls, data: Mapping[str, Any], *, output_format: type[OtherT] | Omit | None = omit
    ) -> Deferred[OtherT]:
        """What `to_dict` gave, with the `output_format`, which it cannot hold. `ValueError` for anything else."""
        from .batches.saved import load

        parsed_into = None if isinstance(output_format, Omit) else output_format
        return Deferred(**load(data), _output_format=parsed_into)

    @classmethod
    def from_json(cls, text: str, *, output_format: type[OtherT] | Omit | None = omit) -> Deferred[OtherT]:
        """What `to_json` gave; as `from_dict`. Raises `ValueError` for anything else."""
        from .batches.saved import parse

        return cls.from_dict(parse(text), output_format=output_format)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, output_format: type[OtherT] | Omit | None = omit
    ) -> Deferred[OtherT]:
        """What `save` wrote; as `from_json`. Raises `OSError` where the file cannot be read."""
        return cls.from_json(Path(path).read_text(encoding="utf-8"), output_format=output_format)

    def __reduce__(self) -> tuple[object, ...]:
        # A client cannot go to another process, nor should its key.
        return Deferred.from_dict, (self.to_dict(),)
