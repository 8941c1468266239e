"""The stream that the caller holds: the whole surface of the SDK's `AsyncMessageStream`, and `report` and `partial`.

Events come from the driver as decoded JSON. `text_stream` needs no more than that; typed events and the snapshot are
made when the caller asks for them (`sdk/typed_events.py`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, cast

import anthropic

from ..core.message.partial import Partial
from ..core.wire.deltas import Delta
from ..core.wire.json_text import loads
from ..core.wire.request_ids import request_id
from ..report import Report
from ..sdk.typed_events import Api, FormatT, TypedEvents, without_abandoned
from .consumed import Consumed
from .reader import Engine, Reader, open_reader

if TYPE_CHECKING:
    import httpx2
    from anthropic.lib.streaming import ParsedMessageStreamEvent
    from anthropic.types import ParsedMessage


__all__ = ["ResilientStream", "ResilientStreamManager", "TextStream"]


class ResilientStream(Generic[FormatT]):
    """One message, however many requests it takes.

    Iterate it for the SDK's events, or `text_stream` for text alone; both take from the same stream. Both are objects
    that survive a cancelled read: after `asyncio.wait_for(anext(stream), 15)` has timed out, the next call goes on.

    Every method that reads raises `StreamFailed` when no route can finish the message, `StreamTimeout` when the
    policy's deadline passes, the SDK's own exception for what the API will never accept, and `ValueError` when the
    input of a tool call is no JSON (the SDK's own error).
    """

    def __init__(
        self, driver: Engine, reader: Reader, api: Api, output_format: Any, before: Partial | None = None
    ) -> None:
        self._driver = driver
        self._api = api
        self._output_format = output_format
        self._consumed = Consumed(driver.partial, before)  # while nobody has asked for types
        self._typed: TypedEvents | None = None
        self._made: Iterator[Any] = iter(())
        self._reader = reader

    # -- reading

    def __aiter__(self) -> AsyncIterator[ParsedMessageStreamEvent[FormatT]]:
        return self

    async def __anext__(self) -> ParsedMessageStreamEvent[FormatT]:
        reader, feed = self._reader, self._driver.out
        while (made := self._next_made()) is None:
            types = self._typed or self._types()
            self._made = types.push(feed.take() if feed.waiting and reader.in_midst else await reader.next_event())
        return cast("ParsedMessageStreamEvent[FormatT]", made)

    def _next_made(self) -> Any:
        """The next of the SDK's events that the last decoded event makes; None where it has made all of them."""
        try:
            return next(self._made, None)
        except Exception as error:
            self._reader.error = error
            raise

    @property
    def text_stream(self) -> TextStream:
        """An iterator over just the text, in the pieces in which it arrives."""
        return TextStream(self._next_text, self.close)

    async def _next_text(self) -> str:
        reader, feed = self._reader, self._driver.out
        while self._typed is None:
            event = feed.take() if feed.waiting and reader.in_midst else await reader.next_event()
            if isinstance(event, Delta):
                if event.kind == "text_delta":
                    return event.piece
                continue
            self._consumed.note(event)
            if event["type"] == "content_block_stop":
                self._check_input(event["index"])
        while True:
            typed: Any = await self.__anext__()
            if typed.type == "content_block_delta" and typed.delta.type == "text_delta":
                return str(typed.delta.text)

    def _check_input(self, index: int) -> None:
        """A whole tool call whose input is no JSON is an error, also where the caller reads the text alone."""
        blocks = self._driver.partial.blocks
        block = blocks[index] if index < len(blocks) else None
        if block is None or not block.pieces or "input" not in block.start:
            return
        try:
            loads("".join(block.pieces))
        except ValueError:
            try:
                self._types()  # the SDK's own error says it best
            except ValueError as error:
                self._reader.error = error
                raise

    def _types(self) -> TypedEvents:
        """The accumulator of typed events. Made at the first call, it is given all that the caller has read by then."""
        if self._typed is None:
            given = anthropic.not_given if self._output_format is None else self._output_format
            driver = self._driver  # and not the stream, which would be a reference cycle
            taken = self._consumed.partial(driver.out.waiting)
            self._typed = TypedEvents(self._api, given, taken, lambda: driver.response or _elsewhere())
            if self._reader.closed:
                self._typed.close()
        return self._typed

    # -- results

    async def until_done(self) -> None:
        """Read the stream to its end."""
        async for _ in self.text_stream:
            pass
        if not self._driver.partial.complete:
            raise self._driver.failure("it was closed before the message was whole")

    async def get_final_message(self) -> ParsedMessage[FormatT]:
        """Read to the end, and return the whole message. Blocks that were given up unfinished are not in it."""
        await self.until_done()
        whole = without_abandoned(self.current_message_snapshot, self._driver.partial)
        return cast("ParsedMessage[FormatT]", whole)

    async def get_final_text(self) -> str:
        """Read to the end, and return all text blocks joined. Raises `RuntimeError` when there is none."""
        if self._output_format is None:
            await self.until_done()
            blocks = [(block.type, block.text) for block in self._driver.partial.blocks if not block.abandoned]
        else:
            message = await self.get_final_message()  # which parses the text
            blocks = [(block.type, getattr(block, "text", "")) for block in message.content]
        texts = [text for type_, text in blocks if type_ == "text"]
        if not texts:
            types = ", ".join(type_ for type_, _ in blocks) or "none"
            raise RuntimeError(f"get_final_text() needs a text content block; the content block types are: {types}")
        return "".join(texts)

    @property
    def current_message_snapshot(self) -> ParsedMessage[FormatT]:
        """The message as far as it was read. Raises `AssertionError` before its first event, as the SDK does."""
        return cast("ParsedMessage[FormatT]", self._types().snapshot)

    @property
    def partial(self) -> Partial:
        """The message as far as it arrived, as plain data: a copy."""
        return self._driver.partial.copy()

    @property
    def report(self) -> Report:
        """How it goes: every attempt, every notice, what was spent."""
        return self._driver.report

    @property
    def response(self) -> httpx2.Response:
        """The response of the attempt that feeds the stream, or fed it last.

        Raises `RuntimeError` where the stream is read from a journal, and another process has asked for it.
        """
        response = self._driver.response
        if response is None:
            raise RuntimeError("another process has asked for this stream: it has no response here")
        return response

    @property
    def request_id(self) -> str | None:
        """That response's request id; of a stream that another process has asked for, the last that is known."""
        response = self._driver.response
        if response is None:
            return next(reversed(self.report.request_ids), None)
        return request_id(response.headers)

    @property
    def workspace_id(self) -> str | None:
        """That response's workspace id; None where there is no response here."""
        response = self._driver.response
        return None if response is None else response.headers.get("anthropic-workspace-id")

    @property
    def role(self) -> Literal["writer", "reader"]:
        """Whether this stream asks for its message, or reads one that another process asks for, through a journal.

        It may change: a reader goes on with a stream whose writer has died, and a writer that another has taken the
        stream from reads on.
        """
        return self._driver.role

    @property
    def position(self) -> str | None:
        """Of the last event that was read, in the journal: `"<fence>-<seq>"`, for `attach(after=...)`.

        None before the first, and of a stream without a journal.
        """
        return self._driver.position

    # -- the end

    async def close(self) -> None:
        """Close the response and release the connection. Safe to call twice, from any task."""
        try:
            await self._reader.close()
        finally:
            self._take_the_rest()

    def _take_the_rest(self) -> None:
        """Add what has arrived to the snapshot, and end the accumulator: the garbage collector would do so too late."""
        feed, typed = self._driver.out, self._typed
        try:
            while feed.waiting:
                event = feed.take()
                if typed is not None:
                    typed.accumulate(event)
                elif not isinstance(event, Delta):
                    self._consumed.note(event)
        except Exception as error:
            self._reader.error = self._reader.error or error
        if typed is not None:
            typed.close()

    async def __aenter__(self) -> ResilientStream[FormatT]:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()


def _elsewhere() -> httpx2.Response:
    """What stands for the response of a stream that another process has asked for."""
    import httpx2

    return httpx2.Response(200, request=httpx2.Request("POST", "/v1/messages"))


class TextStream:
    """Just the text of a stream, in the pieces in which it arrives."""

    def __init__(self, read: Callable[[], Coroutine[Any, Any, str]], close: Callable[[], Awaitable[None]]) -> None:
        self._read = read
        self._close = close

    def __aiter__(self) -> TextStream:
        return self

    def __anext__(self) -> Coroutine[Any, Any, str]:
        return self._read()

    async def aclose(self) -> None:
        """Close the stream, as `contextlib.aclosing` does."""
        await self._close()


class ResilientStreamManager(Generic[FormatT]):
    """What `resilient_stream` returns: enter it with `async with`, once."""

    def __init__(self, make_driver: Callable[[], Awaitable[Engine]], api: Api, output_format: Any) -> None:
        self._make_driver: Callable[[], Awaitable[Engine]] | None = make_driver
        self._api = api
        self._output_format = output_format
        self._stream: ResilientStream[FormatT] | None = None

    async def __aenter__(self) -> ResilientStream[FormatT]:
        """Ask, and return when a route has answered with headers.

        Raises:
            RuntimeError: It was entered before.
            OSError: A file that the request names cannot be read.
            anthropic.APIStatusError: What the API will never accept.
            StreamFailed: No route answered.
            StreamTimeout: The policy's deadline passed first.
        """
        if self._make_driver is None:
            raise RuntimeError("a resilient stream can be entered once; call resilient_stream() again")
        make_driver, self._make_driver = self._make_driver, None
        driver = await make_driver()
        reader = await open_reader(driver)
        self._stream = ResilientStream(driver, reader, self._api, self._output_format)
        return self._stream

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._stream is not None:
            await self._stream.close()
