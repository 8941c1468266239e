"""Halves of characters.

JSON may name a character beyond the first 65,536 by two escapes, a pair of surrogates. What cuts strings as JavaScript
counts them sends one half in one delta and the other in the next. Python keeps a half as a character of its own, which
no encoding takes.
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

from .decoded import MESSAGE, Event, Malformed
from .deltas import Delta, as_delta

__all__ = ["SurrogateJoiner", "encodable", "has_surrogates"]

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_AT_THE_END: Final = re.compile("[\ud800-\udfff]+\\Z")
_HIGH: Final = re.compile("[\ud800-\udbff]\\Z")
_LOW: Final = re.compile("[\udc00-\udfff]")

JSONT = TypeVar("JSONT")


def has_surrogates(text: str) -> bool:
    """Whether there are halves of characters in it, so that it cannot be encoded."""
    return not text.isascii() and _SURROGATE.search(text) is not None


def encodable(value: JSONT) -> JSONT:
    """A text, or a JSON value with all the texts in it, that any encoding takes.

    Two halves that follow each other are made one character. A half that is left alone is left out at the end of a
    text, where its other half was still to come, and is U+FFFD elsewhere. What is encodable comes back as it is.
    """
    made: Any = value
    if isinstance(made, str):
        return made if not has_surrogates(made) else _mend(made)  # type: ignore[return-value]
    if isinstance(made, list):
        return [encodable(each) for each in made]  # type: ignore[return-value]
    if isinstance(made, dict):
        return {encodable(name): encodable(each) for name, each in made.items()}  # type: ignore[return-value]
    return value


def _mend(text: str) -> str:
    return _SURROGATE.sub("\ufffd", _AT_THE_END.sub("", _join(text)))


def _join(text: str) -> str:
    """The text with each high half and the low half behind it made one character; other halves stay."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


class SurrogateJoiner:
    """Gives out one block's deltas with characters that were cut in two made whole.

    Attributes:
        waiting: Whether a half is kept back until the next event.
    """

    __slots__ = ("_half",)

    def __init__(self) -> None:
        self._half: tuple[Delta, str] | None = None  # with the delta that brought it

    @property
    def waiting(self) -> bool:
        return self._half is not None

    def push(self, event: Event) -> list[Event]:
        """Take the next event; return those that may go on.

        Raises:
            Malformed: A half stands alone in the input of a tool, which is therefore no JSON.
        """
        if event["type"] not in MESSAGE:
            # An event of a gateway's own may stand between the two halves.
            return [event]
        delta = event if isinstance(event, Delta) and event.field is not None else None
        text = "" if delta is None else delta.piece
        given: list[Event] = []
        if self._half is not None:
            (held, half), self._half = self._half, None
            if delta is not None and (delta.kind, delta.index) == (held.kind, held.index) and _LOW.match(text):
                text = f"{_join(half + text[0])}{text[1:]}"
            else:
                given.append(_with(held, half))
        if delta is None:
            given.append(event)
        elif _HIGH.search(text):
            self._half = (delta, text[-1])
            if text[:-1]:
                given.append(_with(delta, text[:-1]))
        else:
            given.append(_with(delta, text))
        return given


def _with(delta: Delta, text: str) -> Delta:
    if delta.kind == "input_json_delta" and _SURROGATE.search(text):
        raise Malformed("half of a character stands alone in the input of a tool")
    return delta if text == delta.piece else as_delta({**delta, "delta": {**delta["delta"], delta.field: text}})
