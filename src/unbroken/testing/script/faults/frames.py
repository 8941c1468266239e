"""Faults of single events: cut, malformed, or one that nobody knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, final

from unbroken.testing.script.faults.fault import End, ResponseFault, Wire
from unbroken.testing.script.faults.place import MIDDLE, At

__all__ = ["BadJson", "CutFrame", "Event"]


@final
@dataclass(frozen=True, slots=True)
class CutFrame(ResponseFault):
    """The event that comes next is cut inside its SSE frame, and the body ends.

    Attributes:
        at: After what the cut event comes.
        keep: How many bytes of its frame are sent; a negative number counts from the frame's end.
        end: How the body ends: `"eof"` cleanly, `"drop"` by FIN inside a chunk, `"reset"` by RST.
    """

    before_headers: ClassVar[bool] = False
    unstreamed: ClassVar[End | None] = End.CLOSE

    at: At = MIDDLE
    keep: int = -20
    end: Literal["eof", "drop", "reset"] = "eof"

    async def play(self, wire: Wire) -> End | None:
        """Cut the next event, whichever it is."""

        async def cut(event: Mapping[str, Any]) -> End:
            data = wire.frame(event)
            kept = data[: self.keep]
            if self.end == "drop":
                await wire.send_cut(data, len(kept))
                return End.CLOSE
            await wire.send(kept)
            return End.RESET if self.end == "reset" else await wire.finish()

        wire.write_next(cut)
        return None


@final
@dataclass(frozen=True, slots=True)
class BadJson(ResponseFault):
    """The event that comes next, but for pings, is a complete frame of malformed JSON; the stream goes on after it."""

    before_headers: ClassVar[bool] = False

    at: At = MIDDLE

    async def play(self, wire: Wire) -> End | None:
        """Malform the next event."""

        async def malform(event: Mapping[str, Any]) -> None:
            await wire.send(wire.malformed(event))

        wire.write_next(malform, pings=False)  # a ping that is no JSON does nobody any harm
        return None


@final
@dataclass(frozen=True, slots=True)
class Event(ResponseFault):
    """One event more, such as a type that nobody knows yet; the stream goes on after it.

    Attributes:
        type: The event's name, and its data's `type`.
        data: The other fields of its data.
        at: Where; not before the headers.
    """

    before_headers: ClassVar[bool] = False

    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    at: At = MIDDLE

    async def play(self, wire: Wire) -> End | None:
        """Send it."""
        await wire.send(wire.frame({"type": self.type, **self.data}))
        return None
