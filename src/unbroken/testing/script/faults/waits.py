"""Faults of time: silence, pings and no more, and events that come late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, final

import anyio

from unbroken.testing.script.faults.fault import End, ResponseFault, Wire
from unbroken.testing.script.faults.place import MIDDLE, At

__all__ = ["Pings", "Silence", "Slow"]

_PING: Final = {"type": "ping"}


@final
@dataclass(frozen=True, slots=True)
class Silence(ResponseFault):
    """Nothing is sent: a slow first byte at `BEFORE_RESPONSE`, slow first content at `AFTER_MESSAGE_START`.

    Attributes:
        seconds: For how long; None: until the client hangs up.
        at: Where.
    """

    seconds: float | None = None
    at: At = MIDDLE

    async def play(self, wire: Wire) -> End | None:
        """Wait."""
        del wire
        await (anyio.sleep_forever() if self.seconds is None else anyio.sleep(self.seconds))
        return None


@final
@dataclass(frozen=True, slots=True)
class Pings(ResponseFault):
    """Nothing but pings is sent.

    Attributes:
        seconds: For how long; None: until the client hangs up.
        every: Seconds between two pings.
        at: Where; not before the headers.
    """

    before_headers: ClassVar[bool] = False

    seconds: float | None = None
    every: float = 15.0
    at: At = MIDDLE

    async def play(self, wire: Wire) -> End | None:
        """Send a ping every so many seconds."""
        until = None if self.seconds is None else anyio.current_time() + self.seconds
        while until is None or anyio.current_time() + self.every <= until:
            await anyio.sleep(self.every)
            await wire.send(wire.frame(_PING))
        await anyio.sleep_until(until)
        return None


@final
@dataclass(frozen=True, slots=True)
class Slow(ResponseFault):
    """Every event comes late.

    Attributes:
        seconds: How long the server waits before each event.
    """

    seconds: float

    async def play(self, wire: Wire) -> End | None:
        """Slow the response down."""
        wire.pace = max(wire.pace, self.seconds)
        return None
