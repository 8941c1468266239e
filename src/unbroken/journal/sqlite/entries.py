"""The entries of a stream in the file: a row for each append, whose entries are one blob."""

from __future__ import annotations

import json
import sqlite3
import struct
from collections.abc import Sequence
from typing import Final

from ..errors import JournalCorrupt
from ..protocol import Entry

__all__ = ["entries_behind", "pack"]

#: Blobs up to this size come together, in bytes. For each row that SQLite hands over, Python's global lock is given
#: away, and a busy event loop takes its time to give it back: a thousand rows took half a second.
_SMALL: Final = 4096

# From the middle too: the first row is the last that begins at or before the first entry that is wanted.
_ROWS: Final = (
    "SELECT p, first, fence, count, data FROM entries WHERE n = :n AND first >= coalesce("
    "(SELECT max(first) FROM entries WHERE n = :n AND first <= :wanted), 0) ORDER BY first LIMIT :limit"
)
_TOGETHER: Final = (
    "SELECT json_group_array(first), json_group_array(fence), json_group_array(count), json_group_array(p), "
    f"group_concat(iif(length(data) <= {_SMALL}, hex(data), '-'), ';') FROM ({_ROWS})"
)


def entries_behind(connection: sqlite3.Connection, n: int, head: int, after: int, limit: int) -> list[Entry]:
    """The entries of a stream behind a number, in the transaction in which its head was read.

    Raises:
        JournalCorrupt: One that there should be is missing, or cannot be read.
    """
    wanted = min(limit, head - after)
    if wanted <= 0:
        return []
    found = connection.execute(_TOGETHER, {"n": n, "wanted": after + 1, "limit": wanted}).fetchone()
    numbers = [json.loads(each) for each in found[:4]]
    entries: list[Entry] = []
    expected = after + 1
    # SQLite does not promise an order of what it brings together.
    for first, fence, count, p, text in sorted(zip(*numbers, (found[4] or "").split(";"), strict=False)):
        if first > expected:
            break
        if text == "-":
            [data] = connection.execute("SELECT data FROM entries WHERE p = ?", (p,)).fetchone()
        else:
            data = bytes.fromhex(text)
        if count == 1:
            entries.append(Entry(fence, first, data))
        else:
            some = [Entry(fence, seq, each) for seq, each in enumerate(_unpack(count, data), first)]
            entries += some[expected - first :]
        expected = first + count
        if len(entries) >= wanted:
            break
    if len(entries) < wanted:
        raise JournalCorrupt(f"a stream of the journal lacks its entry {expected}")
    return entries[:wanted]


def pack(entries: Sequence[bytes]) -> bytes:
    """Entries as they are in one row."""
    if len(entries) == 1:
        return entries[0]
    return struct.pack(f"<{len(entries)}I", *map(len, entries)) + b"".join(entries)


def _unpack(count: int, data: bytes) -> list[bytes]:
    """The reverse of `pack`, for more than one."""
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
