"""Looks for streams that nobody writes, once for all in this process who would go on with any."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import anyio

from ..concurrency.detached import Wakeup, wakeups
from ..journal import Journal, JournalError

__all__ = ["OrphanWatch", "Watcher"]

#: How many orphans are looked at in one turn, beside those that are known and passed over.
_MANY: Final = 100


def _nothing() -> int:
    return 0


@dataclass(frozen=True, slots=True, eq=False)
class Watcher:
    """Who would go on with streams.

    Attributes:
        found: Called with the ids of streams that nobody writes, those first that were created first, over and over.
        name: The one stream that it asks for. None: it takes any.
        passed_over: How many it knows of that it will not take: they are not to stand before the others.
    """

    found: Callable[[Sequence[str]], None]
    name: str | None = None
    passed_over: Callable[[], int] = field(default=_nothing)


class OrphanWatch:
    """The watch of one journal.

    Args:
        journal: Where streams are.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._watchers: set[Watcher] = set()
        self._looks_again: Wakeup | None = None

    @contextmanager
    def watching(self, watcher: Watcher) -> Iterator[None]:
        """While this is open, and `run` runs, the watcher is told."""
        self._watchers.add(watcher)
        try:
            yield
        finally:
            self._watchers.discard(watcher)

    def look_again(self) -> None:
        """Look at once, and not only when it is time."""
        if self._looks_again is not None:
            self._looks_again.set()

    async def run(self) -> None:
        """Look, as long as anybody watches."""
        make_wakeup = wakeups()
        while self._watchers:
            self._looks_again = again = make_wakeup()
            try:
                orphans = await self._orphans()
            except JournalError:
                orphans = []
            if orphans:
                for watcher in list(self._watchers):
                    watcher.found(orphans)
            with anyio.move_on_after(self._journal.orphan_poll):
                await again.wait()

    async def _orphans(self) -> list[str]:
        limit = _MANY + sum(watcher.passed_over() for watcher in self._watchers)
        orphans = await self._journal.orphans(limit)
        if len(orphans) >= limit:
            # There may be more: who asks for one of them does not wait until others have taken those before it.
            names = {watcher.name for watcher in self._watchers if watcher.name is not None}
            for name in names.difference(orphans):
                state = await self._journal.look(name)
                if state is not None and state.orphaned:
                    orphans.append(name)
        return orphans
