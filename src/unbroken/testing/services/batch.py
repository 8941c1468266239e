"""The batches that a server holds: what each is now, and what became of its requests.

Nothing runs in the background. What becomes of each request, and when, is settled when the batch is created; what the
batch is at some moment follows from the clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, Literal, TypeAlias

from unbroken.testing.script.batches import Batches

__all__ = ["Batch", "BatchedRequest"]

ProcessingStatus: TypeAlias = Literal["in_progress", "canceling", "ended"]

#: Seconds after which a batch is archived: "results are available for 29 days after creation".
_ARCHIVED: Final = 29 * 86_400.0


@dataclass(frozen=True, slots=True)
class BatchedRequest:
    """One request of a batch.

    Attributes:
        custom_id: As the client named it.
        params: As they came.
        result: What becomes of it if there is time: `succeeded` or `errored`, as in the API.
        done_at: When that is, in seconds of the server's clock.
    """

    custom_id: str
    params: Mapping[str, Any] = field(repr=False)
    result: Mapping[str, Any] = field(repr=False)
    done_at: float


@dataclass(slots=True, eq=False)
class Batch:
    """One batch.

    Attributes:
        id: Its id.
        created_at: In seconds of the server's clock.
        requests: What it is made of, in the order in which they came.
        script: The part of the script that it goes by.
        cancel_initiated_at: None unless it was cancelled.
    """

    id: str
    created_at: float
    requests: Sequence[BatchedRequest]
    script: Batches = field(repr=False)
    cancel_initiated_at: float | None = None

    @property
    def ended_at(self) -> float:
        """When it ends, or has ended."""
        done_at = max(request.done_at for request in self.requests)
        at = min(done_at, self.created_at + self.script.lifetime)
        if self.cancel_initiated_at is None:
            return at
        return min(at, self.cancel_initiated_at + self.script.canceling)

    def status(self, now: float) -> ProcessingStatus:
        """Its `processing_status` at some moment."""
        if now >= self.ended_at:
            return "ended"
        return "in_progress" if self.cancel_initiated_at is None else "canceling"

    def archived(self, now: float) -> bool:
        """Whether its results are no longer there."""
        return now >= self.created_at + _ARCHIVED

    def results(self, rng: Random) -> list[dict[str, Any]]:
        """The lines of its results when it has ended, in any order."""
        lines = [{"custom_id": request.custom_id, "result": self._result(request)} for request in self.requests]
        rng.shuffle(lines)
        return lines

    def describe(
        self, now: float, *, url: str, date: Callable[[float], str], status: ProcessingStatus | None = None
    ) -> dict[str, Any]:
        """What `GET /v1/messages/batches/{id}` answers.

        Args:
            now: In seconds of the server's clock.
            url: The server's.
            date: Makes an RFC 3339 date of such seconds.
            status: What it is said to be, when it has only just been created or cancelled; None: what it is.
        """
        status = status or self.status(now)
        ended, archived = status == "ended", self.archived(now)
        counts = Counter(self._result(request)["type"] if ended else "processing" for request in self.requests)
        cancelled_at = self.cancel_initiated_at
        return {
            "id": self.id,
            "type": "message_batch",
            "processing_status": status,
            "request_counts": {name: counts[name] for name in _COUNTS},
            "created_at": date(self.created_at),
            "expires_at": date(self.created_at + self.script.lifetime),
            "ended_at": date(self.ended_at) if ended else None,
            "cancel_initiated_at": None if cancelled_at is None else date(cancelled_at),
            "archived_at": date(self.created_at + _ARCHIVED) if archived else None,
            "results_url": f"{url}/v1/messages/batches/{self.id}/results" if ended and not archived else None,
        }

    def _result(self, request: BatchedRequest) -> Mapping[str, Any]:
        """What became of a request, once the batch has ended."""
        cancelled_at = self.cancel_initiated_at
        limit = self.created_at + self.script.lifetime if cancelled_at is None else cancelled_at
        if request.done_at <= limit:
            return request.result
        return {"type": "expired" if cancelled_at is None else "canceled"}


_COUNTS: Final = ("processing", "succeeded", "errored", "canceled", "expired")
