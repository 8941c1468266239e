"""How streams stand, and what they have, as it is read from the file."""

from __future__ import annotations

import json
import sqlite3
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..errors import JournalCorrupt
from ..options import Options
from ..protocol import Batch, Entry, Status, StreamState

__all__ = ["STATUS", "Row", "entries_behind", "has_news", "is_over", "orphans", "pack", "read", "row_of", "states"]

#: By its number in the file.
STATUS: Final[tuple[Status, ...]] = ("live", "complete", "failed", "cancelled")

Alive = Callable[[int], bool]

_COLUMNS: Final = "s.n, s.id, s.fingerprint, s.owner, s.created, s.fence, s.status, s.stopping, s.ended, s.holder, s.lease, s.held, s.touched"
# The last row of a stream is in `log`, unless all of its rows have been moved; a large one goes to `batches` at once.
_LAST: Final = (
    "l.first, l.count, l.size, l.at, b.place & 0x7fffffff, b.count, b.size, b.at FROM streams s "
    "LEFT JOIN log l ON l.p = {last} "
    "LEFT JOIN batches b ON b.place = "
    "(SELECT max(place) FROM batches WHERE place > s.n << 31 AND place < s.n + 1 << 31)"
)
_ONE: Final = f"SELECT {_COLUMNS}, {_LAST.format(last='(SELECT max(p) FROM log WHERE n = s.n)')} WHERE s.id = ?"
# For many, `log` is gone through once.
_MANY: Final = (
    "WITH tails AS MATERIALIZED (SELECT n, max(p) AS p FROM log GROUP BY n) "
    f"SELECT {_COLUMNS}, {_LAST.format(last='(SELECT p FROM tails WHERE tails.n = s.n)')} WHERE "
)


@dataclass(slots=True)
class Row:
    """A stream, as the file has it."""

    n: int
    stream_id: str
    fingerprint: bytes
    owner: bytes
    created: float
    fence: int
    status: int
    stopping: int
    ended: float | None
    holder: int | None
    lease: float
    held: float
    touched: float
    head: int
    size: int
    at: float

    def is_orphaned(self, is_there: Alive) -> bool:
        """Whether it may be taken."""
        if self.status:
            return False
        # The machine's clock begins anew when it is started, and then it may say less than before.
        age = time.monotonic() - max(self.held, self.at)
        return self.holder is None or not 0 <= age < self.lease or not is_there(self.holder)

    def last_written(self) -> float:
        """Seconds since the epoch, at least: somebody was there then."""
        age = time.monotonic() - self.at
        return max(self.touched, time.time() - age) if age >= 0 else self.touched

    def state(self, is_there: Alive) -> StreamState:
        """What callers are told."""
        return StreamState(
            stream_id=self.stream_id,
            fence=self.fence,
            head=self.head,
            status=STATUS[self.status],
            fingerprint=self.fingerprint,
            owner=self.owner,
            orphaned=self.is_orphaned(is_there),
            stopping=bool(self.stopping),
            created=self.created,
            ended=self.ended,
            size=self.size,
        )


def _row(found: tuple[Any, ...]) -> Row:
    first, count, size, at, moved, moved_count, moved_size, moved_at = found[13:]
    if first is None or (moved is not None and moved > first):
        first, count, size, at = moved, moved_count, moved_size, moved_at
    if first is None:
        raise JournalCorrupt("a stream of the journal has no entry")
    return Row(*found[:13], head=first + count - 1, size=size, at=at)


def row_of(connection: sqlite3.Connection, stream_id: str) -> Row | None:
    """One stream; None: there is none."""
    found = connection.execute(_ONE, (stream_id,)).fetchone()
    return None if found is None else _row(found)


def states(connection: sqlite3.Connection, after: str, limit: int, is_there: Alive) -> list[StreamState]:
    """The streams behind an id, in the order of their ids."""
    found = connection.execute(_MANY + "s.id > ? ORDER BY s.id LIMIT ?", (after, limit)).fetchall()
    return [_row(each).state(is_there) for each in found]


