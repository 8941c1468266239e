"""One request: opened, watched, read, closed.

What a peer does wrong comes out as a `Failure`; what raises is a mistake of the caller's, or of ours.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import anthropic
import anyio
import anyio.lowlevel
import httpx2

from ..concurrency.detached import Abandoned, Step, detach, event_loop_clock
from ..core.failure import Failure, Kind, classify, is_error, not_sent, of_kind
from ..core.wire.decoded import CONTENT, Event, Malformed
from ..core.wire.events import EventReader, is_event, loads, read_error
from ..core.wire.frames import Decoder, decoder_for
from ..core.wire.request_ids import request_id
from ..core.wire.sse import ServerSentEvent
from ..diagnosis.evidence import connection_failure, media_type
from ..sdk.call_site import NOWHERE, CallSite
from ..sdk.exceptions import StreamStalled, StreamTruncated
from ..sdk.http2 import reset
from ..sdk.timeouts import Timeouts
from ..sdk.tracers import Watched, watched
from .progress import Progress

if TYPE_CHECKING:
    from .pace import Pace

__all__ = ["Attempt"]

#: How long the end of a body may take after an `error` event, in seconds. A new connection would take longer than
#: that: two round trips for TCP and TLS, at the least.
_LAST_BYTES: Final = 0.005
#: How long closing a connection may take, in seconds, before it is left to the transport.
_CLOSE_TIMEOUT: Final = 5.0
#: How much is read without letting others run, in bytes: as much as a transport reads at a time.
_PIECE: Final = 64 * 1024
#: How many chunks a closed response may still have; one that has no end, and never waits, is not drained.
_MOST_CHUNKS: Final = 1000
#: The largest body, in bytes, inflated. Ours: 128,000 tokens of output, each in an event of its own, are some 20 MiB.
#: It bounds what a stream keeps in memory, of what is held back from the reader too.
_LARGEST_BODY: Final = 64 * 2**20


class Attempt:
    """One streaming request. `open` it, `receive` until it fails or ends, and `aclose` it in any case.

    Attributes:
        response: The response, once `open` has returned without a failure.
        content: Whether it has brought content.
    """

    response: httpx2.Response | None

    def __init__(self, timeouts: Timeouts) -> None:
        self.response = None
        self.content: bool = False
        self._timeouts = timeouts
        self._manager: Any = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._decoder: Decoder = decoder_for("")
        self._reader = EventReader()
        self._large: Iterator[bytes] | None = None  # what is left of a chunk that is read piece by piece
        self._now: Callable[[], float] = anyio.current_time
        self._quiet = True  # nothing but bytes since the last progress
        self._waited = 0.0  # seconds of waiting for the network, and of looking at what it brings, since then
        self._progress = Progress()
        self._pace: Pace | None = None
        if timeouts.chars_per_second is not None:
            from .pace import Pace  # most streams may be as slow as they like

            self._pace = Pace(timeouts.chars_per_second, timeouts.pace_window)
        self._read_at = 0.0
        self._size = 0  # bytes of the body
        self._came = 0  # events
        self._ended = False
        self._body: bytearray | None = bytearray()  # while it may be something else than a stream
        self._closing: Step | None = None
        self._watched: Watched | None = None
        self._said_why = False  # an `error` event has come: nothing will follow it

    async def open(self, messages: Any, request: Mapping[str, Any], call_site: CallSite = NOWHERE) -> Failure | None:
        """Send the request and wait for its headers.

        Args:
            messages: The client's `messages` resource.
            request: The arguments of `messages.stream`.
            call_site: The line that the SDK's warnings (of a deprecated model) are about. By default there are none.
        """
        self._manager = call_site.call(messages.stream, request)
        return await self._enter()

    async def _enter(self) -> Failure | None:
        self._now = event_loop_clock()
        started = self._now()
        try:
            with anyio.move_on_after(self._timeouts.first_content) as scope:
                inner = await self._manager.__aenter__()
        except anthropic.APIStatusError as error:
            return _status_failure(error)
        except anthropic.APIConnectionError as error:
            return connection_failure(error)
        except anthropic.APIError as error:
            return of_kind(Kind.MALFORMED, error)
        except Exception as error:
            # Raised before anything was sent: by what signs the request or fetches a token for it, or by a mistake.
            return not_sent(error)
        if scope.cancelled_caught:
            return of_kind(Kind.STALLED, self._stalled(f"no answer for {self._timeouts.first_content:g} s"))
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
        since = self._now()
        while True:
            chunk, failure = await self._next_piece(since)
            if self._body is not None:
                self._keep(chunk)
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
                if failure.clean_end and self._body is not None and not events:
                    return self._in_one_piece(failure)
                died = self._last_words() or failure
            if events:
                self._body = None
                self._came += len(events)
            if died is not None and died.mark is not None:
                died = replace(died, mark=f"{died.mark} after {self._came} events")
            if self._brought(events):
                return events, died
            if died is None:
                died = self._overdue()
            if events or died is not None:
                return events, died
            # What is done with what brings nothing takes its time, too: floods are not waited for.
            since = self._read_at

    async def _next_piece(self, since: float) -> tuple[bytes, Failure | None]:
        """The next bytes, or why there are none. What was compressed can be a thousand times as long as what came."""
        if self._large is not None:
            await anyio.lowlevel.checkpoint()
            piece = next(self._large, None)
            if piece is not None:
                return piece, None
            self._large = None
        chunk, failure = await self._read(since)
        if len(chunk) <= _PIECE or failure is not None:
            return chunk, failure
        self._large = (chunk[at : at + _PIECE] for at in range(_PIECE, len(chunk), _PIECE))
        return chunk[:_PIECE], None

    def _brought(self, events: Sequence[Event]) -> bool:
        """Whether there is progress in what has come; looked at once for each read, and not for each event."""
        if not events:
            return False
        self.content = self.content or any(event.get("type") in CONTENT for event in events)
        if self._pace is not None and self.content:
            for event in events:
                self._pace.came(event)
        if self._progress.has_come(events):
            self._quiet = False
            self._waited = 0.0
            return True
        now = self._now()
        self._waited += now - self._read_at
        self._read_at = now
        return False

    @property
    def _limit(self) -> float:
        return self._timeouts.progress if self.content else self._timeouts.first_content

    def _overdue(self) -> Failure | None:
        """What has come has brought nothing: whether that has gone on for too long, or is too much."""
        if self._waited >= self._limit:
            return self._no_content(self._limit)
        return None

    async def _read(self, since: float) -> tuple[bytes, Failure | None]:
        """The next bytes, or why there are none; `since` is from when on the wait for them counts."""
        assert self._chunks is not None
        timeouts, limit = self._timeouts, self._limit
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
                self._quiet = True  # until there turns out to be progress in it
        except StopAsyncIteration:
            self._ended = True
            return b"", self._truncated()
        except httpx2.TimeoutException as error:
            stalled = self._stalled(f"not a byte for {timeouts.idle:g} s")
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
        self._read_at = self._now()
        waited = self._read_at - since
        self._waited += waited
        self._size += len(chunk)
        if self._size > _LARGEST_BODY:
            return b"", self._too_large()
        if self._pace is not None and self._pace.waited(waited):
            return chunk, self._slow()
        return chunk, None

    def _patience(self, limit: float) -> float | None:
        """How long the next read may take, in seconds; None where the transport's own bound comes first.

        A read that was cut short cannot be taken up again: whatever bounds it ends the attempt.
        """
        if self._pace is not None:
            return min(limit - self._waited, self._pace.patience)
        return limit - self._waited if self._quiet or limit < self._timeouts.idle else None

    def _decode(self, frame: ServerSentEvent) -> Event | Failure | None:
        if frame.event == "error":
            return self._error_event(read_error(frame.data))
        event = self._reader.read(frame)
        if event is None:
            return None
        if event["type"] == "error":
            return self._error_event(event)
        return event

    # -- answers that are no stream

    def _keep(self, chunk: bytes) -> None:
        """Keep what has come, until an event shows that it is a stream.

        An answer that calls itself a stream is believed, unless it begins like JSON; another may still be one.
        """
        assert self._body is not None
        if not self._body and chunk and self._calls_itself_a_stream and not chunk.lstrip().startswith((b"{", b"[")):
            self._body = None
            return
        self._body += chunk

    @property
    def _calls_itself_a_stream(self) -> bool:
        assert self.response is not None
        return media_type(self.response.headers) in _STREAMS

    def _in_one_piece(self, ended: Failure) -> tuple[list[Event], Failure]:
        """What a body without an event is: an error of the API's, a whole message, or nothing that is known here."""
        body, self._body = bytes(self._body or b""), None
        try:
            value = loads(body.decode()) if body else None
        except (ValueError, RecursionError):
            value = None
        if is_error(value):
            return [], self._error_event(value)
        events = _events_of(value)
        if events:
            self._brought(events)
            return events, ended
        assert self.response is not None
        if not body.strip() and self.response.status_code == 200 and self._may_be_empty:
            return [], ended
        return [], self._not_a_stream()

    @property
    def _may_be_empty(self) -> bool:
        """Whether an empty body is a stream that was cut at its beginning: where nothing says that it is none."""
        assert self.response is not None
        return self._calls_itself_a_stream or "content-type" not in self.response.headers

    # -- failures

    def _not_a_stream(self) -> Failure:
        assert self.response is not None
        what = media_type(self.response.headers)
        status = "" if self.response.status_code == 200 else f", with status {self.response.status_code}"
        error = anthropic.APIResponseValidationError(
            self.response, None, message=f"The answer was no stream of events, but {what}{status}."
        )
        return of_kind(Kind.NOT_A_STREAM, error, status=self.response.status_code, mark=f"not a stream, but {what}")

    def _too_large(self) -> Failure:
        assert self.response is not None
        what = f"The answer was larger than {_LARGEST_BODY // 2**20} MiB."
        error = anthropic.APIResponseValidationError(self.response, None, message=what)
        return of_kind(Kind.MALFORMED, error, status=200, mark="too large")

    def _truncated(self) -> Failure:
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
        timeouts = self._timeouts
        what = f"fewer than {timeouts.chars_per_second:g} characters a second for {timeouts.pace_window:g} s"
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
        return of_kind(Kind.MALFORMED, error, status=200, mark=type(cause).__name__)

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
            if self.response is not None and not self._ended:
                await reset(self.response)
            if self._watched is not None and self.response is not None:
                await self.response.aclose()
                await self._watched.show()
            if self._manager is not None:
                await self._manager.__aexit__(None, None, None)
            if self._chunks is not None:
                # Over HTTP/2 a closed response still waits for what comes, which is others' bytes.
                with anyio.CancelScope() as scope:
                    scope.cancel()
                    await _drain(self._chunks)
                if isinstance(self._chunks, AsyncGenerator):
                    await self._chunks.aclose()

    async def _read_to_the_end(self) -> None:
        """Take the end of the body if it comes at once: the connection can then be used for the next request."""
        assert self._chunks is not None
        with anyio.move_on_after(_LAST_BYTES), suppress(Exception):
            async for _ in self._chunks:
                pass
            self._ended = True


#: The content types of streams: the API's, and Bedrock's.
_STREAMS: Final = frozenset({"text/event-stream", "application/vnd.amazon.eventstream"})


def _events_of(value: Any) -> list[Event]:
    """The events of a whole message, from a gateway that does not stream; empty where it is none."""
    match value:
        case {"type": "message", "content": list(), "stop_reason": str()}:
            from ..batches.request import events_of

            try:
                events = events_of(value)
                return events if all(map(is_event, events)) else []
            except (TypeError, AttributeError, LookupError, ValueError):
                # A block that is none.
                return []
    return []


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    """End the iterator over a closed response. Leaving it would leave generators to the garbage collector."""
    try:
        for _ in range(_MOST_CHUNKS):
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
