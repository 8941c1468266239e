"""Getting streams: creating and taking them, when answers are lost and callers go away.

Each such call has a name, which the server keeps with the stream. It is what a writer proves itself with, for after a
fail-over that has lost what was acknowledged two may have got the same fence. A call whose answer was lost has the same
name when it is made again, and then gets the answer of the first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import anyio

from ...concurrency.detached import detach
from ..errors import JournalError, JournalUnavailable
from ..protocol import Lease

__all__ = ["Claims", "RedisLease", "proof_of"]

#: Of so many calls it is kept that their answer was lost; whoever calls again does so within seconds.
_MOST: Final = 10_000


@dataclass(slots=True, eq=False)
class RedisLease(Lease):
    """A lease that proves itself.

    Attributes:
        call: The name of the call by which it was got.
        proven: The fence that it was got with.
    """

    call: str = ""
    proven: int = 0

    def __eq__(self, other: object) -> bool:
        """Like a lease without proof."""
        if not isinstance(other, Lease):
            return NotImplemented
        return (self.stream_id, self.fence, self.head) == (other.stream_id, other.fence, other.head)

    __hash__ = None  # type: ignore[assignment] # its head moves


def proof_of(lease: Lease) -> tuple[str, int, int, str]:
    """What the scripts take for a lease; the last is empty where it was not got like this."""
    call = lease.call if isinstance(lease, RedisLease) and lease.proven == lease.fence else ""
    return lease.stream_id, lease.fence, lease.head, call


class Claims:
    """How one worker gets streams.

    Args:
        worker: Its name.
        run: Runs a script by its name.
    """

    def __init__(self, worker: str, run: Callable[..., Awaitable[Any]]) -> None:
        self._worker = worker
        self._run = run
        self._numbers = count(1)
        self._unsure: dict[int, str] = {}

    async def claim(self, script: str, lease: RedisLease, *args: bytes | str | int) -> Any:
        """Get a stream; returns what the script replies, which is 1 if it is got.

        Where the caller is cancelled meanwhile, nobody is going to write it: if it is got, it is left to others.

        Args:
            script: That gets it.
            lease: That it is got with; it is given its proof.
            args: What the script has behind the stream's id and the name of the call.

        Raises:
            JournalError: As running the script raises it.
        """
        key = hash((script, lease.stream_id, lease.fence, *args))
        name = self._unsure.pop(key, None) or f"{self._worker}-{next(self._numbers)}"
        claim = _Claim(
            ask=lambda: self._run(script, lease.stream_id, name, *args),
            give_back=lambda: self._run("release", lease.stream_id, lease.fence, lease.head, name),
        )
        try:
            reply = await claim.result()
        except JournalUnavailable:
            if len(self._unsure) >= _MOST:
                del self._unsure[next(iter(self._unsure))]
            self._unsure[key] = name
            raise
        lease.call, lease.proven = name, lease.fence
        return reply


class _Claim:
    """One call, in a task of its own: it is known what came of it, even if its caller is cancelled."""

    def __init__(self, ask: Callable[[], Awaitable[Any]], give_back: Callable[[], Awaitable[Any]]) -> None:
        self._ask = ask
        self._give_back = give_back
        self._reply: Any = None
        self._error: JournalError | None = None
        self._is_abandoned = False

    async def result(self) -> Any:
        """What the script replies."""
        step = detach(self._work)
        try:
            await step.wait()
        except BaseException:
            self._is_abandoned = True
            if self._reply == 1:  # it was got in this very moment
                await self._leave()
            raise
        if self._error is not None:
            raise self._error
        return self._reply

    async def _work(self) -> None:
        try:
            self._reply = await self._ask()
        except JournalError as error:
            self._error = error
        if self._reply == 1 and self._is_abandoned:
            await self._leave()

    async def _leave(self) -> None:
        with anyio.CancelScope(shield=True), suppress(JournalError):
            await self._give_back()
