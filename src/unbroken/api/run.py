"""`run`: thousands of requests, each asked once, however often the program is started again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from anthropic import Omit, omit

from ..engine.stream import ResilientStreamManager
from ..health.health import Health
from ..health.limits.settings import Limits
from ..journal import Journal
from ..policy import Policy
from ..routes import Fallback
from ..runs.batched import Batched
from ..runs.costs import Estimate, estimate
from ..runs.errors import BrokenRequest
from ..runs.options import RunOptions
from ..runs.request import RunRequest, arguments_of
from ..runs.result_file import ResultFile, without_failed
from ..runs.run import Run
from ..runs.source import Requests, Source, count_lines
from ..sdk.typed_events import FormatT
from .call import StreamCall
from .checks import accepted_arguments, check_whole
from .durable import check_journal, durable_manager

__all__ = ["CONCURRENCY", "PATIENT", "run"]

#: How many requests are asked at a time. Ours: what the smallest accounts may do, without 429s one after the other.
CONCURRENCY: Final = 16
#: The most that the entries of one stream may have, in bytes: the API's largest request is 32 MB (errors page).
_MAX_BYTES: Final = 256 * 2**20
#: How often in a row a request's writer may be lost without a character before it ends as poison. Ours: whoever kills a
#: run kills all that it writes at that moment, of which one at most was the cause.
_RECOVERIES: Final = 20
#: Nobody waits for one answer of a run: it outlives an outage of minutes.
PATIENT: Final = Policy.patient(max_attempts=40, max_attempts_per_route=6, max_backoff=30.0, max_retry_after=600.0)


def run(
    client: Any,
    requests: Requests,
    *,
    journal: Journal | str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    model: str | None = None,
    fallback_models: Iterable[Fallback] = (),
    output_format: type[FormatT] | Omit | None = omit,
    concurrency: int = CONCURRENCY,
    limits: Limits | None = None,
    budget_usd: float | None = None,
    max_failures: int | None = None,
    retry_failed: bool = False,
    defer: bool = False,
    policy: Policy | None = None,
    health: Health | None = None,
    api: Literal["messages", "beta"] = "messages",
    on_broken: Callable[[BrokenRequest], object] | None = None,
) -> Run[FormatT]:
    """Answer many requests. Killed at any moment and called again, it asks for nothing that is answered.

    ```python
    requests = ({"custom_id": f"q{n}", "params": {"model": "claude-opus-5-5", ...}} for n in range(10_000))
    async with run(client, requests, journal="run.db", output="answers.jsonl") as answers:
        async for answer in answers:
            print(answer.custom_id, answer.text or answer.diagnosis)
    ```

    Each request is a stream of the journal, `run/<custom_id>`: one that was half answered when the process died goes on
    where it was. Answers come in the order in which they end. An error of one request is an answer, too; what is wrong
    with all of them ends the run.

    Args:
        client: As for `resilient_stream`.
        requests: The path of a file of JSON lines, as the Message Batches API takes them; or objects with `custom_id`
            and `params` from anything that can be iterated, a generator too, of which one is taken when there is room
            for it.
        journal: Where the streams are. The path of a file: a journal of this run's own, which is made if there is none;
            with an `output`, what that has is deleted there. Or a journal that is open, for several machines on Redis,
            say: it keeps what it keeps.
        output: A file that gets a line for each result, in the format of the Message Batches API, as it ends; what has
            a line there is not asked again, nor told of. None: every answer comes by iterating, also those that an
            earlier call has got.
        model: Asked instead of the one that a request names. None: that one.
        fallback_models: As for `resilient_stream`, for all requests.
        output_format: A type to parse the texts into, as in the SDK.
        concurrency: The most requests that are asked at a time.
        limits: How fast it may ask; see `Health`. Not beside `health`, which has its own.
        budget_usd: What may be spent by this call, at list prices. No request is begun once what is spent, and what is
            expected of those that run, reaches it; then `RunStopped` is raised. None: any amount.
        max_failures: After so many failed requests, no more are asked, and `RunStopped` is raised. None: any number.
        retry_failed: Whether requests that have failed in an earlier call are asked once more. False: they are answers.
        defer: Whether requests that nobody has begun to answer are put into message batches, at half the price, and
            what was begun is finished here; it needs an `output`. A later call collects what batches have brought into
            the same file, whatever it says here, and leaves to them what they are still at.
        policy: As for `resilient_stream`. None: one that outlives an outage of minutes.
        health: As for `resilient_stream`.
        api: As for `resilient_stream`.
        on_broken: Called with each request that cannot be asked as it stands; the others are. None: the log is told.

    Returns:
        The run; nothing is asked before it is iterated.

    Raises:
        TypeError: A value has another type.
        ValueError: A number is out of range.
        OSError: The file of requests cannot be read.
    """
    accepted = accepted_arguments(client, api, "run")
    if limits is not None and health is not None:
        raise ValueError("limits are those of health: give one of the two")
    shared = health if limits is None else Health(limits=limits)
    if budget_usd is not None and (isinstance(budget_usd, bool) or not isinstance(budget_usd, int | float)):
        raise TypeError(f"budget_usd must be a number or None, not {budget_usd!r}")
    if budget_usd is not None and not budget_usd >= 0:
        raise ValueError(f"budget_usd must not be negative, not {budget_usd!r}")
    kept, own = _journal_of(journal)
    fallbacks = fallback_models if isinstance(fallback_models, str) else tuple(fallback_models)
    limits_of_each = policy or PATIENT

    if defer and output is None:
        raise ValueError("defer needs an output: the file into which a later call collects the answers")

    def arguments(request: RunRequest) -> dict[str, Any]:
        given = {} if isinstance(output_format, Omit) else {"output_format": output_format}
        return {**given, **arguments_of(request, accepted, model)}

    def make_stream(request: RunRequest) -> ResilientStreamManager[Any]:
        call = StreamCall.of(
            client,
            arguments(request),
            fallback_models=fallbacks,
            policy=limits_of_each,
            health=shared,
            on_notice=None,
            api=api,
            caller="run",
        )
        return durable_manager(call, kept, request.stream_id, None, max_recoveries=_RECOVERIES)

    def estimated(request: RunRequest) -> Estimate:
        return estimate({**request.params, **({} if model is None else {"model": model})})

    def batched(output: str | os.PathLike[str]) -> Batched:
        return Batched(
            path=Path(f"{os.fspath(output)}.batches"),
            client=client,
            api=api,
            policy=limits_of_each,
            arguments=arguments,
            output_format=None if isinstance(output_format, Omit) else output_format,
            defers=defer,
        )

    concurrency = check_whole("concurrency", concurrency, 1)
    if max_failures is not None:
        check_whole("max_failures", max_failures, 1)
    source = Source(requests)
    return Run(
        RunOptions(
            source=source,
            journal=kept,
            owns_journal=own,
            make_stream=make_stream,
            estimate=estimated,
            open_results=None if output is None else partial(_open_results, output, retry_failed),
            concurrency=concurrency,
            max_cost=None if budget_usd is None else float(budget_usd),
            max_failures=max_failures,
            retry_failed=retry_failed,
            batched=None if output is None else batched(output),
            on_broken=on_broken,
            total=None if source.path is None else count_lines(source.path),
        )
    )


def _journal_of(journal: Journal | str | os.PathLike[str]) -> tuple[Journal, bool]:
    """The journal, and whether it is the run's own to open and to close."""
    if not isinstance(journal, str | os.PathLike):
        return check_journal(journal), False
    from ..journal import SQLiteJournal

    return SQLiteJournal(journal, max_bytes=_MAX_BYTES), True


def _open_results(output: str | os.PathLike[str], retry_failed: bool) -> ResultFile:
    if retry_failed:
        without_failed(Path(output))
    return ResultFile(output)
