"""What a request is answered with; of everything but a message, that is a JSON document, or lines of JSON.

A document is played as a stream of one event, and lines as a stream of one event each, so that every fault of a
stream strikes them too: cut in the middle of a line, malformed, late, or never there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from unbroken.testing.claude.reply import Reply
from unbroken.testing.script.faults import ErrorEvent, Status
from unbroken.testing.script.faults.fault import ResponseFault
from unbroken.testing.wire.dialects import FIRST_PARTY, Dialect, Placing
from unbroken.testing.wire.http import error_body

__all__ = ["JSON", "JSON_LINES", "Document", "JsonDialect", "Response", "document"]


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON document, or lines of JSON.

    Attributes:
        parts: The document alone, or one part for each line.
    """

    parts: Sequence[Any]

    def events(self) -> Iterator[dict[str, Any]]:
        """Each part as an event."""
        return ({"type": "part", "json": part} for part in self.parts)


class JsonDialect(Dialect):
    """JSON, with a line end after each part.

    Args:
        content_type: Of the response.
        like: The platform whose headers and errors it has.
    """

    pings: Placing | None = None

    def __init__(self, content_type: str, like: Dialect = FIRST_PARTY) -> None:
        self.content_type = content_type
        self._like = like

    def headers(self, request_id: str) -> dict[str, str]:
        """Those of the platform."""
        return self._like.headers(request_id)

    def events(self, events: Iterable[dict[str, Any]], rng: Random) -> Iterator[dict[str, Any]]:
        """As they are: none of them is a message's."""
        del rng
        return iter(events)

    def error(self, fault: Status, request_id: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        """That of the platform."""
        return self._like.error(fault, request_id)

    def frame(self, event: Mapping[str, Any], rng: Random | None = None) -> bytes:
        """One part. Whatever else is asked for, such as a ping, is an empty line."""
        del rng  # nothing is padded
        return (json.dumps(event["json"], ensure_ascii=False).encode() if "json" in event else b"") + b"\n"

    def malformed(self, event: Mapping[str, Any]) -> bytes:
        """The part without its last bracket."""
        return self.frame(event)[:-2] + b"\n"

    def error_frame(self, fault: ErrorEvent, request_id: str, rng: Random | None = None) -> bytes:
        """The error's body, in the place of a part."""
        del rng
        return self.frame({"json": error_body(fault.type, fault.message or "Error", request_id, fault.details)})


JSON: Final = JsonDialect("application/json")
#: What the results of a batch come as. The SDK reads any type; the vendor's page calls the file `.jsonl`.
JSON_LINES: Final = JsonDialect("application/x-jsonl")


@dataclass(frozen=True, slots=True)
class Response:
    """What one request is answered with.

    Attributes:
        content: A message, something else, or an error.
        dialect: How it is worded.
        faults: What goes wrong with it.
        pace: Seconds between two events.
        headers: What it has beside what every response has; an error has its own.
        rng: Decides how it is sent: where pings fall, how events are padded.
        streamed: Whether a message is sent as a stream.
        scripted: Whether a step of the script was used up for it.
    """

    content: Reply | Document | Status
    dialect: Dialect = FIRST_PARTY
    faults: Sequence[ResponseFault] = ()
    pace: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)
    rng: Random = field(default_factory=lambda: Random(0))
    streamed: bool = True
    scripted: bool = False


def document(content: Mapping[str, Any] | Sequence[Any] | Status, faults: Sequence[ResponseFault] = ()) -> Response:
    """The response with a JSON document (an object), with lines of JSON (a list of them), or with an error.

    Args:
        content: The document, the lines, or the error.
        faults: What goes wrong with it. Of these a `Status` takes its place.
    """
    if isinstance(content, Status):
        return Response(content)
    if isinstance(content, Mapping):
        return Response(Document([content]), JSON, faults)
    return Response(Document(content), JSON_LINES, faults)
