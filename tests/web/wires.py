"""What a wire makes of a stream, without a server; and the frames of a body, as a browser reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.web.messages import Recorded

from unbroken.web.problem import CANCELLED, Problem
from unbroken.web.ui_message import Chunk, UIMessageChunks
from unbroken.web.wire import Wire

__all__ = ["FAILED", "Frame", "body_of", "chunks_of", "frames_of"]

#: What a stream that failed is told with.
FAILED: Final = Problem("overloaded_error", "The answer could not be finished (overloaded_error).")


def body_of(wire: Wire, stream: Recorded) -> bytes | None:
    """The whole body; None where it has to break off."""
    body = b""
    for position, event in stream.entries:
        pushed = wire.push(position, event)
        if pushed is None:
            return None
        body += pushed
        if wire.over:
            return body
    last = wire.end() if stream.end == "complete" else wire.fail(CANCELLED if stream.end == "cancelled" else FAILED)
    return None if last is None else body + last


def chunks_of(stream: Recorded) -> list[Chunk]:
    """The chunks of the UI message stream."""
    chunks = UIMessageChunks()
    found: list[Chunk] = []
    for _, event in stream.entries:
        found += chunks.push(event)
    if stream.end == "complete":
        return found + list(chunks.end())
    return found + list(chunks.fail(CANCELLED if stream.end == "cancelled" else FAILED))


@dataclass(frozen=True)
class Frame:
    """One frame as a browser dispatches it."""

    event: str
    data: str
    id: str | None

    @property
    def json(self) -> Any:
        """Its data."""
        return json.loads(self.data)


def frames_of(body: bytes) -> Sequence[Frame]:
    """The whole frames of a body that have data; what was cut off at its end is not dispatched."""
    found = []
    for block in body.decode().split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in fields:
            found.append(Frame(fields.get("event", "message"), fields["data"], fields.get("id")))
    return found
