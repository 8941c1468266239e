"""Journals: where streams are written down, so that they outlive their process and their reader.

`MemoryJournal` and `SQLiteJournal` need nothing but the standard library; `unbroken.journal.redis` has `RedisJournal`
(extra `redis`). `Journal` is the protocol, and `unbroken.testing.journal` the test suite for one of your own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import Fenced, JournalCorrupt, JournalError, JournalFull, JournalUnavailable, StreamGone
from .protocol import Batch, Codec, Ended, Entry, Held, Journal, Lease, Status, StreamState

if TYPE_CHECKING:
    from .memory import MemoryJournal
    from .sqlite import SQLiteJournal

__all__ = [
    "Batch",
    "Codec",
    "Ended",
    "Entry",
    "Fenced",
    "Held",
    "Journal",
    "JournalCorrupt",
    "JournalError",
    "JournalFull",
    "JournalUnavailable",
    "Lease",
    "MemoryJournal",
    "SQLiteJournal",
    "Status",
    "StreamGone",
    "StreamState",
]


def __getattr__(name: str) -> object:
    if name == "MemoryJournal":
        from .memory import MemoryJournal

        return MemoryJournal
    if name == "SQLiteJournal":
        from .sqlite import SQLiteJournal

        return SQLiteJournal
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
