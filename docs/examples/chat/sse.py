"""A chat's log as server-sent events.

The id of an event is its position in the log. The browser remembers the last one that came whole, and sends it when it
connects again (`Last-Event-ID`): so nothing is missed and nothing comes twice, wherever the connection broke.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Final

import anyio

from .chats import Chat, Event

__all__ = ["BEAT", "GONE", "EventStream", "merged"]

#: Seconds without an event after which a heartbeat is sent. Proxies give a silent connection up after a minute or so.
BEAT: Final = 15.0
#: Milliseconds after which the browser connects again by itself.
RETRY: Final = 1000


class EventStream:
    """All events of the chat after the first `seen`, as they come, and heartbeats, until the server ends.

    Nothing is queued for the reader: whoever is slow gets what was added in the meantime at once, as fewer, larger
    events. It is an object and not a generator, so that a reader who goes away leaves nothing open.
    """

    def __init__(self, chat: Chat, seen: int) -> None:
        self._chat = chat
        self._seen = seen
        self._begun = False

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        if not self._begun:
            self._begun = True
            return f"retry: {RETRY}\n\n"
        with anyio.move_on_after(BEAT) as waiting:
            await self._chat.more(self._seen)
        if waiting.cancelled_caught:
            return _frame("beat", {})
        if self._chat.over:
            raise StopAsyncIteration
        seen, events = self._seen, self._chat.events[self._seen :]
        self._seen += len(events)
        return "".join(_frame(event.type, event.data, id=seen + count) for count, event in merged(events))


def merged(events: Sequence[Event]) -> Iterator[tuple[int, Event]]:
    """The events with neighbouring texts made one; each with how many of the events are told with it."""
    text = ""
    for count, event in enumerate(events, 1):
        if event.type != "text":
            yield count, event
            continue
        text += event.data["text"]
        if count == len(events) or events[count].type != "text":
            yield count, Event("text", {"text": text})
            text = ""


def _frame(type: str, data: Mapping[str, Any], id: int | None = None) -> str:
    # JSON without a line break, in ASCII: half of a surrogate pair passes too.
    position = "" if id is None else f"id: {id}\n"
    return f"{position}event: {type}\ndata: {json.dumps(data)}\n\n"


#: All that is to be said of a chat that is not kept, or that is not the one that the reader saw.
GONE: Final = _frame("gone", {})
