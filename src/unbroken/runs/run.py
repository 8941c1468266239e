"""A run: requests are taken as there is room for them, asked, written down, and handed over as they end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Generic, Self

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from ..concurrency.detached import Step, detach
from ..durable.session import Session, session_of
from ..journal import Journal
from ..logs import logger
from ..sdk.typed_events import FormatT
from .answer import RunAnswer
from .asking import Ask, Asked, ask
from .cleaning import Cleaner
from .costs import Budget, Estimate
from .errors import BrokenRequest, RunStopped
from .lines import Result, line_of
from .progress import RunProgress, Tally
from .request import RunRequest
from .result_file import ResultFile
from .source import Source

__all__ = ["Run", "RunOptions"]

#: How many requests that another process answers are read along, for each that may be asked here.
_READERS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What a run is told.

    Attributes:
        source: The requests.
        journal: Where their streams are.
        owns_journal: Whether the run opens and closes it, and clears away what the file of results has.
        make_stream: Makes the stream of a request.
        estimate: What a request may cost.
        open_results: Opens the file of results; None: there is none.
        concurrency: How many are asked at a time.
        max_cost: What may be spent, in USD; None: any amount.
        max_failures: How many may fail; None: all of them.
        retry_failed: Whether what has failed before is asked once more.
        on_broken: Told of each request that cannot be asked as it stands; None: the log is.
        total: How many requests there are; None: that is not known.
    """

    source: Source
    journal: Journal
    owns_journal: bool
    make_stream: Ask
    estimate: Callable[[RunRequest], Estimate]
    open_results: Callable[[], ResultFile] | None = None
    concurrency: int = 16
    max_cost: float | None = None
    max_failures: int | None = None
    retry_failed: bool = False
    on_broken: Callable[[BrokenRequest], object] | None = None
    total: int | None = None


@dataclass(slots=True)
class _State:
    """What a run has while it goes on."""

    session: Session
    results: ResultFile | None
    cleaner: Cleaner | None
    slots: anyio.Semaphore
    readers: anyio.Semaphore
    tasks: TaskGroup
    running: dict[int, Asked] = field(default_factory=dict)
    ended: anyio.Event = field(default_factory=anyio.Event)


