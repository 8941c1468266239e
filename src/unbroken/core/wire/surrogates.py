"""Halves of characters.

JSON may name a character beyond the first 65,536 by two escapes, a pair of surrogates. What cuts strings as JavaScript
counts them sends one half in one delta and the other in the next. Python keeps a half as a character of its own, which
no encoding takes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

from .decoded import Malformed

if TYPE_CHECKING:
    from .decoded import Event

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
    """With the pairs of halves made characters; halves that are alone stay."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


class SurrogateJoiner:
    """Gives out one block's deltas with characters that were cut in two made whole.

    Attributes:
        waiting: Whether a half is kept back until the next event.
    """

    __slots__ = ("_half",)

    def __init__(self) -> None:
        self._half: tuple[Event, str, str] | None = None  # the event, the field of its delta, and the half

    @property
    def waiting(self) -> bool:
        return self._half is not None

    def push(self, event: Event, field: str | None) -> list[Event]:
        """Take the next event; return those that may go on.

        Args:
            event: Any event.
            field: Where its text is: a field of its delta. None: it has none.

        Raises:
            Malformed: A half stands alone in the input of a tool, which is therefore no JSON.
        """
        text = "" if field is None else str(event["delta"][field])
        given: list[Event] = []
        if self._half is not None:
            (held, held_field, half), self._half = self._half, None
            if field == held_field and event["index"] == held["index"] and _LOW.match(text):
                text = f"{_join(half + text[0])}{text[1:]}"
            else:
                given.append(_with(held, held_field, half))
        if field is not None and _HIGH.search(text):
            self._half = (event, field, text[-1])
            text = text[:-1]
            if text:
                given.append(_with(event, field, text))
        else:
            given.append(event if field is None else _with(event, field, text))
        return given


def _with(event: Event, field: str, text: str) -> Event:
    if field == "partial_json" and _SURROGATE.search(text):
        raise Malformed("half of a character stands alone in the input of a tool")
    delta = event["delta"]
    return event if text == delta[field] else {**event, "delta": {**delta, field: text}}
