"""What a task asks of a thread, and waits for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast

from ...concurrency.detached import Wakeup
from ..protocol import Lease

__all__ = ["Append", "Call"]

T = TypeVar("T")


class Call(Generic[T]):
    """One piece of work for a thread.

    Attributes:
        work: What is done there; it is given what the thread works on.
        abandoned: Whether nobody waits any more.
        result: What it has returned, where `error` is None.
        error: What it has raised.
    """

    __slots__ = ("_ended", "abandoned", "error", "result", "work")

    def __init__(self, work: Callable[[Any], T], ended: Wakeup) -> None:
        self.work = work
        self.result = cast("T", None)
        self.abandoned = False
        self.error: Exception | None = None
        self._ended = ended

    async def wait(self) -> T:
        """What the work returns, or raises. Cancelling it withdraws the work, if it has not begun."""
        try:
            await self._ended.wait()
        except BaseException:
            self.abandoned = True
            raise
        if self.error is not None:
            raise self.error
        return self.result

    def end(self) -> None:
        """Wake who waits; called in the event loop."""
        self._ended.set()


class Append(Call[bool]):
    """Entries of one stream; the result is whether somebody asks for its end."""

    __slots__ = ("entries", "lease")

    def __init__(self, lease: Lease, entries: Sequence[bytes], work: Callable[[Any], bool], ended: Wakeup) -> None:
        super().__init__(work, ended)
        self.lease = lease
        self.entries = entries
