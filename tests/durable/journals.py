"""Journals that are away, slow or faulty, as a test wants them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio

from unbroken.journal import Ended, JournalUnavailable, Lease, MemoryJournal

__all__ = ["GatedJournal"]


class GatedJournal(MemoryJournal):
    """A journal whose calls can be held up, or fail.

    Attributes:
        gates: By the name of a method, what its calls wait for before they do anything.
        begun: By the name of a method, how many calls of it have begun.
        away: The names of the methods that raise `JournalUnavailable`.
        unsure: The names of those that do what they are asked, and then raise it: as often as it says.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.gates: dict[str, anyio.Event] = {}
        self.begun: dict[str, int] = {}
        self.away: set[str] = set()
        self.unsure: dict[str, int] = {}

    async def _pass(self, name: str) -> None:
        self.begun[name] = self.begun.get(name, 0) + 1
        if name in self.away:
            raise JournalUnavailable("it is away")
        if name in self.gates:
            await self.gates[name].wait()

    def _answer(self, name: str) -> None:
        if self.unsure.get(name, 0):
            self.unsure[name] -= 1
            raise JournalUnavailable("the answer was lost")

    async def append(self, lease: Lease, entries: Sequence[bytes], *, end: Ended | None = None) -> bool:
        await self._pass("append")
        if end is not None:
            await self._pass("end")
        stopping = await super().append(lease, entries, end=end)
        self._answer("append")
        return stopping

    async def create(self, *args: Any, **kwargs: Any) -> Any:
        await self._pass("create")
        found = await super().create(*args, **kwargs)
        self._answer("create")
        return found

    async def take(self, *args: Any, **kwargs: Any) -> Any:
        await self._pass("take")
        found = await super().take(*args, **kwargs)
        self._answer("take")
        return found

    async def release(self, lease: Lease) -> None:
        await self._pass("release")
        await super().release(lease)

    async def read(self, *args: Any, **kwargs: Any) -> Any:
        await self._pass("read")
        return await super().read(*args, **kwargs)

    async def hold(self, *args: Any, **kwargs: Any) -> Any:
        await self._pass("hold")
        return await super().hold(*args, **kwargs)
