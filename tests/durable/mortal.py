"""A journal as one process has it that can die without a word, or stand still, in the middle of any call."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import anyio

from unbroken.journal import Journal, JournalError, Lease, StreamGone

__all__ = ["MortalJournal"]

_WRITING: Final = frozenset({"create", "take", "append"})
_CALLS: Final = frozenset(
    {"create", "take", "append", "hold", "release", "look", "read", "wait", "cancel", "orphans", "streams", "purge"}
)


class MortalJournal:
    """A journal of one process, through which nothing goes any more when that is dead.

    Args:
        journal: What the process has open.

    Attributes:
        wrote: Which streams it has written, under which fences.
        dead: Whether it is.
    """

    def __init__(self, journal: Journal) -> None:
        self.wrote: set[tuple[str, int]] = set()
        self.dead = False
        self._journal = journal
        self._leases: dict[str, Lease] = {}
        self._awake: anyio.Event | None = None
        self._moments: int | None = None  # until it stands still

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._journal, name)
        if name not in _CALLS:
            return found

        async def call(*args: Any, **kwargs: Any) -> Any:
            await self._pass(name)
            answer = await found(*args, **kwargs)
            if name in ("create", "take") and isinstance(answer, Lease):
                self._leases[answer.stream_id] = answer
                self.wrote.add((answer.stream_id, answer.fence))
            if name == "append":
                self.wrote.add((args[0].stream_id, args[0].fence))
            # Who dies here has done it, and has not heard so.
            await self._pass(name)
            return answer

        return call

    async def _pass(self, name: str) -> None:
        if self._moments is not None and name in _WRITING:
            self._moments -= 1
            if not self._moments:
                self.freeze()
        while self._awake is not None:
            await self._awake.wait()
        if self.dead:
            raise JournalError("the process is dead")

    @property
    def is_frozen(self) -> bool:
        """Whether it stands still."""
        return self._awake is not None

    def freeze(self, moments: int = 0) -> None:
        """It stands still, and does not notice: at once, or in so many moments before and behind what it writes."""
        self._moments = moments or None
        if not moments:
            self._awake = self._awake or anyio.Event()

    def thaw(self) -> None:
        """It goes on."""
        awake, self._awake, self._moments = self._awake, None, None
        if awake is not None:
            awake.set()

    def die(self) -> None:
        """Nothing that it still does reaches anybody."""
        self.dead = True
        self.thaw()

    async def give_up(self) -> None:
        """Others may have what it holds, as they may when its lease is over."""
        for lease in self._leases.values():
            with suppress(StreamGone):
                await self._journal.release(replace(lease))
