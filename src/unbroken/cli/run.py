"""`unbroken run`: a file of requests to a file of results, killed and started again as often as need be."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio

from ..api.run import CONCURRENCY
from ..api.run import run as run_requests
from ..health.limits.settings import Limits
from ..journal import Journal
from ..private_files import write_private
from ..runs.errors import RunStopped
from ..runs.result_file import ResultFileError
from ..runs.run import Run
from .chat import client_for
from .journals import Place
from .problems import Problem, explain
from .run_view import RunView

__all__ = ["Running", "run"]

#: How often the live view is drawn, in seconds.
_FRAME: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What the command line said.

    Attributes:
        requests: The file of requests.
        output: The file of results.
        place: The journal.
        model: Asked instead of the one that a request names; None: that one.
        fallbacks: Where to go when it does not answer.
        base_url: Another address of the API; None: the SDK's.
        concurrency: How many requests are asked at a time.
        rpm: Requests a minute at most; None: what the API allows.
        tpm: Input tokens a minute at most; likewise.
        max_cost: What may be spent, in USD; None: any amount.
        max_failures: How many may fail; None: all of them.
        retry_failed: Whether what has failed before is asked once more.
        defer: Whether what was not begun is put into message batches.
        report: Where the summary goes; None: nowhere.
        plain: Whether there are lines also in a terminal.
    """

    requests: Path
    output: Path
    place: Place
    model: str | None = None
    fallbacks: tuple[str, ...] = ()
    base_url: str | None = None
    concurrency: int = CONCURRENCY
    rpm: int | None = None
    tpm: int | None = None
    max_cost: float | None = None
    max_failures: int | None = None
    retry_failed: bool = False
    defer: bool = False
    report: Path | None = None
    plain: bool = False


async def run(running: Running) -> int:
    """Answer what has no result yet.

    Returns:
        The exit code: 0 where every request has a message, 1 where one has none, 130 after Ctrl-C.

    Raises:
        Problem: There is no key, or what was said is out of range, or a file cannot be used.
        JournalError: The journal cannot be used.
    """
    view = RunView(str(running.requests), plain=running.plain)
    async with client_for(running.base_url) as client, _journal(running.place) as journal:
        try:
            answers: Run[None] = run_requests(
                client,
                running.requests,
                journal=journal,
                output=running.output,
                model=running.model,
                fallback_models=running.fallbacks,
                concurrency=running.concurrency,
                limits=_limits(running),
                budget_usd=running.max_cost,
                max_failures=running.max_failures,
                retry_failed=running.retry_failed,
                defer=running.defer,
                on_broken=view.broken,
            )
        except ValueError as error:
            raise Problem(str(error)) from None
        except OSError as error:
            raise Problem(f"{running.requests} cannot be read: {error.strerror}") from None
        ended = await _watched(answers, view)
    progress = answers.progress
    if running.report is not None:
        _write_report(running.report, answers, ended)
    view.end(progress)
    if isinstance(ended, ResultFileError | OSError):
        why = str(ended) if isinstance(ended, ResultFileError) else f"{running.output}: {ended.strerror or ended}"
        raise Problem(f"{why}; what is answered is in the journal")
    if isinstance(ended, RunStopped):
        raise Problem(f"{ended} Started again, the run goes on where it was.")
    if isinstance(ended, Exception):
        raise ended
    if ended is not None:
        view.say(f"left: started again, the run goes on where it was ({running.output})")
        return 130
    return int(bool(progress.failed or progress.broken or progress.deferred))


async def _watched(answers: Run[None], view: RunView) -> Exception | str | None:
    """Read a run to its end, which is shown as it goes on: what it raised, `"signal"`, or None where it was all."""
    ended: list[Exception | str] = []
    async with anyio.create_task_group() as tasks, answers:
        with view:
            tasks.start_soon(_draw, answers, view)
            if sys.platform != "win32":
                tasks.start_soon(_listen, answers, view, tasks.cancel_scope, ended)
            try:
                async for answer in answers:
                    view.answer(answer)
            except Exception as error:
                ended.append(error)
            tasks.cancel_scope.cancel()
    return ended[0] if ended else None


async def _draw(answers: Run[None], view: RunView) -> None:
    while True:
        view.draw(answers.progress)
        await anyio.sleep(_FRAME)


async def _listen(answers: Run[None], view: RunView, scope: anyio.CancelScope, ended: list[Exception | str]) -> None:
    """The first Ctrl-C lets what runs be finished; the second, and SIGTERM, leave it, to be gone on with."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for number in signals:
            if ended or number == signal.SIGTERM:
                ended.append("signal")
                scope.cancel()
                return
            ended.append("signal")
            answers.stop()
            view.say(f"finishing what runs ({answers.progress.running:,}); Ctrl-C once more leaves it")


@asynccontextmanager
async def _journal(place: Place) -> AsyncIterator[Journal | str]:
    """The journal of a run: the path of one of its own, or one that is open, for several machines."""
    if (path := place.path) is not None:
        yield path
        return
    try:
        journal = place.journal(make=True)
    except ValueError as error:
        raise Problem(str(error)) from None
    async with journal:
        yield journal


def _limits(running: Running) -> Limits | None:
    """What `Health` is told of how fast it may ask; None: nothing."""
    if running.rpm is None and running.tpm is None:
        return None
    return Limits(requests_per_minute=running.rpm, input_tokens_per_minute=running.tpm)


def _write_report(path: Path, answers: Run[None], ended: Exception | str | None) -> None:
    """Counts, costs and times, without ids and without content."""
    tally = answers.tally
    outcome = "complete" if ended is None else "interrupted" if isinstance(ended, str) else "failed"
    data = {
        "version": 1,
        "outcome": ended.code if isinstance(ended, RunStopped) else outcome,
        "error": explain(ended) if isinstance(ended, Exception) else None,
        **answers.progress.to_dict(),
        "diagnoses": dict(tally.diagnoses) if tally is not None else {},
        "attempts": dict(tally.outcomes) if tally is not None else {},
        "models": dict(tally.models) if tally is not None else {},
    }
    try:
        write_private(path, json.dumps(data, indent=2) + "\n")
    except OSError as error:
        raise Problem(f"{path} cannot be written: {error.strerror}") from None
