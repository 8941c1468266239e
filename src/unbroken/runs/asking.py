"""One request of a run, from its stream in the journal to its result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import anthropic

from ..durable.attached import AttachedStream
from ..durable.errors import StreamConflict
from ..durable.history import read_history
from ..durable.session import PATIENCE, Session
from ..engine.stream import ResilientStream, ResilientStreamManager
from ..errors import StreamFailed
from ..report import AttemptReport, Report
from .answer import RunAnswer
from .errors import BrokenRequest, RunStopped
from .lines import diagnosis_of, failed, succeeded
from .request import RunRequest

__all__ = ["Ask", "Asked", "ask"]

#: Makes the stream of a request; what it raises says that the request cannot be asked as it stands.
Ask = Callable[[RunRequest], ResilientStreamManager[Any]]

#: What no request of the same client can get past.
_FOR_ALL: Final = frozenset({"no_credentials", "authentication", "billing", "spend_limit"})
#: What says that the journal, and not a request, has failed.
_OF_THE_JOURNAL: Final = frozenset({"journal", "journal_full", "rewind"})


@dataclass(slots=True)
class Asked:
    """A request that is being asked.

    Attributes:
        request: What is asked.
        stream: Its stream, while it is open.
        before: How many HTTP requests others have made for it.
        wrote: Whether this process has asked for it, and does not only read along.
    """

    request: RunRequest
    stream: ResilientStream[Any] | AttachedStream | None = None
    before: int = 0
    wrote: bool = False
    _report: Report = field(default_factory=Report)

    @property
    def report(self) -> Report:
        """How it goes, over all who have worked on it."""
        return self._report if self.stream is None else self.stream.report

    def ended(self, report: Report) -> None:
        """It is over, and went like this."""
        self._report, self.stream = report, None

    @property
    def attempts(self) -> Sequence[AttemptReport]:
        """The HTTP requests that were made here."""
        return self.report.attempts[self.before :] if self.wrote else ()


async def ask(
    asked: Asked,
    session: Session,
    make_stream: Ask,
    *,
    retry_failed: bool,
    reading: Callable[[], Awaitable[None]],
) -> RunAnswer[Any]:
    """The result of a request: that of the journal, if there is one, or an answer.

    Args:
        asked: The request; it is told how it goes.
        session: Of the journal.
        make_stream: Makes its stream.
        retry_failed: Whether one that has failed before is asked once more.
        reading: Called when another process writes its stream, and it is only read along.

    Raises:
        BrokenRequest: It cannot be asked as it stands.
        RunStopped: It has failed for a reason that no other request can get past.
        JournalError: The journal cannot be used.
        StreamFailed: Likewise; what it says is of the journal.
    """
    request = asked.request
    state = await session.look(request.stream_id)
    if state is not None and state.status == "failed" and not retry_failed:
        asked.stream = AttachedStream(session, request.stream_id, after=None, owner=None)
    elif state is not None and state.head > 1 and state.status != "complete":
        history = await read_history(session, request.stream_id, PATIENCE)
        asked.before = len(history.fold.report.attempts)
    try:
        if isinstance(asked.stream, AttachedStream):
            async with asked.stream as attached:
                message = await attached.get_final_message()
                report, replayed = attached.report, True
        else:
            replayed = state is not None and state.status == "complete"
            async with await _entered(request, make_stream) as stream:
                asked.stream = stream
                asked.wrote = stream.role == "writer"
                if not asked.wrote:
                    await reading()
                message = await stream.get_final_message()
                report = stream.report
    except BrokenRequest:
        raise
    except (anthropic.APIError, ValueError) as error:
        return _failed(asked, error, replayed=isinstance(asked.stream, AttachedStream))
    asked.ended(report)
    return RunAnswer(
        custom_id=request.custom_id,
        number=request.number,
        result=succeeded(message),
        message=message,
        report=report,
        replayed=replayed,
    )


async def _entered(request: RunRequest, make_stream: Ask) -> ResilientStream[Any]:
    """The stream of a request, when a route has answered with headers, or there is something to read."""
    try:
        return await make_stream(request).__aenter__()
    except StreamConflict:
        why = "the journal has another request under its custom_id; give the run another journal"
    except (anthropic.APIError, BrokenRequest):
        raise
    except (TypeError, ValueError, OSError) as error:
        why = str(error)
    raise BrokenRequest(request.number, why)


def _failed(asked: Asked, error: Exception, *, replayed: bool) -> RunAnswer[Any]:
    """The result of a request that has no answer. Raises what is no fault of this request."""
    report = error.report if isinstance(error, StreamFailed) else asked.report
    if asked.stream is None:  # it was asked for, and has come to nothing
        asked.wrote = True
    asked.ended(report)
    found = diagnosis_of(error)
    if found.code in _OF_THE_JOURNAL:
        raise error
    if found.code in _FOR_ALL and not replayed:
        raise RunStopped("all_fail", f"{found.summary} {found.next_steps[0]}", found)
    return RunAnswer(
        custom_id=asked.request.custom_id,
        number=asked.request.number,
        result=failed(error),
        error=error,
        diagnosis=found,
        report=report,
        replayed=replayed,
    )
