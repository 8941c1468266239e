"""What a fault server saw: its requests and its connections, in the order in which they came."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from unbroken.testing.script.faults import Fault
    from unbroken.testing.wire.http import HttpRequest

__all__ = ["Connection", "Request"]


@dataclass(slots=True, eq=False)
class Connection:
    """One TCP connection.

    Attributes:
        number: Counted from 0.
        opened_at: When it was accepted, in seconds of the server's clock (the event loop's).
        closed_at: When it was closed; None while it is open.
        closed_by: Who closed it first; None while it is open.
        requests: What came in on it.
    """

    number: int
    opened_at: float
    closed_at: float | None = None
    closed_by: Literal["client", "server"] | None = None
    requests: list[Request] = field(default_factory=list, repr=False)


@dataclass(slots=True, eq=False)
class Request:
    """One request, and what became of it.

    Attributes:
        number: Counted from 0.
        id: Its request id, as the response's `request-id` header has it.
        method: Such as `POST`.
        path: Without the query.
        query: Without the question mark.
        headers: By lower-case name.
        raw: The body as it came.
        body: The decoded body; empty if it was no JSON object. The model that Bedrock and Vertex AI have in the
            path is put where the Claude API has it.
        connection: The connection that it came in on.
        arrived_at: When it was read whole, in seconds of the server's clock.
        status: The status that was sent; None if none was.
        faults: What went wrong with it so far.
        sent_text: The text that the response's deltas carried.
        ended_at: When the server was done with it; None before.
        whole: Whether the response was sent to its proper end.
        abandoned: Whether the client closed the connection before the server was done.
    """

    number: int
    id: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    raw: bytes = field(repr=False)
    body: dict[str, Any] = field(repr=False)
    connection: Connection = field(repr=False)
    arrived_at: float
    status: int | None = None
    faults: list[Fault] = field(default_factory=list)
    sent_text: str = ""
    ended_at: float | None = None
    whole: bool = False
    abandoned: bool = False

    @classmethod
    def of(cls, http: HttpRequest, number: int, connection: Connection, now: float) -> Request:
        """A request as it came in on a connection, which keeps it."""
        path, _, query = http.target.partition("?")
        request = cls(
            number=number,
            id=f"req_{number + 1:08d}",
            method=http.method,
            path=path,
            query=query,
            headers=http.headers,
            raw=http.body,
            body=_object(http.body),
            connection=connection,
            arrived_at=now,
        )
        connection.requests.append(request)
        return request

    @property
    def model(self) -> str | None:
        """The model it asked for; None if it named none."""
        model = self.body.get("model")
        return model if isinstance(model, str) else None


def _object(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