class Run(Generic[FormatT]):
    """What `run` returns: iterate it for the answers, each as it ends; nothing is asked before that.

    It takes requests as there is room for them, so that no more of them are in memory than are worked on, and waits
    while nobody takes its answers. Leave it by `async with`, or with `aclose`: what runs is then given up, and goes on
    where it was when the run is started again. `stop` lets what runs be finished.

    Iterating raises `RunStopped` when the run has ended before all was asked, what the journal and the file of results
    raise (`JournalError`, `ResultFileError`, `OSError`), and what the requests' own generator raises. How one request
    has ended is never raised: it is an answer.
    """

    def __init__(self, options: RunOptions) -> None:
        self._options = options
        self._budget = Budget(options.max_cost)
        self._tally: Tally | None = None
        self._state: _State | None = None
        self._ready: deque[RunAnswer[FormatT]] = deque()
        self._changed: anyio.Event | None = None
        self._step: Step | None = None
        self._pulling: anyio.CancelScope | None = None
        self._error: Exception | None = None
        self._stopping = self._done = False

    # -- what its caller looks at

    @property
    def progress(self) -> RunProgress:
        """How far it is."""
        now = anyio.current_time()
        tally = self._tally or Tally(now)
        running = () if self._state is None else [asked.report for asked in self._state.running.values()]
        budget = self._budget
        return tally.progress(
            now, total=self._options.total, running=running, spent=budget.spent, unpriced=budget.unpriced
        )

    @property
    def tally(self) -> Tally | None:
        """What came of its requests, counted; None before the first answer was asked for."""
        return self._tally

    # -- reading

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RunAnswer[FormatT]:
        if self._step is None:
            self._tally = Tally(anyio.current_time())
            self._changed = anyio.Event()
            self._step = detach(self._work)
        while not self._ready:
            if self._done:
                raise self._outcome()
            assert self._changed is not None
            await self._changed.wait()
        answer = self._ready.popleft()
        self._wake()
        return answer

    def _outcome(self) -> Exception:
        error, self._error = self._error, None
        return error or StopAsyncIteration()

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = anyio.Event()

    # -- the end

    def stop(self) -> None:
        """Ask for nothing more; what runs is finished, and its answers still come."""
        self._stopping = True
        if self._pulling is not None:
            self._pulling.cancel()

    async def aclose(self) -> None:
        """Give up what runs. Safe to call twice."""
        self._stopping = True
        step, self._step = self._step, None
        with anyio.CancelScope(shield=True):
            if step is not None:
                await step.cancel()
            elif not self._done:
                await self._options.source.aclose()
        self._done = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.aclose()

    # -- the work, in a task of its own

    async def _work(self) -> None:
        options = self._options
        results: ResultFile | None = None
        try:
            if options.open_results is not None:
                results = options.open_results()
            opening: AbstractAsyncContextManager[Any] = options.journal if options.owns_journal else nullcontext()
            async with opening:
                await self._run(results)
        except Exception as error:
            self._fail(error)
        finally:
            if results is not None:
                results.close()
            with anyio.CancelScope(shield=True), suppress(Exception):
                await options.source.aclose()
            self._done = True
            self._wake()

    async def _run(self, results: ResultFile | None) -> None:
        options = self._options
        session = session_of(options.journal)
        cleaner = None
        if results is not None and options.owns_journal:
            cleaner = Cleaner(options.journal, results)
            await cleaner.sweep()
        async with anyio.create_task_group() as tasks:
            self._state = _State(
                session=session,
                results=results,
                cleaner=cleaner,
                slots=anyio.Semaphore(options.concurrency),
                readers=anyio.Semaphore(_READERS * options.concurrency),
                tasks=tasks,
            )
            await self._take_requests(self._state)
        if cleaner is not None:
            await cleaner.clean()

    async def _take_requests(self, state: _State) -> None:
        """Begin one request after the other, as there is room."""
        while not self._stopping:
            await state.slots.acquire()
            request = await self._next(state)
            if request is None:
                state.slots.release()
                return
            estimate = self._options.estimate(request)
            while (begins := self._may_begin(request, estimate)) is None:
                await state.ended.wait()
            if not begins:
                state.slots.release()
                return
            state.running[request.number] = asked = Asked(request)
            state.tasks.start_soon(self._ask, state, asked, estimate)

    async def _next(self, state: _State) -> RunRequest | None:
        """The next request that has no result; None: there is none, or no more are wanted."""
        assert self._tally is not None
        while not self._stopping:
            try:
                with anyio.CancelScope() as self._pulling:
                    request = await self._options.source.next()
            except BrokenRequest as broken:
                self._break(broken)
                continue
            if self._pulling.cancelled_caught:
                return None
            if request is not None and state.results is not None and request.custom_id in state.results:
                self._tally.answered_before += 1
                if self._tally.answered_before % 256 == 0:  # others have something to do, too
                    await anyio.lowlevel.checkpoint()
                continue
            return request
        return None

    def _may_begin(self, request: RunRequest, estimate: Estimate) -> bool | None:
        if self._stopping:
            return False
        begins = self._budget.may_begin(request.custom_id, estimate)
        if begins is False:
            self._stop_for(
                RunStopped(
                    "max_cost",
                    f"The budget of ${self._budget.most:,.2f} does not reach any further: "
                    f"${self._budget.spent:,.2f} are spent.",
                )
            )
        return begins

    async def _ask(self, state: _State, asked: Asked, estimate: Estimate) -> None:
        holds = state.slots

        async def reading() -> None:
            nonlocal holds
            await state.readers.acquire()
            state.slots.release()
            holds = state.readers

        try:
            answer = await ask(
                asked,
                state.session,
                self._options.make_stream,
                retry_failed=self._options.retry_failed,
                reading=reading,
            )
            self._end(state, asked, estimate)
            self._write(state, answer)
            if state.cleaner is not None:
                await state.cleaner.written(answer)
            await self._hand_over(answer)
        except BrokenRequest as broken:
            self._break(broken)
        except Exception as error:
            self._fail(error)
        finally:
            self._end(state, asked, estimate)
            holds.release()

    def _end(self, state: _State, asked: Asked, estimate: Estimate) -> None:
        """A request does not run any more."""
        if state.running.pop(asked.request.number, None) is None:
            return
        assert self._tally is not None
        self._tally.attempts(asked.attempts, anyio.current_time())
        self._budget.settle(asked.request.custom_id, estimate, asked.attempts)
        state.ended.set()
        state.ended = anyio.Event()

    def _write(self, state: _State, answer: RunAnswer[FormatT]) -> None:
        if state.results is not None:
            kind = str(answer.result["type"])
            state.results.append(Result(answer.custom_id, kind), line_of(answer.custom_id, answer.result))

    async def _hand_over(self, answer: RunAnswer[FormatT]) -> None:
        """Keep the answer for the caller, and wait while there are many of them."""
        assert self._tally is not None
        self._tally.answer(answer)
        most = self._options.max_failures
        if most is not None and self._tally.failed >= most:
            self._stop_for(
                RunStopped("max_failures", f"{self._tally.failed:,} requests have failed.", answer.diagnosis)
            )
        self._ready.append(answer)
        self._wake()
        while len(self._ready) > self._options.concurrency:
            assert self._changed is not None
            await self._changed.wait()

    # -- what ends it

    def _break(self, broken: BrokenRequest) -> None:
        assert self._tally is not None
        self._tally.broken += 1
        if self._options.on_broken is None:
            logger.warning("unbroken: %s", broken)
        else:
            self._options.on_broken(broken)

    def _stop_for(self, why: RunStopped) -> None:
        """No more is asked; what runs is finished, and then the caller is told why."""
        self._error = self._error or why
        self.stop()

    def _fail(self, error: Exception) -> None:
        """Nothing can go on."""
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        if self._error is None or isinstance(self._error, RunStopped):
            self._error = error
        self.stop()
        if self._state is not None:
            self._state.tasks.cancel_scope.cancel()
