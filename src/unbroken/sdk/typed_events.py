"""Decoded events -> the SDK's own event types and message snapshot, by the SDK's own accumulator.

The SDK's `AsyncMessageStream` accumulates over any object that yields raw events. Here it is fed by hand, one event at
a time and without awaiting anything: it asks for the next event only when it has given out all that it made of the
last, and then its `__anext__` is left waiting until there is one.

What it does with a delta costs more the longer the message is, so a run of text is fed to it in one piece: when
something else comes, or when somebody looks at the snapshot.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final, Literal, cast

import anthropic
import pydantic
from anthropic import types
from anthropic.lib.streaming import AsyncMessageStream, BetaAsyncMessageStream
from anthropic.types import beta
from typing_extensions import TypeVar

from ..core.message.partial import Partial
from ..core.wire.decoded import Event
from ..core.wire.deltas import Delta

__all__ = ["Api", "FormatT", "TypedEvents", "without_abandoned"]

Api = Literal["messages", "beta"]
#: The type that the text of an answer is parsed into (`output_format`); None where none was given.
FormatT = TypeVar("FormatT", default=None)

_TYPES: Final[dict[Api, dict[str, type[anthropic.BaseModel]]]] = {
    "messages": {
        "message_start": types.RawMessageStartEvent,
        "message_delta": types.RawMessageDeltaEvent,
        "message_stop": types.RawMessageStopEvent,
        "content_block_start": types.RawContentBlockStartEvent,
        "content_block_delta": types.RawContentBlockDeltaEvent,
        "content_block_stop": types.RawContentBlockStopEvent,
    },
    "beta": {
        "message_start": beta.BetaRawMessageStartEvent,
        "message_delta": beta.BetaRawMessageDeltaEvent,
        "message_stop": beta.BetaRawMessageStopEvent,
        "content_block_start": beta.BetaRawContentBlockStartEvent,
        "content_block_delta": beta.BetaRawContentBlockDeltaEvent,
        "content_block_stop": beta.BetaRawContentBlockStopEvent,
    },
}


def _typed(type_: type[anthropic.BaseModel], event: Event) -> anthropic.BaseModel:
    try:
        return type_.model_validate(event)
    except pydantic.ValidationError:
        # A value that this SDK does not know yet, such as a new stop reason: taken as it is, as the SDK does.
        return type_.construct(**event)


class _Hungry:
    """Awaited by the feed when it has nothing: comes out of `send` as itself."""

    def __await__(self) -> Generator[_Hungry, None, None]:
        yield self


class _Feed:
    """Stands for the SDK's raw stream."""

    def __init__(self, response: Callable[[], Any]) -> None:
        self._response = response
        self.events: deque[Any] = deque()
        self.ended = False

    @property
    def response(self) -> Any:
        """Of the attempt that feeds the stream: the beta accumulator looks at its request's headers."""
        return self._response()

    def __aiter__(self) -> _Feed:
        return self

    async def __anext__(self) -> Any:
        while not self.events:
            if self.ended:
                raise StopAsyncIteration
            await _Hungry()
        return self.events.popleft()


class _Run:
    """Deltas of one kind for one block, one after another: the events that the SDK would make of them.

    Args:
        first: What the SDK made of the first: the raw event, and the one with the text so far.
    """

    def __init__(self, first: Sequence[Any]) -> None:
        raw, derived = first
        self.index: int = raw.index
        self.delta_type: str = raw.delta.type
        self._name: str = derived.type  # `text` or `thinking`, which is also the name of its field
        self._raw = type(raw)
        # Pydantic's own: that of the SDK's models looks at every value twice, and validating reads the whole text.
        model = cast("type[anthropic.BaseModel]", type(derived))
        self._derive: Callable[..., Any] = super(anthropic.BaseModel, model).model_construct
        self._growing = _grow(derived.snapshot)
        next(self._growing)
        self._unfed: list[str] = []

    def __contains__(self, event: Event) -> bool:
        return isinstance(event, Delta) and (event.index, event.kind) == (self.index, self.delta_type)

    def push(self, event: Event) -> Iterator[Any]:
        """The raw event, and then the one with the text so far."""
        piece: str = event["delta"][self._name]
        self._unfed.append(piece)
        yield _typed(self._raw, event)
        yield self._derive(**{"type": self._name, self._name: piece, "snapshot": self._growing.send(piece)})

    def take_unfed(self) -> Event | None:
        """What came after the first, as one event; None if nothing did since the last look."""
        if not self._unfed:
            return None
        grown, self._unfed = "".join(self._unfed), []
        delta = {"type": self.delta_type, self._name: grown}
        return {"type": "content_block_delta", "index": self.index, "delta": delta}


