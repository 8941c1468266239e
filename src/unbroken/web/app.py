"""A stream as an ASGI application: one response, for whatever runs ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import Any, Final, Literal, get_args

import anyio
from anyio.abc import TaskGroup

from ..errors import StreamFailed
from .anthropic_wire import AnthropicWire
from .body import Body, Gone, Send
from .errors import BrokenOff
from .exchange import Entries, Exchange
from .intake import Intake
from .position import START, wanted
from .reader import EntryStream
from .shutdown import at_shutdown
from .text_wire import TextWire
from .ui_wire import UIMessageWire
from .wire import Wire

__all__ = ["StreamApp", "WireName"]

#: The name of a wire.
WireName = Literal["anthropic", "text", "ui-message"]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Header = tuple[bytes, bytes]

#: How long closing the stream may take, in seconds.
_CLOSING: Final = 10.0
#: No cache keeps it, no proxy changes it on the way or waits for more of it.
_HEADERS: Final[Mapping[str, str]] = {"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"}


class StreamApp:
    """One response with one stream, as an ASGI application: for what is not Starlette. It answers one request.

    `StreamResponse` says what it does, what its arguments are, and what it raises.
    """

    def __init__(
        self,
        stream: EntryStream,
        wire: WireName = "anthropic",
        *,
        ping: float = 15.0,
        send_timeout: float | None = 30.0,
        retry: float = 1.0,
        error_text: Callable[[StreamFailed], str] | None = None,
    ) -> None:
        if wire not in get_args(WireName):
            raise ValueError(f"wire must be one of {', '.join(get_args(WireName))}, not {wire!r}")
        for name, seconds in (("ping", ping), ("send_timeout", send_timeout), ("retry", retry)):
            if seconds is not None and not seconds > 0:
                raise ValueError(f"{name} must be a positive number of seconds, not {seconds!r}")
        self._stream = stream
        self._wire_name = wire
        self._send_timeout = send_timeout
        self._exchange: dict[str, Any] = {"ping": ping, "retry": retry, "error_text": error_text}

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer the request."""
        await self.respond(scope, receive, send)

    async def respond(
        self, scope: MutableMapping[str, Any], receive: Receive, send: Send, headers: Iterable[Header] = ()
    ) -> None:
        """Answer the request, with these headers; what they do not say, ours say."""
        try:
            await self._respond(scope, receive, send, list(headers))
        except Gone:
            return
        finally:
            with anyio.move_on_after(_CLOSING, shield=True):
                await self._stream.close()

    async def _respond(
        self, scope: MutableMapping[str, Any], receive: Receive, send: Send, headers: Sequence[Header]
    ) -> None:
        body = Body(send, self._send_timeout)
        failure: Exception | None = BrokenOff("the server is shutting down")
        async with anyio.create_task_group() as tasks:

            async def listen() -> None:
                nonlocal failure
                while (await receive())["type"] != "http.disconnect":
                    pass
                failure = None
                tasks.cancel_scope.cancel()

            with at_shutdown(tasks.cancel_scope.cancel):
                tasks.start_soon(listen)
                try:
                    await self._serve(scope, headers, body, tasks)
                    failure = None
                except Exception as error:
                    failure = error
            tasks.cancel_scope.cancel()
        if failure is None:
            return
        if isinstance(failure, BrokenOff) and not body.started:
            # A status that is no success would keep a browser from coming back.
            await body.start()
        raise failure

    async def _serve(
        self, scope: MutableMapping[str, Any], headers: Sequence[Header], body: Body, tasks: TaskGroup
    ) -> None:
        asked = wanted(scope.get("headers") or (), scope.get("query_string") or b"")
        intake = Intake(self._stream)
        exchange = Exchange(intake, body, **self._exchange)
        entries: Entries = ()
        wire: Wire
        more: list[Header] = []
        if self._wire_name == "ui-message":
            after = self._stream.after or asked.after if asked.start_index is None else None
            self._stream.after = START  # chunks are counted from the first event on
            tasks.start_soon(intake.run)
            index = asked.start_index or 0
            if index < 0:
                entries, count = await exchange.replay()
                index = max(0, count + index)
                more = [(b"x-workflow-stream-tail-index", b"%d" % (count - 1))]
            wire = UIMessageWire(index, after, stream_id=self._stream.stream_id)
        else:
            if self._stream.after is None:
                self._stream.after = asked.after
            wire = TextWire() if self._wire_name == "text" else AnthropicWire(self._stream.after)
            tasks.start_soon(intake.run)
        body.headers = _headers(wire, [*headers, *more])
        await exchange.serve(wire, entries, head=scope.get("method") == "HEAD")


def _headers(wire: Wire, given: Sequence[Header]) -> list[Header]:
    """Those of the caller, and ours where they say nothing."""
    named = {name.lower() for name, _ in given}
    ours = {"content-type": wire.media_type, **_HEADERS, **wire.headers}
    encoded = ((name.encode("latin-1"), value.encode("latin-1")) for name, value in ours.items())
    return [*given, *((name, value) for name, value in encoded if name not in named)]
