"""Reads events out of frames, in the shape that all after this takes for granted.

What the SDK reads is read, and no more: a frame says by its data what it is, and by its name only where the data does
not. Frames that are none of the API's say nothing, events of types that this version does not know pass, and a number
may be written as a float or a string. Anything else that the SDK's accumulator would trip over is a malformed stream,
and is resumed from like one. So is what could be the answer's and would be lost: nothing is dropped unread.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from .counters import TOKENS
from .decoded import MESSAGE, Event, Malformed
from .deltas import FIELDS_OF_BLOCKS, as_delta
from .json_text import loads
from .sse import ServerSentEvent
from .surrogates import SurrogateJoiner, has_surrogates

__all__ = ["EventReader", "as_event", "loads", "read_error"]

#: What no count of tokens reaches, and every JSON parser still reads exactly.
_NO_COUNT: Final = 2**53
_DECIMAL: Final = re.compile(r"-?[0-9]{1,16}(\.[0-9]{1,16})?")


class EventReader:
    """Reads the frames of one response body.

    Attributes:
        has_halves: Whether halves of characters have come that `join` has not made whole.
    """

    __slots__ = ("_halves", "has_halves")

    def __init__(self) -> None:
        self.has_halves: bool = False
        self._halves = SurrogateJoiner()

    def read(self, frame: ServerSentEvent) -> Event | None:
        """The event that a frame carries; None where it carries none. An error is an event of type `error`.

        Raises:
            Malformed: It is an event that cannot be read.
        """
        name, data = frame
        if not data or name == "ping":
            _check_ping(data)
            return None
        try:
            value = loads(data)
        except ValueError as error:
            _check_no_json(name, data, error)
            return None
        if not isinstance(value, dict) or value.get("type") != "content_block_delta":
            event = _read_value(name, value)
            if event is None or event["type"] != "content_block_delta":
                return event
        if type(value.get("index")) is not int:
            _check_index(value)
        delta = as_delta(value)
        if delta.others and has_surrogates(delta.piece):
            self.has_halves = True
        return delta

    def join(self, events: list[Event]) -> tuple[list[Event], Malformed | None]:
        """The events that were read, in order, with characters that were cut in two deltas made whole.

        A half at their end waits for the events that are read next.

        Returns:
            The events; and why there are no more of them, where half of a character stands alone in what has to be
            JSON. None: these are all.
        """
        joined: list[Event] = []
        try:
            for event in events:
                joined += self._halves.push(event)
        except Malformed as error:
            return joined, error
        self.has_halves = self._halves.waiting
        return joined, None


def read_error(data: str) -> Any:
    """What the data of an `error` event says: its JSON, or, where it is none, the text as it stands."""
    try:
        return loads(data)
    except ValueError:
        return data


def as_event(value: object) -> Event | None:
    """A value that is an event of the Messages stream, as `EventReader` gives it; None: it is none.

    What may be written in several ways is written in one afterwards, in the value itself.
    """
    try:
        event = _read_value(None, value)
        if event is None or event["type"] != "content_block_delta":
            return event
        _check_index(event)
        return as_delta(event)
    except Malformed:
        return None


# -- frames that are not what the API sends most


def _check_ping(data: str) -> None:
    try:
        value = loads(data or "null")
    except ValueError:
        return
    type_ = value.get("type") if isinstance(value, dict) else None
    if isinstance(type_, str) and type_ in MESSAGE:
        # The SDK drops it by its name. What stands in it would be lost.
        raise Malformed("an event is called a ping")


def _check_no_json(name: str | None, data: str, error: ValueError) -> None:
    # Others may say what they like, such as `[DONE]`; but what begins like an object could be an event.
    if name in MESSAGE or data.lstrip().startswith("{"):
        raise error


def _read_value(name: str | None, value: Any) -> Event | None:
    if not isinstance(value, dict):
        if name in MESSAGE:
            raise Malformed("an event is no JSON object")
        return None
    if value.get("type") is None and name in MESSAGE:
        # SDK 1.x takes the name for it; 2.x loses the event.
        value["type"] = name
    type_ = value.get("type")
    if not isinstance(type_, str) or not type_:
        if name in MESSAGE or not value.keys().isdisjoint(_CONTENT):
            raise Malformed("an event has no type")
        return None
    if type_ == "ping":
        return None
    if type_ in _CHECKS:
        _CHECKS[type_](value)
    return value


# -- the shapes of events; what may be written in several ways is written in one


def _check_index(event: Event) -> None:
    index = _number(event.get("index"))
    if type(index) is not int:
        raise Malformed("an event of a block has no index")
    event["index"] = index


def _check_start(event: Event) -> None:
    _check_index(event)
    _check_block(event.get("content_block"))


def _check_block(block: Any) -> None:
    type_ = block.get("type") if isinstance(block, dict) else None
    if not isinstance(type_, str):
        raise Malformed("a content block has no type")
    field = FIELDS_OF_BLOCKS.get(type_)
    if field is not None:
        if block.get(field) is None:
            block[field] = ""
        if not isinstance(block[field], str):
            raise Malformed(f"the {field} of a block is none")
    if type_ == "text" and not isinstance(block.get("citations"), list | None):
        raise Malformed("the citations of a block are no list")
    if type_ == "fallback" and not isinstance(block.get("to"), dict):
        raise Malformed("a fallback block does not say to what")


def _check_message_start(event: Event) -> None:
    message = event.get("message")
    if not isinstance(message, dict):
        raise Malformed("a message_start has no message")
    if message.get("content") is None:
        message["content"] = []
    if not isinstance(message.get("stop_reason"), str | None):
        message["stop_reason"] = None
    if not isinstance(message["content"], list):
        raise Malformed("the content of a message is no list")
    for block in message["content"]:
        _check_block(block)
    _check_usage(message)


def _check_message_delta(event: Event) -> None:
    delta = event.get("delta")
    if not isinstance(delta, dict):
        raise Malformed("a message_delta has no delta")
    # An empty one is no reason: a stream that was cut after it would pass for a whole one.
    stop_reason = delta.get("stop_reason") or None
    if not isinstance(stop_reason, str | None):
        raise Malformed("a stop_reason is no text")
    if "stop_reason" in delta:
        delta["stop_reason"] = stop_reason
    _check_usage(event)


def _check_usage(holder: dict[str, Any]) -> None:
    """Give it a usage, if only an empty one; a count that is no number becomes None."""
    usage = holder.get("usage")
    if usage is None:
        # The SDK's accumulator needs one, if only an empty one.
        usage = holder["usage"] = {}
    if not isinstance(usage, dict):
        raise Malformed("the usage is no object")
    _check_counts(usage, TOKENS)
    if isinstance(written := usage.get("cache_creation"), dict):
        _check_counts(written, tuple(written))


def _check_counts(counts: dict[str, Any], names: Iterable[str]) -> None:
    for name in names:
        if name in counts:
            counts[name] = _number(counts[name])


def _number(value: Any) -> int | float | None:
    """A number that may be written as a string; None for anything else, and for what is too large to be a count."""
    if isinstance(value, str):
        value = float(value) if _DECIMAL.fullmatch(value) else None
    if not isinstance(value, int | float) or not -_NO_COUNT < value < _NO_COUNT:
        return None
    return int(value) if value == int(value) else value


#: By type, those events that are checked as soon as they are known. A delta is checked on the hot path.
_CHECKS: Final[dict[str, Callable[[Event], None]]] = {
    "message_start": _check_message_start,
    "content_block_start": _check_start,
    "content_block_stop": _check_index,
    "message_delta": _check_message_delta,
    "message_stop": lambda _: None,
}
#: What only the API's events have. Without a type it is nobody's.
_CONTENT: Final = frozenset({"delta", "content_block"})
