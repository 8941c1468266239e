"""From the entries of a stream to the pieces of one response: when it begins, what is sent, and how it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import anyio

from ..core.wire.decoded import Event
from ..durable.errors import StreamCancelled, StreamMissing
from ..errors import StreamFailed
from ..journal import JournalError
from .body import Body
from .errors import BrokenOff
from .intake import Intake
from .problem import CANCELLED, problem_of
from .sse import COMMENT, retry_line
from .ui_wire import UIMessageWire
from .wire import Wire

__all__ = ["Entries", "Exchange"]

#: Positions and events.
Entries = Sequence[tuple[str, Event]]

#: After how long a response begins that has nothing to send yet, in seconds. Until then it can still say that there is
#: nothing to read.
_HEAD_AFTER: Final = 1.0
#: How long nothing comes where all that is there has been read, in seconds. Where that is wrong, more is sent.
_QUIET: Final = 0.05
#: How many chunks no stream has.
_ALL: Final = 2**53


class Exchange:
    """One response.

    Args:
        intake: What reads the stream.
        body: What is sent.
        ping: After how long a silence a comment is sent, in seconds.
        retry: When a reader is to come back after the body has ended, in seconds.
        error_text: What is told of an answer that failed. None: our sentence.
    """

    def __init__(
        self,
        intake: Intake,
        body: Body,
        *,
        ping: float,
        retry: float,
        error_text: Callable[[StreamFailed], str] | None,
    ) -> None:
        self._intake = intake
        self._body = body
        self._ping = ping
        self._retry = retry
        self._error_text = error_text
        self._has_read = False
        self._is_whole = False  # the message, by its own word

    async def replay(self) -> tuple[Entries, int]:
        """Read what is there: the entries, and how many chunks of the UI message stream they make.

        Where more is there than was read, the number is too small by that, and who counts from the end gets more.
        """
        read: list[tuple[str, Event]] = []
        until = anyio.current_time() + _HEAD_AFTER
        while (left := until - anyio.current_time()) > 0 and not self._intake.is_over:
            more = await self._intake.take(min(left, _QUIET) if read else left)
            if not more:
                break
            read += more
        wire = UIMessageWire(_ALL)
        self._next(wire, read)
        self._has_read = self._is_whole = False
        return read, wire.count

    async def serve(self, wire: Wire, entries: Entries = (), *, head: bool = False) -> None:
        """Send the stream to its end.

        Args:
            wire: What it is sent as.
            entries: What was read before.
            head: Whether only the head is asked for.

        Raises:
            BrokenOff: The body has to break off here.
            Gone: The client is not there any more.
            Exception: What reading has raised, where that is no end of a stream.
        """
        begins = anyio.current_time() + _HEAD_AFTER
        while True:
            if not entries and not self._intake.is_over:
                wait = self._ping if self._body.started else max(0.0, begins - anyio.current_time())
                entries = await self._intake.take(wait)
            is_silent = not entries and not self._intake.is_over
            data, holds = self._next(wire, entries)
            entries = ()
            if head and (data or is_silent or wire.over):
                await self._body.start(204 if wire.over and not data else 200)
                await self._body.write(b"", more=False)
                return
            if not holds:
                if data:
                    await self._send(wire, data)
                raise BrokenOff("the answer is not whole, and its reader cannot be told so otherwise")
            if wire.over:
                await self._send(wire, data, more=False)
                return
            if data or is_silent:
                await self._send(wire, data)

    def _next(self, wire: Wire, entries: Entries) -> tuple[bytes, bool]:
        """What is sent of these entries, and of the end where they are the last; and whether that is all right."""
        data = b""
        for position, event in entries:
            self._has_read = True
            self._is_whole = self._is_whole or _says_so(event)
            pushed = wire.push(position, event)
            if pushed is None:
                return data, False
            data += pushed
            if wire.over:
                return data, True
        if not self._intake.is_over:
            return data, True
        ending = self._ending(wire)
        return data + (ending or b""), ending is not None

    def _ending(self, wire: Wire) -> bytes | None:
        error = self._intake.error
        match error:
            case None if self._is_whole:
                return wire.end()
            case None | StreamMissing():
                # Nothing is left of it, or nothing is there. In the middle of it, somebody has closed the stream, or
                # it was deleted.
                return None if self._has_read or self._body.started else wire.end()
            case StreamCancelled():
                return wire.fail(CANCELLED)
            case StreamFailed():
                if isinstance(error.__cause__, JournalError):
                    return None  # it is the journal that is away: the answer may well go on
                text = None if self._error_text is None else self._error_text(error)
                return wire.fail(problem_of(error, text))
            case _:
                raise error

    async def _send(self, wire: Wire, data: bytes, *, more: bool = True) -> None:
        if not self._body.started:
            is_empty = not data and not more
            await self._body.start(204 if is_empty else 200)
            if wire.has_frames and not is_empty:
                data = retry_line(self._retry) + data
        elif not data and more:
            data = COMMENT if wire.has_frames else b""
        if data or not more:
            await self._body.write(data, more=more)


def _says_so(event: Event) -> bool:
    """Whether an event says that the message is whole."""
    match event.get("type"):
        case "message_stop":
            return True
        case "message_delta":
            return (event.get("delta") or {}).get("stop_reason") is not None
        case "message_start":
            return event["message"].get("stop_reason") is not None
    return False
