"""One response as it is played: events, faults, and the waits between them, written to a connection."""

from __future__ import annotations

import json
from enum import Enum, auto
from random import Random
from typing import TYPE_CHECKING, Any

import anyio

from unbroken.testing.claude.reply import Reply
from unbroken.testing.script.faults import (
    BadJson,
    CutFrame,
    Drop,
    EndOfFile,
    ErrorEvent,
    Event,
    Fault,
    Pings,
    Point,
    Refuse,
    Reset,
    Silence,
    Slow,
    Status,
)
from unbroken.testing.server.schedule import schedule, text_of
from unbroken.testing.wire.dialects import FIRST_PARTY, Dialect
from unbroken.testing.wire.http import LAST_CHUNK, PING, chunk, head

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from unbroken.testing.wire.documents import Document, Response
    from unbroken.testing.wire.record import Request
    from unbroken.testing.wire.sockets import Stream

__all__ = ["End", "Play"]


class End(Enum):
    """What becomes of the connection after a response."""

    KEEP = auto()
    CLOSE = auto()
    RESET = auto()


class Play:
    """Writes the response to one request.

    Args:
        stream: Where to.
        request: What is answered; `status`, `sent_text`, `faults` and `whole` are kept up to date.
        dialect: The platform whose words are used.
        faults: What goes wrong.
        pace: Seconds between two events.
        last: Whether the connection ends with this response, and says so.
    """

    def __init__(
        self,
        stream: Stream,
        request: Request,
        dialect: Dialect = FIRST_PARTY,
        faults: Sequence[Fault] = (),
        pace: float = 0.0,
        *,
        last: bool = False,
    ) -> None:
        self._stream = stream
        self._request = request
        self._dialect = dialect
        self._last = last
        self._faults = faults
        self._pace = max([pace, *(fault.seconds for fault in faults if isinstance(fault, Slow))])
        self._chunked = not any(isinstance(fault, EndOfFile) and fault.framing == "close" for fault in faults)
        self._mangle: BadJson | CutFrame | None = None
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
            case content:
                return await self.events(content)

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
        late = [fault for fault in self._faults if isinstance(fault, Drop | Reset | EndOfFile | CutFrame | ErrorEvent)]
        if not late:
            return await self.json(200, self._beside, body)
        self._request.faults.append(late[0])
        data = json.dumps(body, ensure_ascii=False).encode()
        length = {"content-type": "application/json", "content-length": str(len(data))}
        await self._send_head(200, {**self._beside, **length})
        await self._stream.send(data[: len(data) // 2])
        return End.RESET if isinstance(late[0], Reset) else End.CLOSE

    async def events(self, reply: Reply | Document) -> End:
        """Answer with a stream, or with a document as if it were one."""
        early = await self._before_response()
        if early is not None:
            return early
        framing = {"transfer-encoding": "chunked"} if self._chunked else {"connection": "close"}
        await self._send_head(200, {"content-type": self._dialect.content_type, **self._beside, **framing})
        items = schedule(self._dialect.events(reply.events(), self._rng), self._faults)
        for n, item in enumerate(items):
            if isinstance(item, dict):
                end = await self._event(item)
            else:
                self._request.faults.append(item)
                end = await self._fault(item, next((each for each in items[n:] if isinstance(each, dict)), PING))
            if end is not None:
                return end
        end = await self._finish()
        self._request.whole = True
        return end

    async def _before_response(self) -> End | None:
        for fault in self._faults:
            here = getattr(fault, "at", None)
            if not isinstance(fault, Status | Slow) and (here is None or here.point is not Point.RESPONSE):
                continue
            self._request.faults.append(fault)
            match fault:
                case Status():
                    return await self.error(fault)
                case Silence(seconds=seconds):
                    await _sleep(seconds)
                case Drop() | EndOfFile() | ErrorEvent():
                    return End.CLOSE
                case Reset():
                    return End.RESET
                case _:
                    pass
        return None

    async def _event(self, event: dict[str, Any]) -> End | None:
        if self._pace:
            await anyio.sleep(self._pace)
        data = self._frame(event)
        mangle: BadJson | CutFrame | None = None
        if event != PING or not isinstance(self._mangle, BadJson):  # a ping that is no JSON does nobody any harm
            mangle, self._mangle = self._mangle, None
        match mangle:
            case BadJson():
                data = self._dialect.malformed(event)
            case CutFrame(keep=keep, end=how):
                kept = data[:keep]
                if how == "drop" and self._chunked:
                    # One chunk for the whole frame, which ends too early.
                    await self._stream.send(chunk(data)[: len(chunk(data)) - len(data) - 2 + len(kept)])
                    return End.CLOSE
                await self._send(kept)
                return End.RESET if how == "reset" else await self._finish()
            case None:
                self._request.sent_text += text_of(event)
        await self._send(data)
        return None

    async def _fault(self, fault: Fault, following: dict[str, Any]) -> End | None:
        """Let `fault` happen; None: the stream goes on."""
        match fault:
            case ErrorEvent():
                data = self._dialect.error_frame(fault, self._request.id, self._rng)
                # No reader sees a frame whose last byte is missing: a line end here, a checksum there.
                await self._send(data if fault.blank_line else data[:-1])
                return await self._finish()
            case Reset():
                return End.RESET
            case Drop():
                data = self._frame(following)
                data = chunk(data) if self._chunked else data
                await self._stream.send(data[: len(data) // 2])
                return End.CLOSE
            case EndOfFile():
                return await self._finish()
            case BadJson() | CutFrame():
                self._mangle = fault
            case Event(type=type, data=data):
                await self._send(self._frame({"type": type, **data}))
            case Silence(seconds=seconds):
                await _sleep(seconds)
            case Pings():
                await self._pings(fault)
            case Status() | Slow() | Refuse():
                raise AssertionError("has no place in a stream")
        return None

    async def _pings(self, fault: Pings) -> None:
        until = None if fault.seconds is None else anyio.current_time() + fault.seconds
        while until is None or anyio.current_time() + fault.every <= until:
            await anyio.sleep(fault.every)
            await self._send(self._frame(PING))
        await anyio.sleep_until(until)

    def _frame(self, event: Mapping[str, Any]) -> bytes:
        return self._dialect.frame(event, self._rng)

    async def _send_head(self, status: int, headers: Mapping[str, str]) -> None:
        if self._last:
            headers = {**headers, "connection": "close"}
        self._request.status = status
        await self._stream.send(head(status, {**self._dialect.headers(self._request.id), **headers}))

    async def _send(self, data: bytes) -> None:
        if not data:
            return  # an empty chunk would end the body
        await self._stream.send(chunk(data) if self._chunked else data)

    async def _finish(self) -> End:
        if self._chunked:
            await self._stream.send(LAST_CHUNK)
            return self._kept
        return End.CLOSE

    @property
    def _kept(self) -> End:
        return End.CLOSE if self._last else End.KEEP


async def _sleep(seconds: float | None) -> None:
    await (anyio.sleep_forever() if seconds is None else anyio.sleep(seconds))
