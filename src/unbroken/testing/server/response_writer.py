"""One response, written to a connection: events, the faults among them, and the waits between."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, assert_never

import anyio

from unbroken.testing.claude.reply import Reply
from unbroken.testing.script.faults import ErrorEvent, Point, Status
from unbroken.testing.script.faults.fault import End, ResponseFault, Write
from unbroken.testing.server.schedule import schedule, text_of
from unbroken.testing.wire.dialects import FIRST_PARTY, Dialect
from unbroken.testing.wire.documents import Document, Response
from unbroken.testing.wire.http import LAST_CHUNK, PING, chunk, head
from unbroken.testing.wire.record import Request
from unbroken.testing.wire.sockets import Stream

__all__ = ["ResponseWriter"]


class ResponseWriter:
    """Writes the response to one request. To the faults that strike it, it is their `Wire`.

    Args:
        stream: Where to.
        request: What is answered; `status`, `sent_text`, `faults` and `whole` are kept up to date.
        dialect: The platform whose words are used.
        faults: What goes wrong.
        pace: Seconds between two events.
        last: Whether the connection ends with this response, and says so.

    Attributes:
        begun: Whether the headers were sent.
        chunked: Whether the body is sent in chunks, or ends where the connection does.
        following: The event that comes next; a ping, if none does.
        pace: As above.
    """

    def __init__(
        self,
        stream: Stream,
        request: Request,
        dialect: Dialect = FIRST_PARTY,
        faults: Sequence[ResponseFault] = (),
        pace: float = 0.0,
        *,
        last: bool = False,
    ) -> None:
        self.pace: float = pace
        self.chunked: bool = True
        self.begun: bool = False
        self.following: Mapping[str, Any] = PING
        self._stream = stream
        self._request = request
        self._dialect = dialect
        self._last = last
        self._faults = faults
        self._next: tuple[Write, bool] | None = None
        self._rng = Random(0)
        self._beside: Mapping[str, str] = {}

    async def response(self, response: Response) -> End:
        """Answer with whatever it is."""
        self._beside, self._rng = response.headers, response.rng
        match response.content:
            case Status() as error:
                return await self.error(error)
            case Reply() as message if not response.streamed:
                return await self.message(message)
            case Reply() | Document() as content:
                return await self.events(content)
            case _:
                assert_never(response.content)

    async def json(self, status: int, headers: Mapping[str, str], body: Mapping[str, Any]) -> End:
        """Answer with one JSON body, whole."""
        data = json.dumps(body, ensure_ascii=False).encode()
        await self._send_head(status, {"content-type": "application/json", "content-length": str(len(data)), **headers})
        await self._stream.send(data)
        self._request.whole = True
        return self._kept

    async def error(self, fault: Status) -> End:
        """Answer with an HTTP error."""
        return await self.json(*self._dialect.error(fault, self._request.id))

    async def message(self, reply: Reply) -> End:
        """Answer with a message that is not streamed. A fault of a stream cuts its body in the middle."""
        early = await self._before_response()
        if early is not None:
            return early
        body = self._dialect.shape.message(reply.message())
        for fault in self._faults:
            if fault.unstreamed is not None and fault.at.point is not Point.RESPONSE:
                self._request.faults.append(fault)
                data = json.dumps(body, ensure_ascii=False).encode()
                length = {"content-type": "application/json", "content-length": str(len(data))}
                await self._send_head(200, {**self._beside, **length})
                await self._stream.send(data[: len(data) // 2])
                return fault.unstreamed
        return await self.json(200, self._beside, body)

    async def events(self, reply: Reply | Document) -> End:
        """Answer with a stream, or with a document as if it were one."""
        early = await self._before_response()
        if early is not None:
            return early
        framing = {"transfer-encoding": "chunked"} if self.chunked else {"connection": "close"}
        await self._send_head(200, {"content-type": self._dialect.content_type, **self._beside, **framing})
        items = schedule(self._dialect.events(reply.events(), self._rng), self._faults)
        for n, item in enumerate(items):
            if isinstance(item, dict):
                end = await self._event(item)
            else:
                self._request.faults.append(item)
                self.following = next((each for each in items[n:] if isinstance(each, dict)), PING)
                end = await item.play(self)
            if end is not None:
                return end
        end = await self.finish()
        self._request.whole = True
        return end

    def frame(self, event: Mapping[str, Any]) -> bytes:
        """An event as the platform sends it."""
        return self._dialect.frame(event, self._rng)

    def malformed(self, event: Mapping[str, Any]) -> bytes:
        """The event as a whole frame of malformed JSON."""
        return self._dialect.malformed(event)

    def error_frame(self, error: ErrorEvent) -> bytes:
        """The error as the platform words it in the middle of a stream."""
        return self._dialect.error_frame(error, self._request.id, self._rng)

    async def send(self, data: bytes) -> None:
        """Send a part of the body."""
        if data:  # an empty chunk would end the body
            await self._stream.send(chunk(data) if self.chunked else data)

    async def send_cut(self, data: bytes, keep: int) -> None:
        """Send the first `keep` bytes of a part whose chunk is announced as long as all of `data`."""
        missing = len(data) - keep
        await self._stream.send(chunk(data)[: -missing - len(b"\r\n")] if self.chunked else data[:keep])

    async def finish(self) -> End:
        """End the body as if it were whole."""
        if self.chunked:
            await self._stream.send(LAST_CHUNK)
            return self._kept
        return End.CLOSE

    def write_next(self, write: Write, *, pings: bool = True) -> None:
        """Let `write` write the event that comes next; see `Wire`."""
        self._next = write, pings

    async def _before_response(self) -> End | None:
        for fault in self._faults:
            fault.prepare(self)
        for fault in self._faults:
            if fault.at.point is Point.RESPONSE:
                self._request.faults.append(fault)
                end = await fault.play(self)
                if end is not None:
                    return end
        return None

    async def _event(self, event: dict[str, Any]) -> End | None:
        if self.pace:
            await anyio.sleep(self.pace)
        if self._next is not None:
            write, pings = self._next
            if pings or event != PING:
                self._next = None
                return await write(event)
        self._request.sent_text += text_of(event)
        await self.send(self.frame(event))
        return None

    async def _send_head(self, status: int, headers: Mapping[str, str]) -> None:
        if self._last:
            headers = {**headers, "connection": "close"}
        self._request.status = status
        await self._stream.send(head(status, {**self._dialect.headers(self._request.id), **headers}))
        self.begun = True

    @property
    def _kept(self) -> End:
        return End.CLOSE if self._last else End.KEEP
