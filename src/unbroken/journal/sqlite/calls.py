"""What a task asks of the journal's connections, and waits for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast

from ...concurrency.detached import Wakeup
from ..protocol import Lease

__all__ = ["Append", "Call"]

T = TypeVar("T")


class Call(Generic[T]):
    """One piece of work.

    Args:
        work: What is done; it is given what it works on. None: a subclass has it.

    Attributes:
        abandoned: Whether nobody waits any more: it need not be begun.
        ended: Whether there is a result, or an error.
        error: What was raised instead of a result.
        until: Until when a lock is waited for; monotonic.
    """

    __slots__ = ("_wakeup", "_work", "abandoned", "ended", "error", "result", "until")

    def __init__(self, work: Callable[[Any], T] | None) -> None:
        self._work = work
        self.result: T = cast("T", None)
        self.error: Exception | None = None
        self.abandoned: bool = False
        self.ended: bool = False
        self.until: float = 0.0
        self._wakeup: Wakeup | None = None

    def run(self, target: Any) -> T:
        """Do the work, with the journal's connection or what has it."""
        assert self._work is not None
        return self._work(target)

    async def wait(self, wakeups: Callable[[], Wakeup]) -> T:
        """What the work returns, or raises. Cancelling it withdraws the work, if it has not begun."""
        if not self.ended:
            self._wakeup = wakeups()
            try:
                await self._wakeup.wait()
            except BaseException:
                self.abandoned = True
                raise
        if self.error is not None:
            raise self.error
        return self.result

    def end(self) -> None:
        """Wake who waits; called in the event loop."""
        self.ended = True
        if self._wakeup is not None:
            self._wakeup.set()


class Append(Call[bool]):
    """Entries of one stream, and no end of it; the result is whether somebody asks for that."""

    __slots__ = ("entries", "lease")

    def __init__(self, lease: Lease, entries: Sequence[bytes]) -> None:
        super().__init__(None)
        self.lease: Lease = lease
        self.entries: Sequence[bytes] = entries

    def run(self, target: Any) -> bool:
        """Append as it is done where something is not as usual."""
        return bool(target.appends.append(self.lease, self.entries, None))
