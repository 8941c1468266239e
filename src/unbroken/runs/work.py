"""What a run does: requests are taken as there is room for them, asked, written down, and handed over as they end."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, aclosing, nullcontext, suppress
from typing import Any, Final

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from ..durable.session import Session, session_of
from ..logs import logger
from .answer import RunAnswer
from .asking import Asked, ask
from .cleaning import Cleaner
from .costs import Budget, Estimate
from .errors import BrokenRequest, RunStopped
from .handover import Handover
from .lines import Result, line_of
from .options import RunOptions
from .progress import RunProgress, Tally
from .request import RunRequest
from .result_file import ResultFile

__all__ = ["Work"]

#: How many requests that another process answers are read along, for each that may be asked here.
_READERS: Final = 4


class Work:
    """One run at work, in a task of its own.

    Args:
        options: What it is told.
        now: When it begins, in monotonic seconds.

    Attributes:
        answers: On their way to the caller.
        tally: What came of the requests.
    """

    def __init__(self, options: RunOptions, now: float) -> None:
        self.answers: Handover[RunAnswer[Any]] = Handover(options.concurrency)
        self.tally: Tally = Tally(now)
        self._options = options
        self._budget = Budget(options.max_cost)
        self._results: ResultFile | None = None
        self._cleaner: Cleaner | None = None
        self._slots = anyio.Semaphore(options.concurrency)
        self._readers = anyio.Semaphore(_READERS * options.concurrency)
        self._running: dict[int, Asked] = {}
        self._one_ended = anyio.Event()
        self._pulling: anyio.CancelScope | None = None
        self._scope = anyio.CancelScope()
        self._stopping = False

    def progress(self, now: float) -> RunProgress:
        """How far it is."""
        return self.tally.progress(
            now,
            total=self._options.total,
            running=[asked.report for asked in self._running.values()],
            spent=self._budget.spent,
            unpriced=self._budget.unpriced,
        )

    def stop(self) -> None:
        """Take no more requests."""
        self._stopping = True
        if self._pulling is not None:
            self._pulling.cancel()

    async def run(self) -> None:
        """Work until nothing is left to do. What is in the way is raised by whoever takes the answers."""
        options = self._options
        try:
            if options.open_results is not None:
                self._results = options.open_results()
            opening: AbstractAsyncContextManager[Any] = options.journal if options.owns_journal else nullcontext()
            async with opening:
                await self._answer_all(session_of(options.journal))
        except Exception as error:
            self._fail(error)
        finally:
            if self._results is not None:
                self._results.close()
            with anyio.CancelScope(shield=True), suppress(Exception):
                await options.source.aclose()
            self.answers.close()

    async def _answer_all(self, session: Session) -> None:
        options, results = self._options, self._results
        if results is not None and options.owns_journal:
            self._cleaner = Cleaner(options.journal, results)
            await self._cleaner.sweep()
        if results is not None and options.batched is not None:
            await self._collect(results)
        with self._scope:
            async with anyio.create_task_group() as tasks:
                await self._take_requests(session, tasks)
            if options.batched is not None and not self._stopping:
                await options.batched.flush()
            if self._cleaner is not None:
                await self._cleaner.clean()

    # -- requests

    async def _take_requests(self, session: Session, tasks: TaskGroup) -> None:
        """Begin one request after the other, as there is room."""
        while not self._stopping:
            await self._slots.acquire()
            request = await self._next()
            if request is None:
                return
            if await self._defer(session, request):
                self._slots.release()
                continue
            estimate = self._options.estimate(request)
            while (begins := self._may_begin(request, estimate)) is None:
                await self._one_ended.wait()
            if not begins:
                return
            self._running[request.number] = asked = Asked(request)
            tasks.start_soon(self._ask, session, asked, estimate)

    async def _next(self) -> RunRequest | None:
        """The next request that has no result; None: there is none, or no more are wanted."""
        passed = 0
        while not self._stopping:
            try:
                with anyio.CancelScope() as self._pulling:
                    request = await self._options.source.next()
            except BrokenRequest as broken:
                self._break(broken)
                continue
            if self._pulling.cancelled_caught or request is None or not self._is_done(request):
                return None if self._pulling.cancelled_caught else request
            passed += 1
            if passed % 256 == 0:  # others have something to do, too
                await anyio.lowlevel.checkpoint()
        return None

    def _is_done(self, request: RunRequest) -> bool:
        """Whether it has a result, or will get it from a batch."""
        if self._results is not None and request.custom_id in self._results:
            self.tally.answered_before += 1
            return True
        if self._options.batched is not None and request.custom_id in self._options.batched:
            self.tally.deferred += 1
            return True
        return False

    def _may_begin(self, request: RunRequest, estimate: Estimate) -> bool | None:
        if self._stopping:
            return False
        budget = self._budget
        begins = budget.may_begin(request.custom_id, estimate)
        if begins is False:
            spent = f"The budget of ${budget.most:,.2f} does not reach any further: ${budget.spent:,.2f} are spent."
            self._stop_for(RunStopped("max_cost", spent))
        return begins

    # -- batches

    async def _defer(self, session: Session, request: RunRequest) -> bool:
        """Put a request into a batch, if that is wanted, and nobody has begun to answer it."""
        batched = self._options.batched
        try:
            if batched is None or not batched.takes(request):
                return False
        except (BrokenRequest, TypeError, ValueError):
            return False  # which is told where it is asked
        if await session.look(request.stream_id) is not None:
            return False
        await batched.add(request)
        self.tally.deferred += 1
        return True

    async def _collect(self, results: ResultFile) -> None:
        """Write down what batches have brought meanwhile."""
        batched = self._options.batched
        assert batched is not None
        batched.load()
        before = len(results)
        async with aclosing(batched.collect(results)) as answers:
            async for answer in answers:
                self.tally.attempts(answer.report.attempts, anyio.current_time())
                _write(results, answer)
                await self._hand_over(answer)
        # They are met once more where the requests are read.
        self.tally.answered_before -= len(results) - before

    # -- answers

    async def _ask(self, session: Session, asked: Asked, estimate: Estimate) -> None:
        holds = self._slots

        async def reading() -> None:
            nonlocal holds
            await self._readers.acquire()
            self._slots.release()
            holds = self._readers

        options = self._options
        try:
            answer = await ask(asked, session, options.make_stream, retry_failed=options.retry_failed, reading=reading)
            self._end(asked, estimate)
            if self._results is not None:
                _write(self._results, answer)
            if self._cleaner is not None:
                await self._cleaner.written(answer)
            await self._hand_over(answer)
        except BrokenRequest as broken:
            self._break(broken)
        except Exception as error:
            self._fail(error)
        finally:
            self._end(asked, estimate)
            holds.release()

    def _end(self, asked: Asked, estimate: Estimate) -> None:
        """A request does not run any more."""
        if self._running.pop(asked.request.number, None) is None:
            return
        self.tally.attempts(asked.attempts, anyio.current_time())
        self._budget.settle(asked.request.custom_id, estimate, asked.attempts)
        ended, self._one_ended = self._one_ended, anyio.Event()
        ended.set()

    async def _hand_over(self, answer: RunAnswer[Any]) -> None:
        self.tally.answer(answer)
        most = self._options.max_failures
        if most is not None and self.tally.failed >= most:
            why = f"{self.tally.failed:,} requests have failed."
            self._stop_for(RunStopped("max_failures", why, answer.diagnosis))
        await self.answers.put(answer)

    # -- what ends it

    def _break(self, broken: BrokenRequest) -> None:
        self.tally.broken += 1
        if self._options.on_broken is None:
            logger.warning("unbroken: %s", broken)
        else:
            self._options.on_broken(broken)

    def _stop_for(self, why: RunStopped) -> None:
        """No more is asked; what runs is finished, and then the caller is told why."""
        self.answers.error = self.answers.error or why
        self.stop()

    def _fail(self, error: Exception) -> None:
        """Nothing can go on."""
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        if self.answers.error is None or isinstance(self.answers.error, RunStopped):
            self.answers.error = error
        self.stop()
        self._scope.cancel()


def _write(results: ResultFile, answer: RunAnswer[Any]) -> None:
    kind = str(answer.result["type"])
    results.append(Result(answer.custom_id, kind), line_of(answer.custom_id, answer.result))