def _grow(text: str) -> Generator[str, str, None]:
    """Append each piece that is sent, and give out the text so far.

    CPython appends to a string in place if a local variable is all that refers to it, which here is so as soon as the
    caller has let go of the event before. A text would otherwise be copied as a whole for each of its pieces.
    """
    while True:
        piece = yield text
        text += piece


class TypedEvents:
    """Makes typed events of decoded ones, and keeps the snapshot.

    Args:
        api: Whose types: `messages` or `beta`.
        output_format: The type that text is parsed into; `anthropic.not_given` for none.
        partial: What was delivered before anybody looked.
        response: Gives the response that feeds the stream.
    """

    def __init__(self, api: Api, output_format: Any, partial: Partial, response: Callable[[], Any]) -> None:
        self._types = _TYPES[api]
        self._feed = _Feed(response)
        accumulator = AsyncMessageStream if api == "messages" else BetaAsyncMessageStream
        feed: Any = self._feed
        self._stream: Any = accumulator(feed, output_format)
        self._next: Coroutine[Any, Any, Any] | None = None
        self._started = False
        self._run: _Run | None = None
        for event in partial.events():
            self._accumulate(event)

    def push(self, event: Event) -> Iterator[Any]:
        """The typed events that this one stands for, in the SDK's order, each made when it is asked for.

        Ask for all of them before the next push.

        Raises:
            ValueError: The input of a tool call is no JSON (the SDK's own error).
        """
        if self._run is not None and event in self._run:
            yield from self._run.push(event)
            return
        made = self.accumulate(event)
        if len(made) == 2 and made[1].type in ("text", "thinking"):
            self._run = _Run(made)
        yield from made

    def accumulate(self, event: Event) -> list[Any]:
        """Take the event into the snapshot, and return all that it stands for. Raises what `push` raises."""
        self._catch_up()
        self._run = None
        return self._accumulate(event)

    def _accumulate(self, event: Event) -> list[Any]:
        type_ = event.get("type", "")
        known = self._types.get(type_)
        self._started = self._started or type_ == "message_start"
        if known is None or not self._started:
            # Passed through as it is, like the SDK does with what it does not know or cannot place.
            return [(known or anthropic.BaseModel).construct(**event)]
        self._feed.events.append(_typed(known, event))
        return self._drive()

    def _catch_up(self) -> None:
        """Let the accumulator have what it was not fed."""
        event = self._run.take_unfed() if self._run is not None else None
        if event is not None:
            self._accumulate(event)

    def _drive(self) -> list[Any]:
        made: list[Any] = []
        while True:
            if self._next is None:
                self._next = self._stream.__anext__()
            try:
                self._next.send(None)
            except StopIteration as produced:
                self._next = None
                made.append(produced.value)
            except StopAsyncIteration:
                self._next = None
                return made
            except Exception:
                # Such as tool input that is no JSON: the accumulator is finished, and says no more.
                self._next = None
                raise
            else:
                return made  # it is hungry

    @property
    def snapshot(self) -> Any:
        """The message so far. Raises `AssertionError` before `message_start`, as the SDK does."""
        self._catch_up()
        return self._stream.current_message_snapshot

    def close(self) -> None:
        """End the accumulator, so that no generator is left to the garbage collector."""
        self._catch_up()
        self._feed.ended = True
        self._feed.events.clear()
        self._drive()

    def __del__(self) -> None:
        # A reader that was dropped: a generator that hangs in the midst cannot be closed by the event loop.
        if not self._feed.ended:
            with suppress(Exception):
                self.close()


def without_abandoned(message: Any, partial: Partial) -> Any:
    """A snapshot of the message without the blocks that were given up unfinished, which keep their index in it."""
    abandoned = {index for index, block in enumerate(partial.blocks) if block.abandoned}
    if not abandoned:
        return message
    kept = [block for index, block in enumerate(message.content) if index not in abandoned]
    return message.model_copy(update={"content": kept})
