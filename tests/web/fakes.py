"""What a response stands between: a stream that is read, and a server with a client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx2
from tests.web.messages import Recorded

from unbroken import Partial, Report
from unbroken.core.wire.decoded import Event
from unbroken.durable.errors import StreamCancelled, StreamMissing
from unbroken.errors import StreamFailed
from unbroken.web.position import number_of

__all__ = ["Client", "FakeStream", "failure_of", "of"]


def failure_of(kind: type[StreamFailed] = StreamFailed, type: str | None = "overloaded_error") -> StreamFailed:
    """What a reader raises at the end of a stream that is not whole. Its text is nobody's business."""
    error = kind(
        "a secret of the gateway",
        request=httpx2.Request("POST", "http://127.0.0.1/v1/messages"),
        partial=Partial(),
        report=Report(),
    )
    error.type = type
    return error


@dataclass
class FakeStream:
    """A stream as `attach` returns it, over a list.

    Attributes:
        recorded: What there is to read; None: there is no such stream.
        error: What reading ends with, where that is not how the recorded stream ends.
        live: How many of the entries are there from the start; the others come one by one, as `come` lets them. None:
            all are.
        closes_early: Whether `close` ends the reading.
    """

    recorded: Recorded | None
    stream_id: str = "c7/3"
    after: str | None = None
    error: Exception | None = None
    live: int | None = None
    closed: int = 0
    readers: int = 0
    taken: int = 0
    _allowed: int = 0
    _changed: anyio.Event = field(default_factory=anyio.Event)

    def come(self, count: int = 10**9) -> None:
        """Let so many more entries come, or the end."""
        self._allowed += count
        self._wake()

    def break_with(self, error: Exception | None) -> None:
        """Reading raises this instead of what comes next. None: it ends, as where somebody has closed it."""
        assert self.recorded is not None
        self.error = error
        self.recorded = Recorded(self.recorded.entries[: self.taken])
        self.come()

    @property
    def entries(self) -> AsyncIterator[tuple[str, Event]]:
        return self._entries()

    async def _entries(self) -> AsyncIterator[tuple[str, Event]]:
        self.readers += 1
        try:
            await anyio.lowlevel.checkpoint()
            if self.recorded is None:
                raise StreamMissing("there is none")
            at = self._first()
            while True:
                while self.live is not None and at >= self.live + self._allowed:
                    self._changed = anyio.Event()
                    await self._changed.wait()
                if at >= len(self.recorded.entries):
                    break
                self.taken = at + 1
                yield self.recorded.entries[at]
                at += 1
            if self.error is not None:
                raise self.error
            if self.recorded.end != "complete":
                raise failure_of(StreamCancelled if self.recorded.end == "cancelled" else StreamFailed)
        finally:
            self.readers -= 1

    def _first(self) -> int:
        assert self.recorded is not None
        number = number_of(self.after or "0")
        return sum(number_of(position) <= number for position, _ in self.recorded.entries) if number else 0

    def _wake(self) -> None:
        self._changed.set()

    async def close(self) -> None:
        self.closed += 1


def of(recorded: Recorded | None, **more: Any) -> FakeStream:
    """A stream that can be read."""
    return FakeStream(recorded, **more)


@dataclass
class Client:
    """A client and its server: calls an application, and keeps what it sends.

    Attributes:
        stalls_after: After how many messages it takes nothing more. None: it takes all.
        leaves_after: After how many it goes away. None: it stays.
        fails: Whether sending to one that has gone away raises, as ASGI 2.4 says.
    """

    stalls_after: int | None = None
    leaves_after: int | None = None
    fails: bool = False
    messages: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    _left: anyio.Event = field(default_factory=anyio.Event)
    _changed: anyio.Event = field(default_factory=anyio.Event)

    async def get(
        self,
        app: Callable[..., Awaitable[None]],
        query: str = "",
        headers: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        requests: Sequence[dict[str, Any]] = ({"type": "http.request", "body": b"", "more_body": False},),
    ) -> None:
        """Call it; what it raises is raised."""
        inbox = list(requests)
        began = anyio.current_time()

        async def receive() -> dict[str, Any]:
            if inbox:
                return inbox.pop(0)
            await self._left.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            await anyio.lowlevel.checkpoint()
            if self._left.is_set():
                if self.fails:
                    raise OSError("the client is gone")
                return
            if self.stalls_after is not None and len(self.messages) >= self.stalls_after:
                await anyio.sleep_forever()
            self.messages.append((anyio.current_time() - began, message))
            if self.leaves_after is not None and len(self.messages) >= self.leaves_after:
                self.leave()
            self._changed.set()

        scope = {
            "type": "http",
            "method": method,
            "path": "/",
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
        }
        await app(scope, receive, send)

    def leave(self) -> None:
        """Go away."""
        self._left.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what was sent makes it so."""
        with anyio.fail_after(60):
            while not condition():
                self._changed = anyio.Event()
                await self._changed.wait()

    @property
    def status(self) -> int | None:
        """Of the head; None: there was none."""
        return next((m["status"] for _, m in self.messages if m["type"] == "http.response.start"), None)

    @property
    def headers(self) -> dict[str, str]:
        """Of the head."""
        _, head = self.messages[0]
        return {name.decode(): value.decode() for name, value in head["headers"]}

    @property
    def body(self) -> bytes:
        """All that was sent of it."""
        return b"".join(m.get("body", b"") for _, m in self.messages)

    @property
    def is_complete(self) -> bool:
        """Whether the body has ended cleanly."""
        return any(m["type"] == "http.response.body" and not m["more_body"] for _, m in self.messages)
