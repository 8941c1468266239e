"""One response as it is played: events, faults, and the waits between them, written to a connection."""

from __future__ import annotations

import json
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final

import anyio

from unbroken.testing.faults import (
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
from unbroken.testing.schedule import schedule, text_of
from unbroken.testing.wire import LAST_CHUNK, chunk, error_body, frame, head

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from unbroken.testing.record import Request
    from unbroken.testing.reply import Reply
    from unbroken.testing.sockets import Stream

__all__ = ["End", "Play"]

_TYPES: Final[Mapping[int, tuple[str, str]]] = {
    400: ("invalid_request_error", "The request is invalid."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "Your credit balance is too low."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "Not found"),
    408: ("timeout_error", "Request timed out"),
    409: ("conflict_error", "Conflict"),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your organization's rate limit."),
    500: ("api_error", "Internal server error"),
    504: ("timeout_error", "Request timed out"),
    529: ("overloaded_error", "Overloaded"),
}
_MESSAGES: Final[Mapping[str, str]] = dict(_TYPES.values())
_PING: Final = {"type": "ping"}


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
        faults: What goes wrong.
        pace: Seconds between two events.
        last: Whether the connection ends with this response, and says so.
    """

    def __init__(
        self,
        stream: Stream,
        request: Request,
        faults: Sequence[Fault] = (),
        pace: float = 0.0,
        *,
        last: bool = False,
    ) -> None:
        self._stream = stream
        self._request = request
        self._last = last
        self._faults = faults
        self._pace = max([pace, *(fault.seconds for fault in faults if isinstance(fault, Slow))])
        self._chunked = not any(isinstance(fault, EndOfFile) and fault.framing == "close" for fault in faults)
        self._mangle: BadJson | CutFrame | None = None

    async def json(self, status: int, body: Mapping[str, Any], extra: Mapping[str, str] | None = None) -> End:
        """Answer with one JSON body, whole."""
        data = json.dumps(body, ensure_ascii=False).encode()
        await self._send_head(
            status, {"content-type": "application/json", "content-length": str(len(data)), **(extra or {})}
        )
        await self._stream.send(data)
        self._request.whole = True
        return self._kept

    async def error(self, fault: Status) -> End:
        """Answer with an HTTP error."""
        kind, message = _TYPES.get(
            fault.status, ("api_error" if fault.status >= 500 else "invalid_request_error", "Error")
        )
        body = error_body(fault.type or kind, fault.message or message, self._request.id, fault.details)
        return await self.json(fault.status, body, fault.headers)

    async def message(self, reply: Reply) -> End:
        """Answer with a message that is not streamed. A fault of a stream cuts its body in the middle."""
        early = await self._before_response()
        if early is not None:
            return early
        body = reply.message()
        late = [fault for fault in self._faults if isinstance(fault, Drop | Reset | EndOfFile | CutFrame | ErrorEvent)]
        if not late:
            return await self.json(200, body)
        self._request.faults.append(late[0])
        data = json.dumps(body, ensure_ascii=False).encode()
        await self._send_head(200, {"content-type": "application/json", "content-length": str(len(data))})
        await self._stream.send(data[: len(data) // 2])
        return End.RESET if isinstance(late[0], Reset) else End.CLOSE

    async def events(self, reply: Reply) -> End:
        """Answer with a stream."""
        early = await self._before_response()
        if early is not None:
            return early
        framing = {"transfer-encoding": "chunked"} if self._chunked else {"connection": "close"}
        await self._send_head(
            200, {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", **framing}
        )
        items = schedule(reply.events(), self._faults)
        for n, item in enumerate(items):
            if isinstance(item, dict):
                end = await self._event(item)
            else:
                self._request.faults.append(item)
                end = await self._fault(item, next((each for each in items[n:] if isinstance(each, dict)), _PING))
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
        data = frame(event)
        mangle, self._mangle = self._mangle, None
        match mangle:
            case BadJson():
                data = data.replace(b"}\n\n", b"\n\n").replace(b'":', b'"', 1)
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
                await self._send(self._error_frame(fault))
                return await self._finish()
            case Reset():
                return End.RESET
            case Drop():
                data = chunk(frame(following)) if self._chunked else frame(following)
                await self._stream.send(data[: len(data) // 2])
                return End.CLOSE
            case EndOfFile():
                return await self._finish()
            case BadJson() | CutFrame():
                self._mangle = fault
            case Event(type=type, data=data):
                await self._send(frame({"type": type, **data}))
            case Silence(seconds=seconds):
                await _sleep(seconds)
            case Pings():
                await self._pings(fault)
            case Status() | Slow() | Refuse():
                raise AssertionError("has no place in a stream")
        return None

    def _error_frame(self, fault: ErrorEvent) -> bytes:
        error = {
            "details": None if fault.details is None else dict(fault.details),
            "type": fault.type,
            "message": fault.message or _MESSAGES.get(fault.type, "Error"),
        }
        data = frame({"type": "error", "error": error, "request_id": self._request.id})
        return data if fault.blank_line else data[:-1]

    async def _pings(self, fault: Pings) -> None:
        until = None if fault.seconds is None else anyio.current_time() + fault.seconds
        while until is None or anyio.current_time() + fault.every <= until:
            await anyio.sleep(fault.every)
            await self._send(frame(_PING))
        await anyio.sleep_until(until)

    async def _send_head(self, status: int, headers: Mapping[str, str]) -> None:
        if self._last:
            headers = {**headers, "connection": "close"}
        ids = {"request-id": self._request.id, "anthropic-workspace-id": "wrkspc_fault_server"}
        self._request.status = status
        await self._stream.send(head(status, {**ids, **headers}))

    async def _send(self, data: bytes) -> None:
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
