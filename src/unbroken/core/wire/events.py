"""Reads events out of frames, in the shape that all after this takes for granted.

What the SDK reads is read, and no more: a frame says by its data what it is, and by its name only where the data does
not. Frames that are none of the API's say nothing, events of types that this version does not know pass, and a number
may be written as a float or a string. Anything else that the SDK's accumulator would trip over is a malformed stream,
and is resumed from like one. So is what could be the answer's and would be lost: nothing is dropped unread.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeGuard

from .decoded import Event, Malformed
from .json_text import loads
from .sse import ServerSentEvent
from .surrogates import SurrogateJoiner, has_surrogates

__all__ = ["EventReader", "is_delta", "is_event", "loads", "read_error"]

#: The string that each known delta carries.
_TEXT_OF_DELTA: Final = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
    "signature_delta": "signature",
}
#: The text that a block starts with, by its type.
_TEXT_OF_BLOCK: Final = {"text": "text", "thinking": "thinking"}

_COUNTS: Final = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
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
        """The event that a frame stands for; None: it says nothing. An `error` event is one of type `error`.

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
        if type(value) is not dict or value.get("type") != "content_block_delta":
            event = _read_value(name, value)
            if event is None or event["type"] != "content_block_delta":
                return event
        text = _check_delta(value)
        if not text.isascii() and has_surrogates(text):
            self.has_halves = True
        return value  # type: ignore[no-any-return]

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
                joined += self._halves.push(event, _text_field(event))
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


def is_event(value: Any) -> TypeGuard[Event]:
    """Whether this is an event of the Messages stream, in the shape that its type has. What may be written in several
    ways is written in one afterwards."""
    try:
        event = _read_value(None, value)
        if event is None:
            return False
        if event["type"] == "content_block_delta":
            _check_delta(event)
    except Malformed:
        return False
    return True


def is_delta(event: Event, index: int, type_: str) -> bool:
    """Whether this event is a delta of that type, for the block with that index."""
    return (
        event.get("type") == "content_block_delta" and event["index"] == index and event["delta"].get("type") == type_
    )


def _text_field(event: Event) -> str | None:
    """The field of its delta that holds text; None: there is no such."""
    if event.get("type") != "content_block_delta":
        return None
    field = _TEXT_OF_DELTA.get(event["delta"]["type"])
    return None if field == "signature" else field


# -- frames that are not what the API sends most


def _check_ping(data: str) -> None:
    try:
        value = loads(data or "null")
    except ValueError:
        return
    type_ = value.get("type") if isinstance(value, dict) else None
    if isinstance(type_, str) and type_ in _NAMES:
        # The SDK drops it by its name. What stands in it would be lost.
        raise Malformed("an event is called a ping")


def _check_no_json(name: str | None, data: str, error: ValueError) -> None:
    # Others may say what they like, such as `[DONE]`; but what begins like an object could be an event.
    if name in _NAMES or data.lstrip().startswith("{"):
        raise error


def _read_value(name: str | None, value: Any) -> Event | None:
    if not isinstance(value, dict):
        if name in _NAMES:
            raise Malformed("an event is no JSON object")
        return None
    if value.get("type") is None and name in _NAMES:
        # SDK 1.x takes the name for it; 2.x loses the event.
        value["type"] = name
    type_ = value.get("type")
    if not isinstance(type_, str) or not type_:
        if name in _NAMES or not value.keys().isdisjoint(_CONTENT):
            raise Malformed("an event has no type")
        return None
    if type_ == "ping":
        return None
    if type_ in _CHECKS:
        _CHECKS[type_](value)
    return value


# -- the shapes of events; what may be written in several ways is written in one


def _check_delta(event: Event) -> str:
    """Check a `content_block_delta`; return the text that it brings."""
    if type(event.get("index")) is not int:
        _check_index(event)
    delta: Any = event.get("delta")
    type_ = delta.get("type") if type(delta) is dict else None
    if type(type_) is not str:
        raise Malformed("a delta has no type")
    field = _TEXT_OF_DELTA.get(type_)
    if field is None:
        if type_ == "citations_delta" and "citation" not in delta:
            raise Malformed("a citations_delta has no citation")
        return ""
    text = delta.get(field)
    if type(text) is not str:
        raise Malformed(f"a {type_} has no {field}")
    return text


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
    field = _TEXT_OF_BLOCK.get(type_)
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
    """Where a gateway counts nothing, nothing was counted; a count that is no number says nothing either."""
    usage = holder.get("usage")
    if usage is None:
        # The SDK's accumulator needs one, if only an empty one.
        usage = holder["usage"] = {}
    if not isinstance(usage, dict):
        raise Malformed("the usage is no object")
    _check_counts(usage, _COUNTS)
    if isinstance(written := usage.get("cache_creation"), dict):
        _check_counts(written, tuple(written))


def _check_counts(counts: dict[str, Any], names: Iterable[str]) -> None:
    for name in names:
        if name in counts:
            counts[name] = _number(counts[name])


def _number(value: Any) -> int | float | None:
    """A number, however it is written; None: it is none, or none that could count anything."""
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
#: The API's own names for frames, but `ping` and `error`.
_NAMES: Final = frozenset({"content_block_delta", *_CHECKS})
#: What only the API's events have. Without a type it is nobody's.
_CONTENT: Final = frozenset({"delta", "content_block"})
