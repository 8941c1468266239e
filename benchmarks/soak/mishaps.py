"""What goes wrong with requests, drawn for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final, Literal, TypeAlias

from unbroken.testing.claude.reply import Reply
from unbroken.testing.script.faults import (
    AFTER_CONTENT,
    AFTER_MESSAGE_DELTA,
    AFTER_MESSAGE_START,
    BEFORE_MESSAGE_START,
    BEFORE_RESPONSE,
    At,
    BadJson,
    CutFrame,
    Drop,
    EndOfFile,
    ErrorEvent,
    Fault,
    Reset,
    Status,
    after_characters,
    after_fraction,
)
from unbroken.testing.server.schedule import text_of
from unbroken.testing.wire.http import frame

__all__ = ["KINDS", "SHARE", "Mishap", "draw"]

#: The share of requests that go wrong. Resumes and retries are requests too: of a stream, one in four goes wrong at
#: least once, one in sixteen twice, ...; that is one fault for three streams.
SHARE: Final = 1 / 4

#: What comes after the fault: nothing special, pings for ever, nothing for ever, or a port that is closed for a while.
After: TypeAlias = Literal["end", "pings", "silence", "refusal"]


@dataclass(frozen=True, slots=True)
class Mishap:
    """What goes wrong with one request.

    Attributes:
        kind: Its name in the table.
        fault: What the fault server calls it. None: there is not even an answer.
        after: What comes after it.
    """

    kind: str
    fault: Fault | None
    after: After = "end"


Make: TypeAlias = Callable[[Random, Reply], tuple[Fault | None, After]]


def _anywhere(rng: Random) -> At:
    return after_fraction(rng.random())


def _cut_frame(rng: Random, _: Reply) -> tuple[Fault, After]:
    return CutFrame(_anywhere(rng), rng.randint(1, 100), rng.choice(("eof", "drop", "reset"))), "end"


def _cut_character(rng: Random, reply: Reply) -> tuple[Fault, After]:
    """Inside the bytes of one character, where the rest of the answer has one of several bytes."""
    places: list[tuple[int, int]] = []
    seen = 0
    for event in reply.events():
        text = text_of(event)
        if not text.isascii():
            data = frame(event)
            # The bytes of a character after its first one begin with 10; cut before one of them.
            places += [(seen, n) for n, byte in enumerate(data) if byte & 0xC0 == 0x80]
        seen += len(text)
    if not places:
        return _cut_frame(rng, reply)
    before, keep = rng.choice(places)
    return CutFrame(after_characters(before), keep, rng.choice(("eof", "drop", "reset"))), "end"


#: How each kind is made.
MAKERS: Final[Mapping[str, Make]] = {
    "529": lambda _rng, _reply: (Status(529), "end"),
    "500": lambda _rng, _reply: (Status(500), "end"),
    "429, retry-after 1 s": lambda _rng, _reply: (Status(429, headers={"retry-after": "1"}), "end"),
    "connections refused": lambda _rng, _reply: (Drop(BEFORE_RESPONSE), "refusal"),
    "closed without an answer": lambda _rng, _reply: (Drop(BEFORE_RESPONSE), "end"),
    "reset before the answer": lambda _rng, _reply: (Reset(BEFORE_RESPONSE), "end"),
    "no answer": lambda _rng, _reply: (None, "silence"),
    "empty body": lambda _rng, _reply: (EndOfFile(BEFORE_MESSAGE_START), "end"),
    "silence before content": lambda _rng, _reply: (EndOfFile(AFTER_MESSAGE_START), "silence"),
    "error event first": lambda _rng, _reply: (ErrorEvent(at=BEFORE_MESSAGE_START), "end"),
    "error event": lambda rng, _reply: (
        ErrorEvent(rng.choice(("overloaded_error", "api_error")), at=_anywhere(rng)),
        "end",
    ),
    "reset": lambda rng, _reply: (Reset(_anywhere(rng)), "end"),
    "closed inside a chunk": lambda rng, _reply: (Drop(_anywhere(rng)), "end"),
    "clean end of file": lambda rng, _reply: (EndOfFile(_anywhere(rng)), "end"),
    "cut inside a frame": _cut_frame,
    "cut inside a character": _cut_character,
    "malformed JSON": lambda rng, _reply: (BadJson(_anywhere(rng)), "end"),
    "pings and no more": lambda rng, _reply: (EndOfFile(_anywhere(rng)), "pings"),
    "silence": lambda rng, _reply: (EndOfFile(_anywhere(rng)), "silence"),
    "end without a stop reason": lambda _rng, _reply: (EndOfFile(AFTER_CONTENT), "end"),
    "reset before message_stop": lambda _rng, _reply: (Reset(AFTER_MESSAGE_DELTA), "end"),
}
KINDS: Final = tuple(MAKERS)

#: A port that is closed hits all who come meanwhile: that many times rarer, it makes as many faults as the others.
RARER: Final = {"connections refused": 10}
_WEIGHTS: Final = [1 / RARER.get(kind, 1) for kind in KINDS]


def draw(rng: Random, reply: Reply, share: float = SHARE) -> Mishap | None:
    """What goes wrong with the request that gets this reply; None for all but a share of them."""
    if rng.random() >= share:
        return None
    kind = rng.choices(KINDS, _WEIGHTS)[0]
    return Mishap(kind, *MAKERS[kind](rng, reply))
