"""Where faults fall among the events of a response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, assert_never

from unbroken.testing.script.faults.fault import ResponseFault
from unbroken.testing.script.faults.place import At, Point

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Item", "schedule", "text_of"]

#: An event's data, or what goes wrong at that place.
Item: TypeAlias = dict[str, Any] | ResponseFault


def schedule(events: Iterable[dict[str, Any]], faults: Iterable[ResponseFault]) -> list[Item]:
    """The events in order with each fault at its place; a delta is split where a fault falls inside it.

    Faults before the response, and those whose place it does not come to, are left out.
    """
    items: list[Item] = list(events)
    for fault in faults:
        index = None if fault.at.point is Point.RESPONSE else _index(items, fault.at)
        if index is None:
            continue
        while index < len(items) and not isinstance(items[index], dict):
            index += 1  # faults at the same place keep their order
        items.insert(index, fault)
    return items


def text_of(item: Item) -> str:
    """The text that a delta carries; empty for anything else."""
    if isinstance(item, dict) and item["type"] == "content_block_delta" and item["delta"]["type"] == "text_delta":
        return str(item["delta"]["text"])
    return ""


def _index(items: list[Item], at: At) -> int | None:
    """Before which item the place is; None if there is no such place. May split a delta."""
    match at.point:
        case Point.RESPONSE | Point.BODY:
            return 0
        case Point.EVENTS:
            return _after(items, int(at.n), lambda item: isinstance(item, dict))
        case Point.CHARACTERS:
            return _characters(items, int(at.n))
        case Point.FRACTION:
            total = sum(len(text_of(item)) for item in items)
            return _characters(items, round(at.n * total)) if total else int(at.n * len(items))
        case Point.LAST_TEXT:
            texts = [i for i, item in enumerate(items) if text_of(item)]
            return texts[-1] + 1 if texts else None
        case Point.BLOCKS:
            return _after(items, int(at.n), lambda item: _type(item) == "content_block_stop")
        case Point.CONTENT:
            ends = [i for i, item in enumerate(items) if _type(item) == "content_block_stop"]
            return ends[-1] + 1 if ends else None
        case Point.MESSAGE_START | Point.MESSAGE_DELTA | Point.MESSAGE_STOP:
            return _after(items, 1, lambda item: _type(item) == at.point)
        case _:
            assert_never(at.point)


def _type(item: Item) -> str | None:
    return item["type"] if isinstance(item, dict) else None


def _after(items: list[Item], n: int, counts: Callable[[Item], bool]) -> int | None:
    """The index after the `n`-th item that counts; None if there are fewer."""
    if n == 0:
        return 0
    found = [i for i, item in enumerate(items) if counts(item)]
    return found[n - 1] + 1 if n <= len(found) else None


def _characters(items: list[Item], n: int) -> int | None:
    seen = 0
    for i, item in enumerate(items):
        text = text_of(item)
        if not text:
            continue
        if n == 0:
            return i
        if seen + len(text) >= n:
            if seen + len(text) > n:
                items[i : i + 1] = [_with_text(item, text[: n - seen]), _with_text(item, text[n - seen :])]
            return i + 1
        seen += len(text)
    return None


def _with_text(item: Item, text: str) -> Item:
    assert isinstance(item, dict)
    return {**item, "delta": {**item["delta"], "text": text}}
