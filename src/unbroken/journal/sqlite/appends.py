"""How entries are appended: in one step, with all that has to be so for it, where everything is as usual."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..errors import Fenced, JournalFull, StreamGone
from ..options import Options
from ..protocol import Ended, Lease
from .calls import Append
from .entries import entries_behind, pack
from .schema import PAGE
from .states import STATUS, Row, row_of

__all__ = ["MOST", "Appends"]

#: How many appends go into one statement.
MOST: Final = 128

_INSERT: Final = "INSERT INTO entries (n, first, fence, count, size, data, at) "
# Where something is not as it was, there are fewer rows than were asked for: the stream was taken, released, ended or
# purged, or somebody asks for its end. All of that is found out in one step of SQLite, since with each step Python's
# global lock is given away, and has to be got back from a busy event loop.
_PLAIN: Final = (
    _INSERT + "SELECT v.column1, v.column2, v.column3, v.column4, v.column5, v.column6, mine.at "
    "FROM (SELECT ? AS worker, ? AS at) mine CROSS JOIN (VALUES {rows}) v "
    "CROSS JOIN streams s ON s.n = v.column1 AND s.fence = v.column3 AND s.stopping = v.column7 "
    "AND s.status = 0 AND s.holder = mine.worker"
)
_ROW: Final = "(?, ?, ?, ?, ?, ?, ?)"
_COUNTS: Final = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, MOST)
_STATEMENTS: Final = {count: _PLAIN.format(rows=", ".join([_ROW] * count)) for count in _COUNTS}
#: By how many appends there are, for how many there is a statement; the rest of its rows are of no stream.
_FITTING: Final = [0, *(next(count for count in _COUNTS if count >= number) for number in range(1, MOST + 1))]


@dataclass(slots=True)
class _Mine:
    """A stream that is held here, and so written by nobody else: as it was left."""

    n: int
    head: int
    size: int
    stopping: int


class Appends:
    """Writes entries into one file.

    Args:
        connection: To the file.
        worker: In whose name streams are held.
        options: How much a stream may have.

    Attributes:
        changed: The ids of streams that have something new; whoever tells of them empties it.
        pages: How many pages were written, about; whoever sees to them begins anew.
    """

    def __init__(self, connection: sqlite3.Connection, worker: int, options: Options) -> None:
        self.changed: set[str] = set()
        self.pages: int = 0
        self._connection = connection
        self._worker = worker
        self._options = options
        self._mine: dict[tuple[str, int], _Mine] = {}

    def forget(self, lease: Lease | None = None) -> None:
        """What is known of this stream, or of all, may not be so any more."""
        if lease is None:
            self._mine.clear()
        else:
            self._mine.pop((lease.stream_id, lease.fence), None)

    def full(self) -> JournalFull:
        """What is raised where a stream would have too much."""
        return JournalFull(f"a stream may have {self._options.max_bytes} bytes at the most")

    def plain(self, calls: Sequence[Append]) -> list[Append]:
        """Write what is as usual of at most `MOST`, in one transaction; to be called in none. The rest is returned."""
        others: list[Append] = []
        plain: list[tuple[Append, _Mine, int]] = []
        values: list[object] = [self._worker, time.monotonic()]
        ids: set[str] = set()
        for call in calls:
            lease, entries = call.lease, call.entries
            mine = self._mine.get((lease.stream_id, lease.fence))
            if mine is None or mine.head != lease.head or not entries or lease.stream_id in ids:
                others.append(call)
                continue
            ids.add(lease.stream_id)
            if len(entries) == 1:
                data = entries[0]
                size = mine.size + len(data)
            else:
                data = pack(entries)
                size = mine.size + sum(map(len, entries))
            if size > self._options.max_bytes:
                others.append(call)
                continue
            plain.append((call, mine, size))
            values += (mine.n, mine.head + 1, lease.fence, len(entries), size, data, mine.stopping)
            self.pages += 2 + len(data) // PAGE
        if not plain:
            return others
        rows = _FITTING[len(plain)]
        if rows > len(plain):
            values += [None] * (7 * (rows - len(plain)))
        inserted = self._connection.execute(_STATEMENTS[rows], values)
        written = None if inserted.rowcount == len(plain) else self._written(inserted)
        for call, mine, size in plain:
            if written is not None and (mine.n, call.lease.fence) not in written:
                others.append(call)
                continue
            mine.head += len(call.entries)
            mine.size = size
            call.result = mine.stopping > 0
            self.changed.add(call.lease.stream_id)
        return others

    def _written(self, inserted: sqlite3.Cursor) -> set[tuple[int, int]]:
        """The numbers and fences of the streams that got a row: rows of one statement are numbered in a row."""
        last, count = inserted.lastrowid or 0, inserted.rowcount
        query = "SELECT n, fence FROM entries WHERE p > ? AND p <= ?"
        return set(self._connection.execute(query, (last - count, last)).fetchall())

    def append(self, lease: Lease, entries: Sequence[bytes], end: Ended | None) -> bool:
        """Write entries, whatever has happened to their stream; to be called in a transaction.

        Raises:
            StreamGone: As `Journal.append`, and the other two likewise.
            Fenced: See there.
            JournalFull: See there.
        """
        mine = self._mine.pop((lease.stream_id, lease.fence), None)
        row = row_of(self._connection, lease.stream_id)
        if row is None or row.fence < lease.fence or (mine is not None and row.n != mine.n):
            raise StreamGone("the stream is not there any more")
        if row.fence == lease.fence and row.head < lease.head:
            raise StreamGone("the stream has lost entries that were acknowledged")
        if row.fence != lease.fence or row.status or row.head != lease.head:
            if self._is_done(row, lease, entries, end):
                return bool(row.stopping)
            raise Fenced("another has taken the stream, or it has ended")
        # What says that it has ended always finds room.
        if row.size + sum(map(len, entries)) > self._options.max_bytes and end is None:
            raise self.full()
        if entries:
            self.write(row, entries)
        if end is not None:
            self._connection.execute(
                "UPDATE streams SET status = :status, ended = :now, touched = :now, holder = NULL WHERE n = :n",
                {"status": STATUS.index(end), "now": time.time(), "n": row.n},
            )
        elif row.holder is not None:
            if row.holder != self._worker or not entries:
                self._connection.execute(
                    "UPDATE streams SET holder = ?, held = ?, touched = ? WHERE n = ?",
                    (self._worker, time.monotonic(), time.time(), row.n),
                )
            self.hold(row)
        self.changed.add(lease.stream_id)
        return bool(row.stopping)

    def _is_done(self, row: Row, lease: Lease, entries: Sequence[bytes], end: Ended | None) -> bool:
        """Whether this very append has been written before, and its outcome was not known."""
        status = 0 if end is None else STATUS.index(end)
        if (row.fence, row.status, row.head) != (lease.fence, status, lease.head + len(entries)):
            return False
        found = entries_behind(self._connection, row.n, row.head, lease.head, len(entries))
        return [(each.fence, each.data) for each in found] == [(lease.fence, bytes(each)) for each in entries]

    def write(self, row: Row, entries: Sequence[bytes]) -> None:
        """Write entries behind those that a stream has, under its fence; to be called in a transaction."""
        data = pack(entries)
        row.size += sum(map(len, entries))
        self._connection.execute(
            f"{_INSERT} VALUES {_ROW}",
            (row.n, row.head + 1, row.fence, len(entries), row.size, data, time.monotonic()),
        )
        row.head += len(entries)
        self.pages += 2 + len(data) // PAGE

    def hold(self, row: Row) -> None:
        """A stream is held here, and is as the row says."""
        self._mine[row.stream_id, row.fence] = _Mine(row.n, row.head, row.size, row.stopping)
