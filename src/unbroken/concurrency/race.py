"""A staggered race of openers: they start one after another, and the first that is healthy wins.

The rules are those of RFC 8305 ("happy eyeballs"), in the manner of trio's `open_tcp_stream`: the next one starts when
those before it have shown nothing for `delay` seconds, or at once when one of them fails. The race begins and ends
inside one call; whoever has not won is closed when it returns.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from typing import Any, Generic, TypeVar

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

__all__ = ["Opener", "race"]

T = TypeVar("T")

#: Opens something: returns it once it is healthy, or None when it failed. It closes after itself when it is cancelled.
Opener = Callable[[], Awaitable[T | None]]


async def race(
    openers: Sequence[Opener[T]],
    *,
    delay: float,
    eager: Collection[int] = (),
    preference_grace: float = 0.0,
    max_concurrent: int | None = None,
    admit: Callable[[int], Awaitable[bool]] | None = None,
    discard: Callable[[T], Coroutine[Any, Any, None]],
) -> T | None:
    """Run the openers against each other; return what the winner opened, or None when all have failed.

    Args:
        openers: In order of preference.
        delay: Seconds without a healthy one before the next starts; 0 starts all at once.
        doubtful: The ranks of those that are not waited for: the next one starts with them.
        preference_grace: Seconds that a preferred opener still has, once another one is healthy. They end early when
            no preferred one is left in the race.
        max_concurrent: How many may run at a time. None: all.
        admit: Asked with its rank before each opener but the first starts; it may wait. False: that one is passed
            over. None: all are admitted.
        discard: Closes what a loser had opened.

    Raises:
        Exception: What an opener or `admit` raised before one was healthy; the race is over then, and everything is
            closed.
    """
    contest = _Race(openers, delay, eager, preference_grace, max_concurrent or len(openers), admit)
    winner: T | None = None
    try:
        winner = await contest.run()
    finally:
        losers = [opened for opened in contest.healthy.values() if opened is not winner]
        if losers:
            with anyio.CancelScope(shield=True):
                async with anyio.create_task_group() as tasks:
                    for opened in losers:
                        tasks.start_soon(discard, opened)
    return winner


class _Race(Generic[T]):
    """One race: who is running, who has failed, who is healthy."""

    def __init__(
        self,
        openers: Sequence[Opener[T]],
        delay: float,
        eager: Collection[int],
        grace: float,
        max_concurrent: int,
        admit: Callable[[int], Awaitable[bool]] | None,
    ) -> None:
        self.healthy: dict[int, T] = {}
        self._openers = openers
        self._delay = delay
        self._eager = eager
        self._grace = grace
        self._max_concurrent = max_concurrent
        self._admit = admit
        self._running: set[int] = set()
        self._failures = 0
        self._answered = 0  # failures that another opener has been started for
        self._error: Exception | None = None
        self._changed = anyio.Event()
        self._admission = anyio.CancelScope()

    async def run(self) -> T | None:
        async with anyio.create_task_group() as tasks:
            await self._start_all(tasks)
            await self._until(lambda: not self._running)
            if self._grace:
                with anyio.move_on_after(self._grace):
                    await self._until(lambda: not self._is_preferred_running(), despite_health=True)
            tasks.cancel_scope.cancel()
        if self.healthy:
            return self.healthy[min(self.healthy)]
        if self._error is not None:
            raise self._error
        return None

    async def _start_all(self, tasks: TaskGroup) -> None:
        due = True  # the first, and whoever comes after one that is passed over
        for rank in range(len(self._openers)):
            if not due:
                await self._until_due(rank)
            if self._over:
                return
            due = bool(rank) and not await self._is_admitted(rank)
            if not due:
                self._answered = min(self._answered + 1, self._failures) if rank else 0
                self._running.add(rank)
                tasks.start_soon(self._run, rank)

    async def _until_due(self, rank: int) -> None:
        """Wait until this one may start."""
        if rank - 1 in self._eager:
            await anyio.lowlevel.checkpoint()  # the doubtful one is still the first to be asked
        elif self._delay:
            with anyio.move_on_after(self._delay):
                await self._until(lambda: self._failures > self._answered or not self._running)
        await self._until(lambda: len(self._running) < self._max_concurrent)

    async def _is_admitted(self, rank: int) -> bool:
        """Whether this one may start. Whoever is healthy meanwhile ends the wait; nothing is admitted in vain."""
        if self._admit is None:
            return True
        with anyio.CancelScope() as self._admission:
            try:
                return await self._admit(rank)
            except Exception as error:
                self._error = self._error or error
        return False

    async def _run(self, rank: int) -> None:
        try:
            opened = await self._openers[rank]()
        except Exception as error:
            # Raised at the end, and not through the task group, which would wrap it.
            self._error = self._error or error
        else:
            if opened is None:
                self._failures += 1
            else:
                self.healthy[rank] = opened
        finally:
            self._running.discard(rank)
            changed, self._changed = self._changed, anyio.Event()
            changed.set()
            if self._over:
                self._admission.cancel()

    # -- what is waited for

    @property
    def _over(self) -> bool:
        return bool(self.healthy) or self._error is not None

    def _is_preferred_running(self) -> bool:
        return bool(self.healthy) and any(rank < min(self.healthy) for rank in self._running)

    async def _until(self, reached: Callable[[], bool], *, despite_health: bool = False) -> None:
        """Wait until something is reached, or the race is over: one is healthy, or something was raised."""
        while not reached() and self._error is None and (despite_health or not self.healthy):
            await self._changed.wait()
