"""One request: opened, watched, read, closed.

What a peer does wrong comes out as a `Failure`; what raises is a mistake of the caller's, or of ours.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import anthropic
import anyio
import anyio.lowlevel
import httpx2

from ..core.events import EventReader, loads, read_error
from ..core.failure import Failure, Kind, classify, not_sent, of_kind
from ..core.frames import Decoder, decoder_for
from ..core.malformed import Malformed
from ..core.partial import CONTENT, Event
from ..core.sse import ServerSentEvent
from ..errors import StreamStalled, StreamTruncated
from .clients import request_id
from .detached import Abandoned, Step, detach, event_loop_clock
from .pace import Pace
from .tracers import Watched, watched

__all__ = ["Attempt", "Watch"]

#: How long the end of a body may take after an `error` event, in seconds. A new connection would take longer than
#: that: two round trips for TCP and TLS, at the least.
_LAST_BYTES: Final = 0.005
#: How long closing a connection may take, in seconds, before it is left to the transport.
_CLOSE_TIMEOUT: Final = 5.0
#: How much is read without letting others run, in bytes: as much as a transport reads at a time.
_PIECE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Watch:
    """How long an attempt may take, in seconds. They run only while the network is waited for.

    Attributes:
        idle: Without a byte.
        progress: Of bytes without content.
        first_content: From the request to the first content.
        chars_per_second: What is too slow, in characters in each window from the first content on. None: nothing is.
        pace_window: The length of such a window.
    """

    idle: float
    progress: float
    first_content: float
    chars_per_second: float | None = None
    pace_window: float = 0.0

    def beside(self, given: Any, *, pings: bool = True) -> tuple[Watch, httpx2.Timeout]:
        """The watch and the transport's timeout, where the caller has given one too: the shorter read holds.

        Args:
            given: The caller's timeout, as the SDK takes it.
            pings: Whether the platform sends pings. Where it sends none, silence may be thought, and so the time
                without a byte is bounded by that without content alone.
        """
        own = given if isinstance(given, httpx2.Timeout) else httpx2.Timeout(given)
        idle = self.idle if pings else max(self.idle, self.progress, self.first_content)
        read = idle if own.read is None else min(idle, own.read)
        timeout = httpx2.Timeout(connect=own.connect, write=own.write, pool=own.pool, read=read)
        return replace(self, idle=read), timeout


class Attempt:
    """One streaming request. `open` it, `receive` until it fails or ends, and `aclose` it in any case.

    Attributes:
        response: The response, once `open` has returned without a failure.
        content: Whether it has brought content.
    """

    response: httpx2.Response | None

    def __init__(self, watch: Watch) -> None:
        self.response = None
        self.content: bool = False
        self._watch = watch
        self._manager: Any = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._decoder: Decoder = decoder_for("")
        self._reader = EventReader()
        self._large: Iterator[bytes] | None = None  # what is left of a chunk that is read piece by piece
        self._now: Callable[[], float] = anyio.current_time
        self._quiet = True  # nothing but bytes since the last content
        self._waited = 0.0  # seconds of waiting for the network since the last content
        self._pace: Pace | None = None
        self._closing: Step | None = None
        self._watched: Watched | None = None
        self._said_why = False  # an `error` event has come: nothing will follow it

    async def open(
        self, messages: Any, request: Mapping[str, Any], warn: Callable[[Warning], None] | None = None
    ) -> Failure | None:
        """Send the request and wait for its headers.

        Args:
            messages: The client's `messages` resource.
            request: The arguments of `messages.stream`.
            warn: What to do with the SDK's warnings (of a deprecated model). None: nothing; once is enough.
        """
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self._manager = messages.stream(**request)
        failure = await self._enter()
        if warn is not None:
            for warning in caught:
                warn(warning.message if isinstance(warning.message, Warning) else UserWarning(warning.message))
        return failure

    async def _enter(self) -> Failure | None:
        self._now = event_loop_clock()
        started = self._now()
        try:
            with anyio.move_on_after(self._watch.first_content) as scope:
                inner = await self._manager.__aenter__()
        except anthropic.APIStatusError as error:
            return _status_failure(error)
        except anthropic.APITimeoutError as error:
            return of_kind(Kind.STALLED, error)
        except anthropic.APIConnectionError as error:
            from ..evidence import connection_code

            # A key with a line break in it, or an address without a scheme, is no trouble of the network's.
            return not_sent(error) if connection_code(error) == "not_sendable" else of_kind(Kind.CONNECTION, error)
        except anthropic.APIError as error:
            return of_kind(Kind.MALFORMED, error)
        except Exception as error:
            # Raised before anything was sent, by what signs the request or fetches a token for it.
            return not_sent(error)
        if scope.cancelled_caught:
            return of_kind(Kind.STALLED, self._stalled(f"no answer for {self._watch.first_content:g} s"))
        self._watched = watched(self._manager, inner)
        self.response = response = inner.response if self._watched is None else self._watched.response
        self._decoder = decoder_for(response.headers.get("content-type", ""))
        self._chunks = response.aiter_bytes()
        self._waited = self._now() - started
        return None

    @property
    def _request(self) -> httpx2.Request:
        return self.response.request if self.response is not None else httpx2.Request("POST", "/v1/messages")

    @property
    def request_id(self) -> str | None:
        """The response's request id; None before there is a response."""
        return request_id(self.response.headers) if self.response is not None else None

    async def receive(self) -> tuple[list[Event], Failure | None]:
        """The events that the next bytes complete, and why there will be no more; None while there may be.

        Pings and bytes without an event are waited over.
        """
        while True:
            chunk, failure = await self._next_piece()
            events: list[Event] = []
            died: Failure | None = None
            try:
                for frame in self._decoder.feed(chunk):
                    event = self._decode(frame)
                    if isinstance(event, Failure):
                        died = event
                        break
                    if event is not None:
                        events.append(event)
            except ValueError as error:
                died = self.malformed(error)
            if self._reader.has_halves:
                events, lone = self._reader.join(events)
                died = died if lone is None else self.malformed(lone)
            if failure is not None and died is None:
                died = self._last_words() or failure
            if events or died is not None:
                return events, died

    async def _next_piece(self) -> tuple[bytes, Failure | None]:
        """The next bytes, or why there are none. What was compressed can be a thousand times as long as what came."""
        if self._large is not None:
            await anyio.lowlevel.checkpoint()
            piece = next(self._large, None)
            if piece is not None:
                return piece, None
            self._large = None
        chunk, failure = await self._read()
        if len(chunk) <= _PIECE or failure is not None:
            return chunk, failure
        self._large = (chunk[at : at + _PIECE] for at in range(_PIECE, len(chunk), _PIECE))
        return chunk[:_PIECE], None

    async def _read(self) -> tuple[bytes, Failure | None]:
        """The next bytes, or why there are none."""
        assert self._chunks is not None
        watch = self._watch
        limit = watch.progress if self.content else watch.first_content
        started = self._now()
        try:
            # The transport bounds a read by itself; a scope is needed only where another limit comes first.
            patience = self._patience(limit)
            if patience is not None:
                with anyio.move_on_after(patience) as scope:
                    chunk = await anext(self._chunks)
                if scope.cancelled_caught:
                    slow = patience < limit - self._waited
                    return b"", self._slow() if slow else self._no_content(limit)
            else:
                chunk = await anext(self._chunks)
                self._quiet = True  # until one of its frames turns out to be content
        except StopAsyncIteration:
            return b"", self._ended()
        except httpx2.TimeoutException as error:
            stalled = self._stalled(f"not a byte for {watch.idle:g} s")
            stalled.__cause__ = error
            return b"", of_kind(Kind.STALLED, stalled, status=200)
        except Exception as error:
            # Whatever a transport raises while a body is being read is the peer's doing.
            broken = anthropic.APIConnectionError(
                message=f"The connection broke while the answer was being read: {type(error).__name__}.",
                request=self._request,
            )
            broken.__cause__ = error
            return b"", of_kind(Kind.CONNECTION, broken, status=200)
        waited = self._now() - started
        self._waited += waited
        if self._pace is not None and self._pace.waited(waited):
            return chunk, self._slow()
        return chunk, None

    def _patience(self, limit: float) -> float | None:
        """How long the next read may take, in seconds; None where the transport's own bound comes first.

        A read that was cut short cannot be taken up again: whatever bounds it ends the attempt.
        """
        if self._pace is not None:
            return min(limit - self._waited, self._pace.patience)
        return limit - self._waited if self._quiet or limit < self._watch.idle else None

    def _decode(self, frame: ServerSentEvent) -> Event | Failure | None:
        if frame.event == "error":
            return self._error_event(read_error(frame.data))
        event = self._reader.read(frame)
        if event is None:
            return None
        if event["type"] == "error":
            return self._error_event(event)
        if event.get("type") in CONTENT:
            self.content = True
            self._quiet = False
            self._waited = 0.0
        if self._watch.chars_per_second is not None and self.content:
            self._measure(event, self._watch.chars_per_second)
        return event

    def _measure(self, event: Event, chars_per_second: float) -> None:
        """Slow streams are given up: see how much arrives."""
        if self._pace is None:
            self._pace = Pace(chars_per_second, self._watch.pace_window)
        self._pace.came(event)

    # -- failures

    def _ended(self) -> Failure:
        error = StreamTruncated(
            "The response ended before the message did.",
            request=self._request,
            request_id=self.request_id,
        )
        return of_kind(Kind.TRUNCATED, error, status=200, clean_end=True)

    def _last_words(self) -> Failure | None:
        """An `error` event that lacks its last line: the SDK drops it, but it says what happened."""
        try:
            cut = self._decoder.finish()
            said = None if cut is None else loads(cut.data)
        except ValueError:
            return None
        of_its_own = isinstance(said, dict) and said.get("type") == "error"
        return self._error_event(said) if cut is not None and (cut.event == "error" or of_its_own) else None

    def _no_content(self, limit: float) -> Failure:
        return of_kind(Kind.STALLED, self._stalled(f"no content for {limit:g} s"), status=200)

    def _slow(self) -> Failure:
        watch = self._watch
        what = f"fewer than {watch.chars_per_second:g} characters a second for {watch.pace_window:g} s"
        return of_kind(Kind.SLOW, self._stalled(what), status=200)

    def _stalled(self, what: str) -> StreamStalled:
        return StreamStalled(f"The stream stalled: {what}.", request=self._request, request_id=self.request_id)

    def malformed(self, cause: Exception) -> Failure:
        """The failure of a stream that cannot be read, because of `cause`."""
        assert self.response is not None
        why = str(cause) if isinstance(cause, Malformed) else type(cause).__name__
        error = anthropic.APIResponseValidationError(
            self.response,
            None,
            message=f"The stream held an event that cannot be read: {why}.",
        )
        error.__cause__ = cause
        return of_kind(Kind.MALFORMED, error, status=200)

    def _error_event(self, body: object) -> Failure:
        # As the SDK does it: the 200's own class, with the type in `.type`.
        assert self.response is not None
        self._said_why = True
        error = anthropic.APIStatusError(f"{body}" or "Error code: 200", response=self.response, body=body)
        error.request_id = request_id(self.response.headers, body)
        return classify(error, status=200, body=body, headers=self.response.headers, now=time.time())

    # -- the end

    async def aclose(self, *, shield: bool = True) -> None:
        """Close the response; safe to call twice, and under cancellation.

        It is done in a task of its own: asyncio's native cancellation goes through shields, and would leave the
        connection half closed.

        Args:
            shield: Whether the wait for its end cannot be cancelled. The closing itself never is.
        """
        if self._closing is None:
            self._closing = detach(self._close)
        with anyio.CancelScope(shield=shield), suppress(Abandoned):
            await self._closing.wait()

    async def _close(self) -> None:
        with anyio.move_on_after(_CLOSE_TIMEOUT):
            if self._said_why:
                await self._read_to_the_end()
            if self._watched is not None and self.response is not None:
                await self.response.aclose()
                await self._watched.show()
            if self._manager is not None:
                await self._manager.__aexit__(None, None, None)
            if self._chunks is not None:
                await _drain(self._chunks)

    async def _read_to_the_end(self) -> None:
        """Take the end of the body if it comes at once: the connection can then be used for the next request."""
        assert self._chunks is not None
        with anyio.move_on_after(_LAST_BYTES), suppress(Exception):
            async for _ in self._chunks:
                pass


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    """End the iterator over a closed response. Leaving it would leave generators to the garbage collector."""
    try:
        while True:
            await anext(chunks)
    except Exception as error:
        # aiohttp raises one and the same exception for every closed body: the frames that it has come through, and so
        # the responses in them, would be kept for ever.
        each: BaseException | None = error
        while each is not None:
            each.__traceback__ = None
            each = each.__cause__ or each.__context__


def _status_failure(error: anthropic.APIStatusError) -> Failure:
    # The SDK looks for the first-party API's header alone.
    error.request_id = error.request_id or request_id(error.response.headers, error.body)
    return classify(error, status=error.status_code, body=error.body, headers=error.response.headers, now=time.time())
