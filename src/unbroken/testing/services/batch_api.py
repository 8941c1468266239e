"""The Message Batches API, as the first-party clients call it.

After the SDK, 2.12.0 (`resources/messages/batches.py`, `types/messages/`), and the vendor's batch-processing page. The
wording of its errors, and the status of those for what comes too early or too late, are not documented: they are ours.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any, Final

from unbroken.testing.script.batches import Batches
from unbroken.testing.script.faults import Status, Step
from unbroken.testing.script.faults.fault import ResponseFault
from unbroken.testing.script.script import of_response
from unbroken.testing.services.batch import Batch, BatchedRequest
from unbroken.testing.services.pages import page
from unbroken.testing.wire.documents import Response, document

if TYPE_CHECKING:
    from unbroken.testing.wire.record import Request

__all__ = ["BatchApi"]

_PATH: Final = re.compile(r"(?:/anthropic)?/v1/messages/batches(?:/([^/]+)(?:/(results|cancel))?)?")
_CUSTOM_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
#: "Batches may contain up to 100,000 requests and be up to 256 MB in total size."
_MOST_REQUESTS: Final = 100_000
_LARGEST: Final = 256 * 1024 * 1024


class BatchApi:
    """The batches of one server, and the calls on them.

    Args:
        url: Gives the server's address.
        date: Makes an RFC 3339 date of seconds of the server's clock.
    """

    def __init__(self, url: Callable[[], str], date: Callable[[float], str]) -> None:
        self.batches: list[Batch] = []
        self._url = url
        self._date = date
        self._made = 0
        self._calls: Counter[str] = Counter()

    def restart(self) -> None:
        """Begin another script, from its first step. The batches stay."""
        self._calls.clear()

    def is_at(self, path: str) -> bool:
        """Whether a path is one of this API's."""
        return _PATH.fullmatch(path) is not None

    def creates(self, method: str, path: str) -> bool:
        """Whether a call on this API creates a batch."""
        return method == "POST" and path.endswith("/batches")

    def create(self, script: Batches, request: Request, process: Callable[[str, dict[str, Any]], Any]) -> Response:
        """Answer a call that creates a batch.

        Args:
            script: What happens.
            request: The call.
            process: Makes the result of one of its requests, from an id of its own and its parameters.
        """
        if len(request.raw) > _LARGEST:
            return document(Status(413))
        objection = next(_objections(request.body), None)
        if objection is not None:
            return document(Status(400, message=objection))
        faults = self._faults("create", script.creates)
        if any(isinstance(fault, Status) for fault in faults):
            return document({}, faults)
        self._made += 1
        entries, now = request.body["requests"], request.arrived_at
        requests = [
            BatchedRequest(
                custom_id=each["custom_id"],
                params=each["params"],
                result=process(f"{self._made:04d}{n:04d}", each["params"]),
                done_at=now + script.seconds * (n + 1) / len(entries),
            )
            for n, each in enumerate(entries)
        ]
        batch = Batch(f"msgbatch_{self._made:08d}", now, requests, script)
        self.batches.append(batch)
        return document(batch.describe(now, url=self._url(), date=self._date, status="in_progress"), faults)

    def call(self, script: Batches, request: Request, query: Mapping[str, Sequence[str]]) -> Response:
        """Answer any other call.

        Args:
            script: What happens.
            request: The call.
            query: Its query, decoded.
        """
        found = _PATH.fullmatch(request.path)
        assert found is not None
        now = request.arrived_at
        match request.method, found[1], found[2]:
            case "GET", None, None:
                return document(page([self._describe(batch, now) for batch in reversed(self.batches)], query))
            case "GET", id, None:
                return self._on(id, now, self._faults("poll", script.polls), lambda batch: self._describe(batch, now))
            case "GET", id, "results":
                return self._on(id, now, self._faults("read", script.reads), lambda batch: _results(batch, now))
            case "POST", str(id), "cancel":
                return self._on(id, now, self._faults("cancel", script.cancels), lambda batch: self._cancel(batch, now))
            case "DELETE", str(id), None:
                return self._on(id, now, (), lambda batch: self._delete(batch, now))
            case _:
                return document(Status(405, message="Method Not Allowed"))

    def _on(
        self,
        id: str,
        now: float,
        faults: Sequence[ResponseFault],
        do: Callable[[Batch], Mapping[str, Any] | Sequence[Any] | Status],
    ) -> Response:
        """Answer a call on one batch."""
        batch = next((each for each in self.batches if each.id == id), None)
        if batch is None or now < batch.created_at + batch.script.unknown_for:
            return document(Status(404, message=f"Message batch {id} not found."))
        if any(isinstance(fault, Status) for fault in faults):
            return document({}, faults)
        return document(do(batch), faults)

    def _describe(self, batch: Batch, now: float) -> dict[str, Any]:
        return batch.describe(now, url=self._url(), date=self._date)

    def _cancel(self, batch: Batch, now: float) -> Mapping[str, Any] | Status:
        if batch.status(now) == "ended":
            return Status(400, message=f"Message batch {batch.id} has ended and cannot be canceled.")
        if batch.cancel_initiated_at is None:
            batch.cancel_initiated_at = now
        return batch.describe(now, url=self._url(), date=self._date, status="canceling")

    def _delete(self, batch: Batch, now: float) -> Mapping[str, Any] | Status:
        if batch.status(now) != "ended":
            return Status(400, message=f"Message batch {batch.id} cannot be deleted before it has ended.")
        self.batches.remove(batch)
        return {"id": batch.id, "type": "message_batch_deleted"}

    def _faults(self, call: str, steps: Sequence[Step]) -> tuple[ResponseFault, ...]:
        n = self._calls[call]
        self._calls[call] += 1
        return of_response(steps[n]) if n < len(steps) else ()


def _results(batch: Batch, now: float) -> Sequence[Any] | Status:
    if batch.status(now) != "ended":
        return Status(404, message=f"Message batch {batch.id} has no results before it has ended.")
    if batch.archived(now):
        return Status(404, message=f"The results of message batch {batch.id} are no longer available.")
    return batch.results(Random(batch.id))


def _objections(body: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a batch. What its requests ask for is judged only when they are processed."""
    requests = body.get("requests")
    if not isinstance(requests, list):
        yield "requests: Field required"
        return
    if not 1 <= len(requests) <= _MOST_REQUESTS:
        yield f"requests: List should have from 1 to {_MOST_REQUESTS} items, not {len(requests)}"
    seen: set[str] = set()
    for i, request in enumerate(requests):
        custom_id = request.get("custom_id") if isinstance(request, dict) else None
        if not isinstance(custom_id, str):
            yield f"requests.{i}.custom_id: Field required"
        elif not _CUSTOM_ID.fullmatch(custom_id):
            yield f"requests.{i}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'"
        elif custom_id in seen:
            yield f"requests.{i}.custom_id: '{custom_id}' is not unique in this batch"
        elif not isinstance(request.get("params"), dict):
            yield f"requests.{i}.params: Field required"
        else:
            seen.add(custom_id)
