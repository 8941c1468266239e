"""A stream of a journal as somebody reads it who has not asked for it: in any process, at any time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ..core.message.partial import Partial
from ..core.wire.decoded import Event
from ..engine.reader import Reader
from ..engine.stream import ResilientStream, TextStream
from ..report import Report
from .entry_reader import read_entries
from .session import Session
from .stream import DurableStream

if TYPE_CHECKING:
    from anthropic.lib.streaming import ParsedMessageStreamEvent
    from anthropic.types import ParsedMessage

__all__ = ["AttachedStream"]

T = TypeVar("T")


class AttachedStream:
    """What `attach` returns: the reading half of a `ResilientStream`, without a client. Nothing is read before it is
    asked for.

    Iterate it for the SDK's events, or `text_stream` for text alone; or `entries`, for what is sent on to a browser.
    Leaving it changes nothing for the stream or for its other readers. Use it as an async context manager, or `close`
    it.

    Every method that reads raises `StreamMissing` where there is no such stream; `StreamCancelled` at the end of one
    that was stopped; and `StreamFailed` at the end of one that could not be finished, or where the journal cannot be
    reached.

    Attributes:
        stream_id: The stream's id.
        after: Where reading begins, as in `attach`; it may be set until then.
    """

    def __init__(
        self, session: Session, stream_id: str, *, after: str | None, owner: bytes | None, output_format: Any = None
    ) -> None:
        self.stream_id: str = stream_id
        self.after: str | None = after
        self._session = session
        self._owner = owner
        self._output_format = output_format
        self._driver: DurableStream | None = None
        self._reader: Reader | None = None
        self._stream: ResilientStream[Any] | None = None

    # -- reading

    def __aiter__(self) -> AsyncIterator[ParsedMessageStreamEvent[Any]]:
        return self

    async def __anext__(self) -> ParsedMessageStreamEvent[Any]:
        return await self._read((await self._opened()).__anext__)

    @property
    def text_stream(self) -> TextStream:
        """An iterator over just the text, in the pieces in which it was delivered."""
        return TextStream(self._next_text, self.close)

    async def _next_text(self) -> str:
        return await self._read((await self._opened()).text_stream.__anext__)

    async def _read(self, take: Callable[[], Awaitable[T]]) -> T:
        """What `take` gives; behind the end, or an error, nothing is left open, also for who does not close."""
        try:
            return await take()
        except Exception:
            await self.close()
            raise

    @property
    def entries(self) -> AsyncIterator[tuple[str, Event]]:
        """Pairs of position and raw event, as the Messages API has them; each call reads by itself, from `after` on.

        A reader comes back with the position of the last event that it has: `attach(after=position)`. The events of a
        snapshot have the position `"0"`, but for the last of them: who has a part of it begins anew. An event
        `{"type": "rewind"}` says that the journal has lost what was shown: what follows begins with `message_start`.
        """
        return read_entries(self._session, self.stream_id, after=self.after, owner=self._owner)

    async def until_done(self) -> None:
        """Read the stream to its end."""
        await (await self._opened()).until_done()

    async def get_final_message(self) -> ParsedMessage[Any]:
        """Read to the end, and return the whole message."""
        return await (await self._opened()).get_final_message()

    async def get_final_text(self) -> str:
        """Read to the end, and return all text blocks joined. Raises `RuntimeError` when there is none."""
        return await (await self._opened()).get_final_text()

    @property
    def partial(self) -> Partial:
        """The message as far as it was read, as plain data: a copy; empty before the first read."""
        return Partial() if self._driver is None else self._driver.partial.copy()

    @property
    def report(self) -> Report:
        """How it goes, over all who have written it; empty before the first read. Its notices come with its end."""
        return Report() if self._driver is None else self._driver.report

    @property
    def position(self) -> str | None:
        """Of the last event that was read: what `after` begins behind. None before the first."""
        return None if self._driver is None else self._driver.position

    async def _opened(self) -> ResilientStream[Any]:
        if self._stream is None:
            if self._driver is None:
                driver = DurableStream(self._session, self.stream_id, after=self.after, owner=self._owner)
                self._driver, self._reader = driver, Reader(driver)
                self._reader.begin()
            driver, reader = self._driver, self._reader
            assert reader is not None
            await driver.opened.wait()
            if self._stream is None:
                self._stream = ResilientStream(driver, reader, driver.api, self._output_format, driver.begins_with)
        return self._stream

    # -- the end

    async def close(self) -> None:
        """Stop reading. Safe to call twice, from any task."""
        if self._stream is not None:
            await self._stream.close()
        elif self._reader is not None:
            await self._reader.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()
