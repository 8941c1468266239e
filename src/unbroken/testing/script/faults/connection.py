"""Faults of the connection: it is reset, closed, ended too early, or refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

from unbroken.testing.script.faults.fault import End, ResponseFault, Wire
from unbroken.testing.script.faults.place import MIDDLE, At

__all__ = ["Drop", "EndOfFile", "Refuse", "Reset"]


@final
@dataclass(frozen=True, slots=True)
class Reset(ResponseFault):
    """The connection is reset (TCP RST)."""

    unstreamed: ClassVar[End | None] = End.RESET

    at: At = MIDDLE

    async def play(self, wire: Wire) -> End | None:
        """Reset it."""
        del wire
        return End.RESET


@final
@dataclass(frozen=True, slots=True)
class Drop(ResponseFault):
    """The connection is closed (TCP FIN) inside a chunk, or with no response at all (`BEFORE_RESPONSE`)."""

    unstreamed: ClassVar[End | None] = End.CLOSE

    at: At = MIDDLE

    async def play(self, wire: Wire) -> End | None:
        """Send half of the event that comes next, and close."""
        if wire.begun:
            data = wire.frame(wire.following)
            await wire.send_cut(data, len(data) // 2)
        return End.CLOSE


@final
@dataclass(frozen=True, slots=True)
class EndOfFile(ResponseFault):
    """The body ends as if it were whole, without `message_stop`. `BEFORE_MESSAGE_START` makes an empty body.

    Attributes:
        at: Where.
        framing: `"chunked"`: the terminating chunk is sent; `"close"`: the body has no length, and ends
            where the connection does.
    """

    unstreamed: ClassVar[End | None] = End.CLOSE

    at: At = MIDDLE
    framing: Literal["chunked", "close"] = "chunked"

    def prepare(self, wire: Wire) -> None:
        """Choose the framing."""
        if self.framing == "close":
            wire.chunked = False

    async def play(self, wire: Wire) -> End | None:
        """End the body. Where no body has begun, the connection ends."""
        return await wire.finish() if wire.begun else End.CLOSE


@final
@dataclass(frozen=True, slots=True)
class Refuse:
    """The listening socket is closed, so that connections are refused, and opened again on the same port.

    It is in force from the response before it on (from the start, if it comes first), and stands for no
    request: a refused connection is not seen, so the step after it is that of the next request that arrives. Idle
    connections are closed too. The seconds count from the end of that response.

    Attributes:
        seconds: For how long.
    """

    seconds: float
