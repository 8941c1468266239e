"""A run as its caller has it: iterated for its answers, watched, and stopped."""

from __future__ import annotations

from types import TracebackType
from typing import Generic, Self, cast

import anyio

from ..concurrency.detached import Step, detach
from ..sdk.typed_events import FormatT
from .answer import RunAnswer
from .options import RunOptions
from .progress import RunProgress, Tally
from .work import Work

__all__ = ["Run"]


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
        self._work: Work | None = None
        self._step: Step | None = None
        self._left = False

    @property
    def progress(self) -> RunProgress:
        """How far it is."""
        now = anyio.current_time()
        if self._work is None:
            return Tally(now).progress(now, total=self._options.total, running=(), spent=0.0, unpriced=0)
        return self._work.progress(now)

    @property
    def tally(self) -> Tally | None:
        """What came of its requests, counted; None before the first answer was asked for."""
        return None if self._work is None else self._work.tally

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RunAnswer[FormatT]:
        if self._left:
            raise StopAsyncIteration
        if self._work is None:
            self._work = Work(self._options, anyio.current_time())
            self._step = detach(self._work.run)
        return cast("RunAnswer[FormatT]", await self._work.answers.take())

    def stop(self) -> None:
        """Ask for nothing more; what runs is finished, and its answers still come."""
        if self._work is None:
            self._left = True
        else:
            self._work.stop()

    async def aclose(self) -> None:
        """Give up what runs. Safe to call twice."""
        self._left = True
        step, self._step = self._step, None
        with anyio.CancelScope(shield=True):
            if step is not None:
                await step.cancel()
            elif self._work is None:
                await self._options.source.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.aclose()
