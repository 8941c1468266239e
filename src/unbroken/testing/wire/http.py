"""The bytes of HTTP/1.1 and of server-sent events, as the API sends them.

Requests are read by h11. Responses are written by hand, because a fault server must be able to write wrong
ones.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import h11

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

__all__ = ["LAST_CHUNK", "PING", "HttpRequest", "chunk", "error_body", "frame", "head", "read_request"]

LAST_CHUNK: Final = b"0\r\n\r\n"
PING: Final = {"type": "ping"}
# The API's own limit is 32 MB, which its front door guards; whatever is larger is not read here either.
_LARGEST_HEAD: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request, read whole.

    Attributes:
        method: Such as `POST`.
        target: Path and query.
        headers: By lower-case name; the last one of a name counts.
        body: As it came.
        rest: Bytes that came after it on the connection.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    rest: bytes


async def read_request(receive: Callable[[], Awaitable[bytes]], buffered: bytes = b"") -> HttpRequest | None:
    """Read one request; None if the client closes the connection, or speaks no HTTP, before it is whole.

    Args:
        receive: Gives the next bytes, or none at the end.
        buffered: Bytes that came before.
    """
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_LARGEST_HEAD)
    if buffered:
        connection.receive_data(buffered)
    request: h11.Request | None = None
    body: list[bytes] = []
    while True:
        try:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await receive())
                continue
        except h11.RemoteProtocolError:
            return None
        match event:
            case h11.Request():
                request = event
            case h11.Data(data=data):
                body.append(bytes(data))
            case h11.EndOfMessage() if request is not None:
                return HttpRequest(
                    method=request.method.decode("ascii"),
                    target=request.target.decode("ascii"),
                    headers={name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers},
                    body=b"".join(body),
                    rest=connection.trailing_data[0],
                )
            case _:
                return None


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """A status line and headers."""
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Overloaded" if status == 529 else ""
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(data: bytes) -> bytes:
    """`data` as a chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def frame(event: Mapping[str, Any], padding: int = 0) -> bytes:
    """One event as a frame of server-sent events.

    Args:
        event: The event.
        padding: How many spaces stand before its last bracket. A ping is always the same.
    """
    if event == PING:
        return b'event: ping\ndata: {"type": "ping"}\n\n'
    data = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return f"event: {event['type']}\ndata: {data[:-1]}{' ' * padding}}}\n\n".encode()


def error_body(
    type: str, message: str, request_id: str | None, details: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The JSON of an error response; `details` that are None are left out."""
    error: dict[str, Any] = {"type": type, "message": message}
    if details is not None:
        error["details"] = dict(details)
    return {"type": "error", "error": error, "request_id": request_id}
