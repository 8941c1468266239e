"""Where a reader wants to go on: what a request says of it.

An SSE reader comes back with the `id:` of the last frame that it got whole. Most often that is the position of an
event, `1-57`. The frame that says how a stream has ended, without having become whole, belongs to no event: its id is
the position of the last event with a zero before the number, `1-057`. Read as numbers both are the same position; but
whoever comes with the second one has been told the end, and is not told it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

__all__ = ["START", "Wanted", "has_been_told", "number_of", "told", "wanted"]

#: Every event, as it came.
START: Final = "0"

_POSITION: Final = re.compile(r"([0-9]{1,9})-([0-9]{1,18})")
_INDEX: Final = re.compile(r"-?[0-9]{1,9}")


class Wanted(NamedTuple):
    """What a request asks for.

    Attributes:
        after: Behind which position; `"0"`: from the first event. None: the request says nothing of it.
        start_index: From which chunk on, counted from 0; where it is negative, from the end. None: as for `after`.
    """

    after: str | None = None
    start_index: int | None = None


def wanted(headers: Iterable[tuple[bytes, bytes]], query: bytes) -> Wanted:
    """Read it from a request, as ASGI has one. What cannot be read counts as the start, and never fails.

    The header `Last-Event-ID` goes before `?after=`: a browser that connects again repeats the address as it was.
    """
    named = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=None, errors="replace"))
    last = next((value.decode("latin-1").strip() for name, value in headers if name.lower() == b"last-event-id"), "")
    after = last or named.get("after")
    index = named.get("startIndex")
    return Wanted(
        after=None if after is None else after if _POSITION.fullmatch(after) else START,
        start_index=None if index is None else int(index) if _INDEX.fullmatch(index) else 0,
    )


def number_of(position: str) -> int:
    """The number in a position, which grows from event to event; 0 where there is none."""
    found = _POSITION.fullmatch(position)
    return int(found[2]) if found else 0


def told(position: str) -> str:
    """The id of the frame that says how a stream has ended, behind the event at that position."""
    fence, _, number = position.partition("-")
    return f"{fence}-0{number or '0'}"


def has_been_told(position: str | None) -> bool:
    """Whether a reader that comes back with it knows already how the stream has ended."""
    found = _POSITION.fullmatch(position or "")
    return found is not None and found[2].startswith("0")
