"""Asks a journal: patiently where it is away, and once for all who want to know the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar, cast

import anyio

from ..concurrency.detached import Step, detach
from ..journal import JournalUnavailable

__all__ = ["STOOD_STILL", "Questions", "patiently"]

T = TypeVar("T")

#: How many questions are asked at a time: what a crowd of readers asks for comes one after the other, and each in time.
_AT_A_TIME: Final = 8
#: Between tries where the journal is away, in seconds.
_PAUSE: Final = 0.1
#: What comes so much later than its deadline, in seconds, says that this process stood still meanwhile, as on a laptop
#: whose lid was closed: of the journal it says nothing.
STOOD_STILL: Final = 1.0


async def patiently(ask: Callable[[], Awaitable[T]], patience: float) -> T:
    """What the journal answers, asked again while it is away, for so many seconds. Raises `JournalError`.

    The seconds in which this process stood still are none of them.
    """
    until, has_stood_still = anyio.current_time() + patience, False
    while True:
        try:
            with anyio.CancelScope(deadline=until):
                return await ask()
            raise JournalUnavailable("the journal does not answer")
        except JournalUnavailable:
            now = anyio.current_time()
            # Once: else a journal that answers late by itself would be asked for ever.
            if now >= until + STOOD_STILL and not has_stood_still:
                until, has_stood_still = now + patience, True
            elif now + _PAUSE >= until:
                raise
        await anyio.sleep(_PAUSE)


class _Question:
    """What is to be asked, and has not been yet."""

    __slots__ = ("answer", "error", "step")

    def __init__(self) -> None:
        self.step: Step | None = None
        self.answer: Any = None
        self.error: Exception | None = None


class Questions:
    """Questions of one process to one journal."""

    def __init__(self) -> None:
        self._turns = anyio.Semaphore(_AT_A_TIME)
        self._waiting: dict[tuple[object, ...], _Question] = {}

    async def shared(self, key: tuple[object, ...], ask: Callable[[], Awaitable[T]], patience: float) -> T:
        """What the journal answers, to a question that waits for its turn, which is no absence of the journal's.

        Those who ask for the same share one answer, as a crowd of readers does that comes back; but no answer is older
        than a question. So what one has written, and another has heard of, is in what that one reads.

        Args:
            key: What is asked for.
            ask: Asks for it.
            patience: How long the journal may be away, in seconds.

        Raises:
            JournalError: The journal has it.
        """
        question = self._waiting.get(key)
        if question is None:
            question = self._waiting[key] = _Question()
            question.step = detach(lambda: self._ask(key, question, ask, patience))
        assert question.step is not None
        await question.step.wait()
        if question.error is not None:
            raise question.error
        return cast("T", question.answer)

    async def _ask(
        self, key: tuple[object, ...], question: _Question, ask: Callable[[], Awaitable[T]], patience: float
    ) -> None:
        try:
            await self._turns.acquire()
        finally:
            # Who comes from now on may know of more than this will answer.
            del self._waiting[key]
        try:
            question.answer = await patiently(ask, patience)
        except Exception as error:
            question.error = error  # whoever still waits raises it
        finally:
            self._turns.release()
