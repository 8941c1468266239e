"""The entries of a stream in the file: a row for each append, whose entries are one blob."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Sequence
from typing import Final

from ..errors import JournalCorrupt
from ..protocol import Entry

__all__ = ["entries_behind", "pack"]

#: Blobs up to this size come together in one text, in bytes. Each row that SQLite hands over costs Python's global lock
#: twice, and a busy event loop takes its time to give that back: a thousand rows took half a second.
_SMALL: Final = 4096

# From the middle too: the first row is the last that begins at or before the first entry that is wanted.
_ROWS: Final = (
    "SELECT p, first, fence, count, data FROM entries WHERE n = :n AND first >= coalesce("
    "(SELECT max(first) FROM entries WHERE n = :n AND first <= :wanted), 0) ORDER BY first LIMIT :limit"
)
_TEXT: Final = (
    "SELECT group_concat(first || ' ' || fence || ' ' || count || ' ' || p || ' ' || "
    f"iif(length(data) <= {_SMALL}, hex(data), '-'), ';') FROM ({_ROWS})"
)


def entries_behind(connection: sqlite3.Connection, n: int, head: int, after: int, limit: int) -> list[Entry]:
    """The entries of a stream behind a number, in the transaction in which its head was read.

    Raises:
        JournalCorrupt: One that there should be is missing, or cannot be read.
    """
    wanted = min(limit, head - after)
    if wanted <= 0:
        return []
    [text] = connection.execute(_TEXT, {"n": n, "wanted": after + 1, "limit": wanted}).fetchone()
    entries: list[Entry] = []
    expected = after + 1
    # SQLite does not promise an order of what it concatenates.
    for first, fence, count, p, data in sorted(map(_numbers, (text or "").split(";")) if text else ()):
        if first > expected or len(entries) >= wanted:
            break
        if data == "-":
            [blob] = connection.execute("SELECT data FROM entries WHERE p = ?", (p,)).fetchone()
        else:
            blob = bytes.fromhex(data)
        for seq, entry in enumerate(_unpack(count, blob), first):
            if seq == expected:
                entries.append(Entry(fence, seq, entry))
                expected += 1
    if len(entries) < wanted:
        raise JournalCorrupt(f"a stream of the journal lacks its entry {expected}")
    return entries[:wanted]


def _numbers(row: str) -> tuple[int, int, int, int, str]:
    first, fence, count, p, data = row.split(" ")
    return int(first), int(fence), int(count), int(p), data


def pack(entries: Sequence[bytes]) -> bytes:
    """Entries as they are in one row."""
    if len(entries) == 1:
        return entries[0]
    return struct.pack(f"<{len(entries)}I", *map(len, entries)) + b"".join(entries)


def _unpack(count: int, data: bytes) -> list[bytes]:
    """The reverse of `pack`."""
    if count == 1:
        return [data]
    try:
        lengths = struct.unpack_from(f"<{count}I", data)
    except struct.error as error:
        raise JournalCorrupt("a batch of the journal is damaged") from error
    entries: list[bytes] = []
    begin = 4 * count
    for length in lengths:
        entries.append(data[begin : begin + length])
        begin += length
    if begin != len(data):
        raise JournalCorrupt("a batch of the journal is damaged")
    return entries
