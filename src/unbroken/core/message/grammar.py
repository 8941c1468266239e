"""The grammar of one message: what may follow what in the events of one attempt.

It stands between the decoder, which knows the shape of each event by itself, and the splicer, which may rely on this:
one `message_start`, and nothing before it; each block has one start, then its deltas, then one stop; all blocks are
closed before the message ends; nothing follows the end.

    state \\ event  message_start     block start  delta        stop        message_delta        message_stop
    --------------  ----------------  -----------  -----------  ----------  -------------------  --------------------
    BEFORE          -> OPEN           broken       broken       dropped     broken               broken
    OPEN            same id: dropped  new: pass    open: pass   open: pass  pass                 -> STOPPED
                    else: broken      else: broken else: broken closed:     with a stop_reason,
                                                                dropped;    and no call open:
                                                                else broken -> ENDED
    ENDED           as above          broken       broken       dropped     pass                 -> STOPPED
    STOPPED         dropped, whatever it is

What the SDK drops and nothing depends on is dropped: a second stop of a block (it would hand a call over twice), a
second `message_start` of one message, whatever follows `message_stop`. What is broken is a failure of the attempt: a
second message in one body, which a gateway began anew (the SDK merges the two), a delta to a block that is closed (the
SDK takes it, but what was handed over as whole was not), a block that starts twice, content behind the end. A delta
that brings nothing is dropped wherever it comes.

Blocks that are open when the message ends are closed here, as the SDK takes them: text is what it is. A call is so
only where its input is whole JSON. One that is not is dropped where `max_tokens` cut it, and else breaks the attempt.

A call that was closed with half its input (the API does so where `max_tokens` ends it and the input streams eagerly)
is held, and what follows it, until the message ends: where the stream dies before, it was never whole. The stop of a
call without input waits for the next event, since some gateways send the input behind it, and the SDK takes that.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

from ..wire.decoded import Event
from ..wire.json_text import loads
from .blocks import CALLS, SERVER_USES

__all__ = ["Grammar"]

#: Why a message may end in the middle of a call.
_CUTS_CALLS: Final = ("max_tokens", "model_context_window_exceeded")


class _State(Enum):
    BEFORE = "before"
    OPEN = "open"
    ENDED = "ended"
    STOPPED = "stopped"


class Grammar:
    """Holds one attempt's events to the grammar.

    Attributes:
        broken: What broke it, in a clause; None while it holds. Nothing more is to be pushed then.
    """

    def __init__(self) -> None:
        self.broken: str | None = None
        self._state = _State.BEFORE
        self._id: object = None
        self._open: dict[int, list[str] | None] = {}  # by index: the input of a call so far; None for other blocks
        self._closed: set[int] = set()
        self._held: list[Event] = []  # from the stop of half a call on
        self._stop_of_a_call: Event | None = None  # that has no input so far

    def push(self, event: Event) -> list[Event]:
        """Take one event; return those that go on."""
        if self._stop_of_a_call is None:
            return self._push(event)
        match event:
            case {"type": "content_block_delta", "index": index} if index == self._stop_of_a_call["index"]:
                return self._push(event)
            case {"type": "content_block_stop", "index": index} if index == self._stop_of_a_call["index"]:
                return []
        return [*self.end(), *self._push(event)]

    def end(self) -> list[Event]:
        """The attempt is over, or goes on with something else: what has waited for no more than the next event."""
        stop, self._stop_of_a_call = self._stop_of_a_call, None
        return [] if stop is None else self._behind_half_a_call(self._stopped(stop))

    def _push(self, event: Event) -> list[Event]:
        type_ = event.get("type")
        if self._state is _State.STOPPED:
            return []
        match type_:
            case "content_block_delta":
                passed = self._delta(event)
            case "content_block_start":
                passed = self._start(event)
            case "content_block_stop":
                passed = self._stop(event)
            case "message_start":
                passed = self._message_start(event)
            case "message_delta":
                passed = self._message_delta(event)
            case "message_stop":
                passed = self._message_stop(event)
            case _:
                passed = [event]  # what it means nobody knows: it keeps its place
        return self._behind_half_a_call(passed)

    def _behind_half_a_call(self, passed: list[Event]) -> list[Event]:
        """What may go on of these: nothing while half a call is held, and then that first."""
        if not self._held:
            return passed
        self._held += passed
        if self._state is _State.OPEN:
            return []
        released, self._held = self._held, []
        return released

    def _break(self, why: str) -> list[Event]:
        self.broken = why
        return []

    def _message_start(self, event: Event) -> list[Event]:
        message: dict[str, Any] = event["message"]
        if self._state is _State.BEFORE:
            self._state, self._id = _State.OPEN, message.get("id")
            self._closed.update(range(len(message.get("content") or ())))
            return [event]
        return [] if message.get("id") == self._id else self._break("a second message began")

    def _start(self, event: Event) -> list[Event]:
        index = event["index"]
        if self._state is not _State.OPEN:
            return self._break(f"a block {_OUTSIDE[self._state]}")
        if index in self._open or index in self._closed:
            return self._break("a block started twice")
        # What is written counts, as in the SDK, also where the call has begun with an input.
        self._open[index] = [] if event["content_block"].get("type") in (*CALLS, *SERVER_USES) else None
        return [event]

    def _delta(self, event: Event) -> list[Event]:
        index, delta = event["index"], event["delta"]
        if self._state is _State.OPEN and index in self._open:
            written = self._open[index]
            if written is not None and delta.get("type") == "input_json_delta":
                written.append(delta["partial_json"])
            return [event]
        if not any(delta.get(name) for name in delta if name != "type"):
            return []
        if self._state is not _State.OPEN:
            return self._break(f"content {_OUTSIDE[self._state]}")
        return self._break("a block grew after its end" if index in self._closed else "an event of no block")

    def _stop(self, event: Event) -> list[Event]:
        index = event["index"]
        if index in self._open:
            written = self._open[index]
            if written is not None and not "".join(written).strip():
                self._stop_of_a_call = event
                return []
            return self._stopped(event)
        if index in self._closed or self._state is not _State.OPEN:
            return []
        return self._break("an event of no block")

    def _stopped(self, event: Event) -> list[Event]:
        """A block is closed; a call with half its input, and what follows, is held."""
        index = event["index"]
        is_half = not _is_whole(self._open.pop(index))
        self._closed.add(index)
        if is_half and not self._held:
            self._held.append(event)
            return []
        return [event]

    def _message_delta(self, event: Event) -> list[Event]:
        if self._state is _State.BEFORE:
            return self._break(f"an end {_OUTSIDE[self._state]}")
        reason = event["delta"].get("stop_reason")
        if reason is None:
            return [event]
        closing = self._closing(reason)
        if self.broken:
            return []
        self._state = _State.ENDED
        return [*closing, event]

    def _message_stop(self, event: Event) -> list[Event]:
        if self._state is _State.BEFORE:
            return self._break(f"an end {_OUTSIDE[self._state]}")
        closing = self._closing(None)
        if self.broken:
            return []
        self._state = _State.STOPPED
        return [*closing, event]

    def _closing(self, reason: str | None) -> list[Event]:
        """The stops of the blocks that are open when the message ends."""
        stops: list[Event] = []
        for index, written in self._open.items():
            if _is_whole(written):
                stops.append({"type": "content_block_stop", "index": index})
            elif reason not in _CUTS_CALLS:
                return self._break("the message ended in the middle of a call")
        self._closed.update(self._open)
        self._open.clear()
        return stops


_OUTSIDE: Final = {
    _State.BEFORE: "before the message",
    _State.ENDED: "after the end of the message",
    _State.STOPPED: "after the end of the message",
}


def _is_whole(written: list[str] | None) -> bool:
    """Whether a call's input, as far as it was written, is whole JSON; nothing at all is the empty object."""
    if not written or not (text := "".join(written).strip()):
        return True
    try:
        loads(text)
    except ValueError:
        return False
    return True
