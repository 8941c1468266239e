"""One request: opened, watched, read, closed.

What a peer does wrong comes out as a `Failure`; what raises is a mistake of the caller's, or of ours.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import anthropic
import anyio
import anyio.lowlevel
import httpx2

from ..concurrency.detached import Abandoned, Step, detach, event_loop_clock
from ..core.classification import not_sent
from ..core.failure import Failure, Kind, of_kind
from ..core.wire.decoded import Event
from ..core.wire.deltas import Delta
from ..core.wire.events import EventReader, loads, read_error
from ..core.wire.frames import Decoder, decoder_for
from ..core.wire.request_ids import request_id
from ..diagnosis.evidence import connection_failure
from ..sdk.call_site import NOWHERE, CallSite
from ..sdk.failures import error_event, lost_connection, malformed, refused, stalled, too_large, truncated
from ..sdk.http2 import reset
from ..sdk.timeouts import Timeouts
from ..sdk.tracers import Watched, watched
from .drain import drain
from .watchdog import Overdue, Watchdog
from .whole_body import WholeBody

__all__ = ["Attempt"]

#: How long the end of a body may take after an `error` event, in seconds. A new connection would take longer than
#: that: two round trips for TCP and TLS, at the least.
_LAST_BYTES: Final = 0.005
#: How long closing a connection may take, in seconds, before it is left to the transport.
_CLOSE_TIMEOUT: Final = 5.0
#: How much is read without letting others run, in bytes: as much as a transport reads at a time.
_PIECE: Final = 64 * 1024
#: The largest body, in bytes, inflated. Ours: 128,000 tokens of output, each in an event of its own, are some 20 MiB.
#: It bounds what a stream keeps in memory, of what is held back from the reader too.
_LARGEST_BODY: Final = 64 * 2**20


class Attempt:
    """One streaming request. `open` it, `receive` until it fails or ends, and `aclose` it in any case.

    Attributes:
        response: The response, once `open` has returned without a failure.
    """

    response: httpx2.Response | None

    def __init__(self, timeouts: Timeouts) -> None:
        self.response = None
        self._timeouts = timeouts
        self._watchdog = Watchdog(timeouts)
        self._manager: Any = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._decoder: Decoder = decoder_for("")
        self._reader = EventReader()
        self._large: Iterator[bytes] | None = None  # what is left of a chunk that is read piece by piece
        self._now: Callable[[], float] = anyio.current_time
        self._read_at = 0.0
        self._size = 0  # bytes of the body
        self._came = 0  # events
        self._ended = False
        self._whole: WholeBody | None = None  # while it may be something else than a stream
        self._closing: Step | None = None
        self._watched: Watched | None = None
        self._said_why = False  # an `error` event has come: nothing will follow it

    @property
    def content(self) -> bool:
        """Whether it has brought content."""
        return self._watchdog.content

    async def open(self, messages: Any, request: Mapping[str, Any], call_site: CallSite = NOWHERE) -> Failure | None:
        """Send the request and wait for its headers.

        Args:
            messages: The client's `messages` resource.
            request: The arguments of `messages.stream`.
            call_site: The line that the SDK's warnings (of a deprecated model) are about. By default there are none.

        Returns:
            What it died of; None where its headers are there.
        """
        self._manager = call_site.call(messages.stream, request)
        self._now = event_loop_clock()
        started = self._now()
        try:
            with anyio.move_on_after(self._timeouts.first_content) as scope:
                inner = await self._manager.__aenter__()
        except anthropic.APIStatusError as error:
            return refused(error)
        except anthropic.APIConnectionError as error:
            return connection_failure(error)
        except anthropic.APIError as error:
            return of_kind(Kind.MALFORMED, error)
        except Exception as error:
            # Raised before anything was sent: by what signs the request or fetches a token for it, or by a mistake.
            return not_sent(error)
        if scope.cancelled_caught:
            return stalled(None, f"no answer for {self._timeouts.first_content:g} s")
        self._watched = watched(self._manager, inner)
        self.response = response = inner.response if self._watched is None else self._watched.response
        self._decoder = decoder_for(response.headers.get("content-type", ""))
        self._whole = WholeBody(response)
        self._chunks = response.aiter_bytes()
        self._watchdog.waited(self._now() - started)
        return None

    @property
    def request_id(self) -> str | None:
        """The response's request id; None before there is a response."""
        return request_id(self.response.headers) if self.response is not None else None

    async def receive(self) -> tuple[list[Event], Failure | None]:
        """The events that the next bytes complete, and why there will be no more; None while there may be.

        Pings and bytes without an event are waited over.
        """
        since = self._now()
        watchdog = self._watchdog
        while True:
            chunk, failure = await (self._read(since) if self._large is None else self._next_piece(since))
            if self._whole is not None and not self._whole.keep(chunk):
                self._whole = None
            events: list[Event] = []
            died: Failure | None = None
            try:
                for frame in self._decoder.feed(chunk):
                    if frame.event == "error":
                        died = self._error_event(read_error(frame.data))
                        break
                    event = self._reader.read(frame)
                    if event is None:
                        continue
                    if not isinstance(event, Delta) and event["type"] == "error":
                        died = self._error_event(event)
                        break
                    events.append(event)
            except ValueError as error:
                died = self.malformed(error)
            if self._reader.has_halves:
                events, lone = self._reader.join(events)
                died = died if lone is None else self.malformed(lone)
            if failure is not None and died is None:
                if failure.clean_end and self._whole is not None and not events:
                    return self._in_one_piece(self._whole, failure)
                died = self._last_words() or failure
            if events:
                self._whole = None
                self._came += len(events)
            if died is not None and died.mark is not None:
                died = replace(died, mark=f"{died.mark} after {self._came} events")
            if events:
                if not watchdog.brings(events):
                    now = self._now()
                    watchdog.looked(now - self._read_at)
                    self._read_at = now
                    died = died or self._given_up(watchdog.overdue)
                return events, died
            died = died or self._given_up(watchdog.overdue)
            if died is not None:
                return [], died
            # What is done with what brings nothing takes its time, too: floods are not waited for.
            since = self._read_at

    def _given_up(self, overdue: Overdue | None) -> Failure | None:
        return None if overdue is None else stalled(self.response, overdue.what, kind=overdue.kind)

    async def _next_piece(self, since: float) -> tuple[bytes, Failure | None]:
        """The next piece of a large chunk. What was compressed can be a thousand times as long as what came."""
        assert self._large is not None
        await anyio.lowlevel.checkpoint()
        piece = next(self._large, None)
        if piece is not None:
            return piece, None
        self._large = None
        return await self._read(since)

    async def _read(self, since: float) -> tuple[bytes, Failure | None]:
        """The next bytes, or why there are none. The wait for them is counted from `since` on, in seconds of `_now`."""
        assert self._chunks is not None
        assert self.response is not None
        watchdog = self._watchdog
        try:
            # The transport bounds a read by itself; a scope is needed only where another limit comes first.
            patience = watchdog.patience()
            if patience is None:
                chunk = await anext(self._chunks)
            else:
                with anyio.move_on_after(patience) as scope:
                    chunk = await anext(self._chunks)
                if scope.cancelled_caught:
                    return b"", self._given_up(watchdog.ran_out(patience))
        except StopAsyncIteration:
            self._ended = True
            return b"", truncated(self.response)
        except httpx2.TimeoutException as error:
            return b"", stalled(self.response, f"not a byte for {self._timeouts.idle:g} s", cause=error)
        except Exception as error:
            # Whatever a transport raises while a body is being read is the peer's doing.
            return b"", lost_connection(self.response, error)
        self._read_at = self._now()
        slow = watchdog.waited(self._read_at - since)
        self._size += len(chunk)
        if self._size > _LARGEST_BODY:
            return b"", too_large(self.response, _LARGEST_BODY)
        if slow is not None:
            return chunk, self._given_up(slow)
        if len(chunk) > _PIECE:
            self._large = _pieces(chunk)
            return next(self._large), None
        return chunk, None

    def _in_one_piece(self, whole: WholeBody, ended: Failure) -> tuple[list[Event], Failure]:
        self._whole = None
        events, died = whole.read(ended)
        if events:
            self._watchdog.brings(events)
        self._said_why = self._said_why or died is not ended
        return events, died

    def _last_words(self) -> Failure | None:
        """An `error` event that lacks its last line: the SDK drops it, but it says what happened."""
        try:
            cut = self._decoder.finish()
            said = None if cut is None else loads(cut.data)
        except ValueError:
            return None
        of_its_own = isinstance(said, dict) and said.get("type") == "error"
        return self._error_event(said) if cut is not None and (cut.event == "error" or of_its_own) else None

    def malformed(self, cause: Exception) -> Failure:
        """The failure of a stream that cannot be read, because of `cause`."""
        assert self.response is not None
        return malformed(self.response, cause)

    def _error_event(self, body: object) -> Failure:
        assert self.response is not None
        self._said_why = True
        return error_event(self.response, body)

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
                    await drain(self._chunks)
                if isinstance(self._chunks, AsyncGenerator):
                    await self._chunks.aclose()

    async def _read_to_the_end(self) -> None:
        """Take the end of the body if it comes at once: the connection can then be used for the next request."""
        assert self._chunks is not None
        with anyio.move_on_after(_LAST_BYTES), suppress(Exception):
            async for _ in self._chunks:
                pass
            self._ended = True


def _pieces(chunk: bytes) -> Iterator[bytes]:
    return (chunk[at : at + _PIECE] for at in range(0, len(chunk), _PIECE))
