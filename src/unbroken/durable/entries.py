"""The entries of a stream's log: what is written of it, and how.

| entry       | written                                         | why                                          |
|-------------|-------------------------------------------------|----------------------------------------------|
| `request`   | first, before anything is sent                  | who goes on needs it                         |
| `attempt`   | before each request goes out                    | it may act; and the report is of all writers |
| `acted`     | when a server-side tool that may act begins     | a successor must not make it act again       |
| `unknown`   | when a block of an unknown type begins          | nothing may be asked for behind it           |
| `event`     | before anybody sees it                          | what was shown is never contradicted         |
| `abandoned` | before the event that gives a block up          | events alone would make a whole block of it  |
| `told`      | when an attempt has ended                       | usage and cost                               |
| `takeover`  | first, under every fence but the first          | it says that another goes on, and counts     |
| `end`       | last                                            | how it has ended, and its report             |

Each is one JSON object, `{"version": 1, "type": TYPE, TYPE: ...}`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple, get_args

from ..core.wire.deltas import Delta
from ..core.wire.surrogates import has_surrogates
from ..journal import JournalCorrupt

__all__ = ["Kind", "Record", "Stored", "decode", "encode", "position_of"]

VERSION: Final = 1

Kind = Literal["request", "attempt", "acted", "unknown", "event", "abandoned", "told", "takeover", "end"]

_KINDS: Final = get_args(Kind)  # a tuple: what is asked of it may have no hash
_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_QUOTE: Final[Callable[[str], str]] = json.encoder.encode_basestring
_ENCODE_ASCII: Final = json.JSONEncoder(separators=(",", ":")).encode


class Record(NamedTuple):
    """What one entry says.

    Attributes:
        kind: Which entry it is. None: one that this version does not know.
        body: What it has to say, as JSON has it.
    """

    kind: Kind | None
    body: Any


class Stored(NamedTuple):
    """An entry that the journal has.

    Attributes:
        fence: Under which it was written.
        seq: Its number.
        kind: As in `Record`.
        body: Likewise.
    """

    fence: int
    seq: int
    kind: Kind | None
    body: Any

    @property
    def position(self) -> str:
        """What a reader comes back with."""
        return f"{self.fence}-{self.seq}"


def encode(record: Record) -> bytes:
    """An entry as it is stored."""
    kind, body = record
    text = _delta(body) if isinstance(body, Delta) else _ENCODE(body)
    # JSON can name half of a character, though UTF-8 cannot hold it.
    if not text.isascii() and has_surrogates(text):
        text = _ENCODE_ASCII(body)
    return f'{{"version":1,"type":"{kind}","{kind}":{text}}}'.encode()


def _delta(event: Delta) -> str:
    """A delta as JSON. Most entries are one: put together by hand, it takes a fourth of the time."""
    if event.field is None or len(event) != 3 or len(event["delta"]) != 2:
        return _ENCODE(event)
    piece = _QUOTE(event.piece)
    return (
        f'{{"type":"content_block_delta","index":{event.index},'
        f'"delta":{{"type":"{event.kind}","{event.field}":{piece}}}}}'
    )


def decode(data: bytes) -> Record:
    """What an entry says. Raises `JournalCorrupt` for what is none."""
    try:
        entry = json.loads(data.decode())
    except (ValueError, RecursionError):
        raise JournalCorrupt("an entry of the journal is no JSON") from None
    if not isinstance(entry, dict):
        raise JournalCorrupt("an entry of the journal is no JSON object")
    kind = entry.get("type")
    if entry.get("version") != VERSION or kind not in _KINDS or kind not in entry:
        return Record(None, entry)
    return Record(kind, entry[kind])


def position_of(text: str) -> tuple[int, int] | None:
    """The fence and the number in a position, `(0, 0)` for `"0"`; None where it is none."""
    if text == "0":
        return 0, 0
    fence, dash, seq = text.partition("-")
    # `isdecimal` takes other scripts' digits too, and a number of a thousand digits is none of ours.
    if not (dash and fence.isascii() and seq.isascii() and fence.isdecimal() and seq.isdecimal()):
        return None
    if len(fence) > 18 or len(seq) > 18:
        return None
    return int(fence), int(seq)