def orphans(connection: sqlite3.Connection, limit: int, is_there: Alive) -> list[str]:
    """The ids of those that may be taken, in the order of their creation."""
    holders = connection.execute("SELECT DISTINCT holder FROM streams WHERE status = 0").fetchall()
    there = [holder for (holder,) in holders if holder is not None and is_there(holder)]
    where = (
        "s.status = 0 AND (s.holder IS NULL OR s.holder NOT IN (SELECT value FROM json_each(?)) "
        "OR NOT ? BETWEEN s.held AND s.held + s.lease) ORDER BY s.n"
    )
    found = connection.execute(_MANY + where, (json.dumps(there), time.monotonic()))
    names: list[str] = []
    alive = frozenset(there).__contains__
    for each in found:
        row = _row(each)
        if row.is_orphaned(alive):
            names.append(row.stream_id)
            if len(names) == limit:
                break
    found.close()
    return names


def is_over(connection: sqlite3.Connection, options: Options, is_there: Alive, limit: int) -> list[tuple[int, str]]:
    """The numbers and ids of some streams whose time is over."""
    now = time.time()
    ended = connection.execute(f"{_MANY} s.ended <= ? ORDER BY s.ended LIMIT ?", (now - options.retention, limit))
    left = connection.execute(f"{_MANY} s.status = 0 AND s.touched <= ?", (now - options.orphan_retention,))
    rows = map(_row, ended.fetchall() + left.fetchall())
    over = [(row.n, row.stream_id) for row in rows if options.is_over(row.state(is_there), row.last_written())]
    return over[:limit]


_NEWS: Final = (
    "WITH tails AS MATERIALIZED (SELECT n, max(p) AS p FROM log GROUP BY n) "
    "SELECT 1 FROM json_each(?) j LEFT JOIN streams s ON s.id = j.key WHERE s.n IS NULL OR s.status <> 0 "
    "OR (SELECT first + count - 1 FROM log WHERE p = (SELECT p FROM tails WHERE tails.n = s.n)) > j.value "
    "OR (SELECT (place & 0x7fffffff) + count - 1 FROM batches "
    "WHERE place > s.n << 31 AND place < s.n + 1 << 31 ORDER BY place DESC LIMIT 1) > j.value LIMIT 1"
)


def has_news(connection: sqlite3.Connection, after: Mapping[str, int]) -> bool:
    """Whether one of these streams has something behind the number that is named, or has ended, or is gone."""
    return connection.execute(_NEWS, (json.dumps(after),)).fetchone() is not None


# From the middle too: the first row is the last that begins at or before the first entry that is wanted.
_MOVED: Final = (
    "SELECT place & 0x7fffffff, fence, count, data FROM batches WHERE place >= coalesce("
    "(SELECT max(place) FROM batches WHERE place > :n << 31 AND place <= (:n << 31) + :wanted), :n << 31) "
    "AND place < :n + 1 << 31 ORDER BY place LIMIT :limit"
)
_LOGGED: Final = (
    "SELECT first, fence, count, data FROM log WHERE n = :n AND first + count > :wanted ORDER BY p LIMIT :limit"
)


def read(connection: sqlite3.Connection, stream_id: str, after: int, limit: int, is_there: Alive) -> Batch | None:
    """The entries behind a number, and how the stream stands."""
    connection.execute("BEGIN")  # what is logged may be moved between two queries
    try:
        row = row_of(connection, stream_id)
        if row is None:
            return None
        return Batch(entries_behind(connection, row, after, limit), row.state(is_there))
    finally:
        connection.execute("COMMIT")


def entries_behind(connection: sqlite3.Connection, row: Row, after: int, limit: int) -> list[Entry]:
    """The entries behind a number, in the transaction in which the stream was read."""
    wanted = min(limit, row.head - after)
    if wanted <= 0:
        return []
    what = {"n": row.n, "wanted": after + 1, "limit": limit}
    found = connection.execute(_MOVED, what).fetchall() + connection.execute(_LOGGED, what).fetchall()
    found.sort()  # a large one may be in `batches` before smaller ones that are older
    entries: list[Entry] = []
    expected = after + 1
    for first, fence, count, data in found:
        if first > expected:
            break
        for seq, each in enumerate(unpack(count, data), first):
            if seq == expected:
                entries.append(Entry(fence, seq, each))
                expected += 1
    if len(entries) < wanted:
        raise JournalCorrupt(f"a stream of the journal lacks its entry {expected}")
    return entries[:wanted]


def pack(entries: Sequence[bytes]) -> bytes:
    """Entries as they are in one row."""
    if len(entries) == 1:
        return entries[0]
    return struct.pack(f"<{len(entries)}I", *map(len, entries)) + b"".join(entries)


def unpack(count: int, data: bytes) -> list[bytes]:
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
