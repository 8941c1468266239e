"""Requests of a run that are in message batches: put there, remembered beside the file of results, and collected."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anthropic
import anyio
import httpx2

from ..batches.calls import Answered, batches_of, create_of, failure_of, with_schema
from ..batches.request import Rest, as_batched, unhurried, unsupported
from ..batches.result import Asked as AskedInBatch
from ..batches.result import Unresolved, resolve
from ..core.failure import Kind
from ..core.wire.request_ids import request_id
from ..diagnosis.evidence import withhold_headers
from ..errors import batch_failed
from ..policy import Policy
from ..private_files import write_private
from ..report import AttemptReport, Report
from ..sdk.clients import without_retries
from ..sdk.typed_events import Api
from .answer import RunAnswer
from .lines import diagnosis_of, told_of
from .request import RunRequest
from .result_file import ResultFile, ResultFileError
from .source import digest

__all__ = ["Batched"]

VERSION: Final = 1
#: How many requests go into one batch, and how many bytes of them. The API takes 100,000 and 256 MB (batch-processing
#: page); they are in memory until it is created.
_MOST: Final = 10_000
_MOST_BYTES: Final = 32_000_000
#: How often results are asked for that break off in the middle.
_READS: Final = 8


@dataclass(slots=True)
class _Batch:
    """One batch that was created, and whose results are not in the file yet."""

    id: str
    custom_ids: list[str]


@dataclass(slots=True, kw_only=True)
class Batched:
    """The batches of one file of results.

    Args:
        path: Where they are remembered: ids alone, no content.
        client: The client.
        api: Which of its resources.
        policy: How creating one is tried again.
        arguments: The arguments of `messages.stream` for a request.
        output_format: A type to parse the texts into.

    Attributes:
        defers: Whether requests are put into batches, and not only collected.
    """

    path: Path
    client: Any
    api: Api
    policy: Policy
    arguments: Callable[[RunRequest], Mapping[str, Any]]
    output_format: Any = None
    defers: bool = False
    _batches: list[_Batch] = field(default_factory=list)
    _waiting: set[bytes] = field(default_factory=set)
    _gathered: list[dict[str, Any]] = field(default_factory=list)
    _bytes: int = 0

    def load(self) -> None:
        """Read what is remembered. Raises `ResultFileError` and `OSError`."""
        if not self.path.exists():
            return
        try:
            data = json.loads(self.path.read_bytes())
            known = data["version"] == VERSION
            self._batches = [_Batch(str(each["id"]), list(map(str, each["custom_ids"]))) for each in data["batches"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            known = False
        if not known:
            raise ResultFileError(f"{self.path} does not say which batches there are: it is left as it is")
        self._index()

    def _index(self) -> None:
        self._waiting = {digest(custom_id) for batch in self._batches for custom_id in batch.custom_ids}

    def _save(self) -> None:
        if not self._batches:
            self.path.unlink(missing_ok=True)
            return
        plain = [{"id": batch.id, "custom_ids": batch.custom_ids} for batch in self._batches]
        write_private(self.path, json.dumps({"version": VERSION, "batches": plain}) + "\n")

    def __contains__(self, custom_id: str) -> bool:
        return digest(custom_id) in self._waiting

    # -- there

    def takes(self, request: RunRequest) -> bool:
        """Whether a batch would take this request. Raises `BrokenRequest`, `TypeError` and `ValueError`."""
        return self.defers and unsupported(unhurried(self.arguments(request))) is None

    async def add(self, request: RunRequest) -> None:
        """Put a request into a batch, which is created when it is full, or with `flush`.

        Raises:
            anthropic.APIError: The API will not create it; what it said last.
            NoBatches: The client has no batches.
            OSError: It cannot be remembered.
        """
        params, _ = as_batched(with_schema(unhurried(self.arguments(request))))
        size = len(json.dumps(params, default=str))
        if self._gathered and (self._bytes + size > _MOST_BYTES or len(self._gathered) >= _MOST):
            await self.flush()
        self._gathered.append({"custom_id": request.custom_id, "params": params})
        self._bytes += size

    async def flush(self) -> None:
        """Create a batch of what was added. Raises as `add`."""
        gathered, self._gathered, self._bytes = self._gathered, [], 0
        if not gathered:
            return
        # What is created has to be remembered: nothing cancels what is between.
        with anyio.CancelScope(shield=True):
            batch = await create_of(self.client, self.api, gathered, {}, self.policy)
            self._batches.append(_Batch(batch.id, [each["custom_id"] for each in gathered]))
            self._index()
            self._save()

    # -- and back

    async def collect(self, results: ResultFile) -> AsyncGenerator[RunAnswer[Any], None]:
        """The answers of batches that have ended, of which the file has none yet; the caller writes each down.

        What was not answered in time, or cancelled, is asked again; what is still being answered stays where it is.

        Raises:
            anthropic.APIError: The API will not tell: a wrong key, say.
            NoBatches: The client has no batches.
            OSError: What is remembered cannot be written.
        """
        batches = batches_of(without_retries(self.client), self.api) if self._batches else None
        for batch in list(self._batches):
            found = await self._look(batches, batch)
            if found is None:
                continue
            if found != "gone" and found.processing_status != "ended":
                continue
            if found != "gone" and found.results_url is not None:
                async with aclosing(self._answers(batches, found, set(batch.custom_ids), results)) as answers:
                    async for answer in answers:
                        yield answer
            self._batches.remove(batch)
            self._index()
            self._save()

    async def _look(self, batches: Any, batch: _Batch) -> Any:
        """The batch; `"gone"` where the API does not know it any more; None: it cannot be told now."""
        try:
            return await batches.retrieve(batch.id)
        except anthropic.APIError as error:
            withhold_headers(error)
            failure = failure_of(error)
            if failure.kind is Kind.NOT_FOUND:
                return "gone"
            if failure.kind in (Kind.AUTHENTICATION, Kind.PERMISSION):
                raise
            return None

    async def _answers(
        self, batches: Any, batch: Any, asked: set[str], results: ResultFile
    ) -> AsyncGenerator[RunAnswer[Any], None]:
        for read in range(_READS):
            try:
                lines = await batches.results(batch.id)
                its_id = request_id(lines.http_response.headers)
                async with aclosing(_lines(lines)) as read_lines:
                    async for line in read_lines:
                        answer = self._answer(batch, line, its_id)
                        if answer is not None and answer.custom_id in asked and answer.custom_id not in results:
                            yield answer
                return
            except (anthropic.APIError, httpx2.HTTPError) as error:
                if isinstance(error, anthropic.APIError):
                    withhold_headers(error)
                if read == _READS - 1:
                    raise
                await anyio.sleep(self.policy.backoff(read + 1, 1.0))

    def _answer(self, batch: Any, line: bytes, its_id: str | None) -> RunAnswer[Any] | None:
        """What a line says; None: it is none, or its request is to be asked again."""
        try:
            data = json.loads(line)
            custom_id, result = data["custom_id"], data["result"]
            kind = result["type"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return None  # where it was cut
        if kind not in ("succeeded", "errored"):
            return None
        message = result.get("message") or {}
        model = str(message.get("model") or "")
        report = Report(attempts=[AttemptReport(1, 0, model, "request", 0.0, batch=True)])
        asked = AskedInBatch(batch.id, self.api, batch.created_at, Rest(), report, self.output_format)
        error: Exception
        try:
            found = resolve(asked, Answered(batch, result, its_id))
        except ValueError as invalid:
            error = invalid
        else:
            if not isinstance(found, Unresolved):
                message, report = found
                return RunAnswer(custom_id=custom_id, number=0, result=result, message=message, report=report)
            error, report = batch_failed(found), found.report
        diagnosis = diagnosis_of(error)
        return RunAnswer(
            custom_id=custom_id,
            number=0,
            result={**result, "diagnosis": told_of(diagnosis)},
            error=error,
            diagnosis=diagnosis,
            report=report,
        )


async def _lines(decoder: Any) -> AsyncGenerator[bytes, None]:
    """The lines of results as they come: a file of them may be larger than memory."""
    rest = b""
    try:
        async for piece in decoder.http_response.aiter_bytes():
            *whole, rest = (rest + piece).split(b"\n")
            for line in whole:
                yield line
        if rest:
            yield rest
    finally:
        await decoder.close()
