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
_BATCHES: Final = (
    "SELECT place AS row, place & 0x7fffffff AS first, fence, count, data, 1 AS moved FROM batches "
    "WHERE place >= coalesce((SELECT max(place) FROM batches "
    "WHERE place > :n << 31 AND place <= (:n << 31) + :wanted), :n << 31) "
    "AND place < :n + 1 << 31 ORDER BY place LIMIT :limit"
)
_LOG: Final = (
    "SELECT p AS row, first, fence, count, data, 0 AS moved FROM log "
    "WHERE n = :n AND first + count > :wanted ORDER BY p LIMIT :limit"
)
_ALL: Final = (
    "SELECT group_concat(first || ' ' || fence || ' ' || count || ' ' || row || ' ' || moved || ' ' || "
    f"iif(length(data) <= {_SMALL}, hex(data), '-'), ';') "
    f"FROM (SELECT * FROM ({_BATCHES}) UNION ALL SELECT * FROM ({_LOG}))"
)
_LARGE: Final = ("SELECT data FROM log WHERE p = ?", "SELECT data FROM batches WHERE place = ?")


def entries_behind(connection: sqlite3.Connection, n: int, head: int, after: int, limit: int) -> list[Entry]:
    """The entries of a stream behind a number, in the transaction in which its head was read.

    Raises:
        JournalCorrupt: One that there should be is missing, or cannot be read.
    """
    wanted = min(limit, head - after)
    if wanted <= 0:
        return []
    [text] = connection.execute(_ALL, {"n": n, "wanted": after + 1, "limit": wanted}).fetchone()
    rows: list[tuple[int, int, int, int, int, str]] = []
    for each in (text or "").split(";") if text else ():
        first, fence, count, row, moved, data = each.split(" ")
        rows.append((int(first), int(fence), int(count), int(row), int(moved), data))
    rows.sort()  # a large one may be in `batches` before smaller ones that are older
    entries: list[Entry] = []
    expected = after + 1
    for first, fence, count, row, moved, data in rows:
        if first > expected or len(entries) >= wanted:
            break
        if data == "-":
            [blob] = connection.execute(_LARGE[moved], (row,)).fetchone()
        else:
            blob = bytes.fromhex(data)
        for seq, each_entry in enumerate(_unpack(count, blob), first):
            if seq == expected:
                entries.append(Entry(fence, seq, each_entry))
                expected += 1
    if len(entries) < wanted:
        raise JournalCorrupt(f"a stream of the journal lacks its entry {expected}")
    return entries[:wanted]


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
