"""What is written into the file: the part of the journal that runs in its writer's thread."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..errors import Fenced, JournalFull, StreamGone
from ..options import Options
from ..protocol import Ended, Held, Lease, StreamState
from .calls import Append
from .presence import Presence
from .states import STATUS, Row, entries_behind, is_over, pack, row_of

__all__ = ["Store"]

#: The most rows that `log` has before they are moved: what a read goes through, and what is moved in a millisecond.
_LOGGED: Final = 512
#: A row of more bytes is not written twice, but into `batches` at once.
_LARGE: Final = 16 * 1024
#: How many appends go into one statement.
_MOST: Final = 128
#: How many streams, and how many rows of one, are deleted in a transaction.
_PURGED: Final = 64

# Where something is not as it was, there are fewer rows than were asked for: a stream was taken, released, ended or
# purged, or somebody asks for its end. All of that is found out in one step of SQLite, since with each step Python's
# global lock is given away, and has to be got back from a busy event loop.
_INSERT: Final = (
    "INSERT INTO log (n, first, fence, count, at, size, data) "
    "SELECT v.column1, v.column4, v.column2, v.column5, mine.at, v.column6, v.column7 "
    "FROM (SELECT ? AS worker, ? AS at) mine CROSS JOIN (VALUES {rows}) v "
    "CROSS JOIN streams s ON s.n = v.column1 AND s.fence = v.column2 AND s.stopping = v.column3 "
    "AND s.status = 0 AND s.holder = mine.worker"
)
_ROW: Final = "(?, ?, ?, ?, ?, ?, ?)"
_STATEMENTS: Final = {
    size: _INSERT.format(rows=", ".join([_ROW] * size))
    for size in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, _MOST)
}
#: By how many appends there are, for how many there is a statement; the rest of its rows are of no stream.
_SIZES: Final = [0, *(next(size for size in _STATEMENTS if size >= number) for number in range(1, _MOST + 1))]


@dataclass(slots=True)
class _Mine:
    """A stream that this journal holds, and so nobody else writes: as it was left."""

    n: int
    head: int
    size: int
    stopping: int


class Store:
    """Writes into one file. Its methods, but for `append_plain` and `move`, are to be called in a transaction.

    Args:
        connection: Nobody else uses it.
        presence: Whose name streams are held in.
        options: How much is kept, and for how long.

    Attributes:
        changed: The ids of streams that have something new, for whoever empties it.
    """

    def __init__(self, connection: sqlite3.Connection, presence: Presence, options: Options) -> None:
        self.connection = connection
        self.changed: set[str] = set()
        self._presence = presence
        self._options = options
        self._mine: dict[tuple[str, int], _Mine] = {}
        self._logged = 0

    def close(self) -> None:
        """Leave what is held to others."""
        try:
            if not self._presence.is_seen:
                self.connection.execute(
                    "UPDATE streams SET holder = NULL WHERE holder = ? AND status = 0", (self._presence.worker,)
                )
        finally:
            self.connection.close()
            self._presence.leave()

    def forget(self) -> None:
        """What is known of streams may not be so: a transaction was rolled back, or its outcome is not known."""
        self._mine.clear()
        self.changed.clear()

    # -- appends

    def append_plain(self, appends: Sequence[Append]) -> list[Append]:
        """Write those that are as usual, in one step, and so in one transaction. The others are returned."""
        plain: list[tuple[Append, _Mine, int]] = []
        others: list[Append] = []
        ids: set[str] = set()
        values: list[object] = [self._presence.worker, time.monotonic()]
        for call in appends:
            lease, entries = call.lease, call.entries
            mine = self._mine.get((lease.stream_id, lease.fence))
            data = pack(entries)
            if (
                mine is None
                or mine.head != lease.head
                or not entries
                or len(data) > _LARGE
                or lease.stream_id in ids
                or len(plain) == _MOST
                or (size := mine.size + sum(map(len, entries))) > self._options.max_bytes
            ):
                others.append(call)
                continue
            ids.add(lease.stream_id)
            plain.append((call, mine, size))
            values += (mine.n, lease.fence, mine.stopping, mine.head + 1, len(entries), size, data)
        if not plain:
            return others
        rows = _SIZES[len(plain)]
        values += [None] * (7 * (rows - len(plain)))
        inserted = self.connection.execute(_STATEMENTS[rows], values)
        self._logged = inserted.lastrowid or 0
        for call, mine, size in plain:
            if inserted.rowcount < len(plain) and not self._is_logged(mine, call.lease):
                others.append(call)
                continue
            mine.head += len(call.entries)
            mine.size = size
            call.result = bool(mine.stopping)
            self.changed.add(call.lease.stream_id)
        return others

    def _is_logged(self, mine: _Mine, lease: Lease) -> bool:
        values = (mine.n, mine.head + 1, lease.fence, (mine.n << 31) + mine.head + 1, lease.fence)
        query = (
            "SELECT 1 FROM log WHERE n = ? AND first = ? AND fence = ? "
            "UNION ALL SELECT 1 FROM batches WHERE place = ? AND fence = ?"
        )
        return self.connection.execute(query, values).fetchone() is not None

    def append(self, lease: Lease, entries: Sequence[bytes], end: Ended | None) -> bool:
        """Write entries with all that may have happened to their stream; whether somebody asks for its end."""
        mine = self._mine.pop((lease.stream_id, lease.fence), None)
        row = row_of(self.connection, lease.stream_id)
        if row is None or row.fence < lease.fence or (mine is not None and row.n != mine.n):
            raise StreamGone("the stream is not there any more")
        if row.fence == lease.fence and row.head < lease.head:
            raise StreamGone("the stream has lost entries that were acknowledged")
        if row.fence != lease.fence or row.status or row.head != lease.head:
            if self._is_done(row, lease, entries, end):
                return bool(row.stopping)
            raise Fenced("another has taken the stream, or it has ended")
        row.size += sum(map(len, entries))
        # What says that it has ended always finds room.
        if row.size > self._options.max_bytes and end is None:
            raise self._full()
        if entries:
            self._write(row, entries)
        if end is not None:
            self.connection.execute(
                "UPDATE streams SET status = :status, ended = :now, touched = :now, holder = NULL WHERE n = :n",
                {"status": STATUS.index(end), "now": time.time(), "n": row.n},
            )
        elif row.holder is not None:
            if row.holder != self._presence.worker or not entries:
                self._take_over(row)
            self._mine[lease.stream_id, lease.fence] = _Mine(row.n, row.head, row.size, row.stopping)
        self.changed.add(lease.stream_id)
        return bool(row.stopping)

    def _is_done(self, row: Row, lease: Lease, entries: Sequence[bytes], end: Ended | None) -> bool:
        """Whether this very append has been written before, and its outcome was not known."""
        status = 0 if end is None else STATUS.index(end)
        if (row.fence, row.status, row.head) != (lease.fence, status, lease.head + len(entries)):
            return False
        found = entries_behind(self.connection, row, lease.head, len(entries))
        return [(each.fence, each.data) for each in found] == [(lease.fence, bytes(each)) for each in entries]

    def _write(self, row: Row, entries: Sequence[bytes]) -> None:
        """Behind what there is, under the fence of the row; its size is counted already."""
        data = pack(entries)
        values = (row.fence, len(entries), time.monotonic(), row.size, data)
        if len(data) > _LARGE:
            self.connection.execute(
                "INSERT INTO batches (place, fence, count, at, size, data) VALUES (?, ?, ?, ?, ?, ?)",
                ((row.n << 31) + row.head + 1, *values),
            )
        else:
            inserted = self.connection.execute(
                "INSERT INTO log (n, first, fence, count, at, size, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (row.n, row.head + 1, *values),
            )
            self._logged = inserted.lastrowid or 0
        row.head += len(entries)

    def _take_over(self, row: Row) -> None:
        """Hold a stream by a lease that was another object's; whose it was finds that out with its next append."""
        self.connection.execute(
            "UPDATE streams SET holder = ?, held = ?, touched = ? WHERE n = ?",
            (self._presence.worker, time.monotonic(), time.time(), row.n),
        )

    def _full(self) -> JournalFull:
        return JournalFull(f"a stream may have {self._options.max_bytes} bytes at the most")

    @property
    def is_long(self) -> bool:
        """Whether `move` is due."""
        return self._logged >= _LOGGED

    def move(self) -> None:
        """Bring what is logged into the order of streams, in a transaction of its own."""
        self._logged = 0
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.execute(
            "INSERT INTO batches (place, fence, count, at, size, data) "
            "SELECT (n << 31) + first, fence, count, at, size, data FROM log ORDER BY n, first"
        )
        self.connection.execute("DELETE FROM log")
        self.connection.execute("COMMIT")

    # -- whose a stream is

    def create(
        self, stream_id: str, entry: bytes, fingerprint: bytes, owner: bytes, lease: float | None
    ) -> Lease | StreamState:
        """As `Journal.create`."""
        row = row_of(self.connection, stream_id)
        if row is not None:
            return row.state(self._presence.is_there)
        if len(entry) > self._options.max_bytes:
            raise self._full()
        holder = None if lease is None else self._presence.worker
        now, at = time.time(), time.monotonic()
        inserted = self.connection.execute(
            "INSERT INTO streams (id, fingerprint, owner, created, fence, status, stopping, holder, lease, held, touched) "
            "VALUES (?, ?, ?, ?, 1, 0, 0, ?, ?, ?, ?)",
            (stream_id, fingerprint, owner, now, holder, lease or 0.0, at, now),
        )
        n = inserted.lastrowid or 0
        row = Row(
            n, stream_id, fingerprint, owner, now, 1, 0, 0, None, holder, lease or 0.0, at, now, 0, len(entry), at
        )
        self._begin(row, entry)
        return Lease(stream_id, 1, 1)

    def take(self, state: StreamState, entry: bytes, lease: float, force: bool) -> Lease | None:
        """As `Journal.take`."""
        row = row_of(self.connection, state.stream_id)
        if row is None or (row.fence, row.head, row.created) != (state.fence, state.head, state.created):
            return None
        status = STATUS[row.status]
        if status in ("complete", "cancelled"):
            return None
        if not (force or status == "failed" or row.is_orphaned(self._presence.is_there)):
            return None
        row.fence += 1
        row.size += len(entry)
        row.stopping = 0
        row.holder = self._presence.worker
        self.connection.execute(
            "UPDATE streams SET fence = ?, status = 0, ended = NULL, stopping = 0, holder = ?, lease = ?, held = ?, "
            "touched = ? WHERE n = ?",
            (row.fence, row.holder, lease, time.monotonic(), time.time(), row.n),
        )
        self._begin(row, entry)
        return Lease(row.stream_id, row.fence, row.head)

    def _begin(self, row: Row, entry: bytes) -> None:
        self._write(row, [entry])
        if row.holder is not None:
            self._mine[row.stream_id, row.fence] = _Mine(row.n, row.head, row.size, row.stopping)
        self.changed.add(row.stream_id)

    def hold(self, leases: Sequence[Lease], seconds: float) -> Held:
        """As `Journal.hold`."""
        ids = json.dumps([lease.stream_id for lease in leases])
        query = (
            "SELECT id, n, fence, status, stopping, holder FROM streams WHERE id IN (SELECT value FROM json_each(?))"
        )
        found = {each[0]: each[1:] for each in self.connection.execute(query, (ids,)).fetchall()}
        stop: set[str] = set()
        lost: set[str] = set()
        held: list[int] = []
        for lease in leases:
            n, fence, status, stopping, holder = found.get(lease.stream_id, (0, 0, 0, 0, None))
            if fence != lease.fence or status:
                lost.add(lease.stream_id)
            else:
                held.append(n)
                if stopping:
                    stop.add(lease.stream_id)
            if fence != lease.fence or status or holder != self._presence.worker:
                # Another object may have written it meanwhile.
                self._mine.pop((lease.stream_id, lease.fence), None)
        self.connection.execute(
            "UPDATE streams SET holder = ?, lease = ?, held = ?, touched = ? "
            "WHERE n IN (SELECT value FROM json_each(?))",
            (self._presence.worker, seconds, time.monotonic(), time.time(), json.dumps(held)),
        )
        return Held(frozenset(stop), frozenset(lost))

    def release(self, lease: Lease) -> None:
        """As `Journal.release`."""
        self._mine.pop((lease.stream_id, lease.fence), None)
        self.connection.execute(
            "UPDATE streams SET holder = NULL, touched = ? WHERE id = ? AND fence = ? AND status = 0",
            (time.time(), lease.stream_id, lease.fence),
        )
        self.changed.add(lease.stream_id)

    def cancel(self, stream_id: str) -> bool:
        """As `Journal.cancel`; who writes it finds that out with its next append."""
        asked = self.connection.execute("UPDATE streams SET stopping = 1 WHERE id = ? AND status = 0", (stream_id,))
        self.changed.add(stream_id)
        return asked.rowcount > 0

    # -- purging

    def drop(self, owner: bytes | None, stream_id: str | None) -> int:
        """Take some streams away, and leave their entries to `delete`; how many there were."""
        if stream_id is not None:
            query, values = "SELECT n, id FROM streams WHERE id = ?", (stream_id,)
            gone = self.connection.execute(query, values).fetchall()
        elif owner is not None:
            query = f"SELECT n, id FROM streams WHERE owner = ? ORDER BY n LIMIT {_PURGED}"
            gone = self.connection.execute(query, (owner,)).fetchall()
        else:
            gone = is_over(self.connection, self._options, self._presence.is_there, _PURGED)
        numbers = json.dumps([n for n, _ in gone])
        self.connection.execute("INSERT INTO dropped SELECT value FROM json_each(?)", (numbers,))
        self.connection.execute("DELETE FROM streams WHERE n IN (SELECT value FROM json_each(?))", (numbers,))
        self.changed.update(each for _, each in gone)
        return len(gone)

    def delete(self) -> bool:
        """Delete some entries of what was dropped, by whomever; whether there are more."""
        found = self.connection.execute("SELECT n FROM dropped LIMIT 1").fetchone()
        if found is None:
            return False
        self.connection.execute("DELETE FROM log WHERE n = ?", found)
        deleted = self.connection.execute(
            "DELETE FROM batches WHERE place IN (SELECT place FROM batches "
            f"WHERE place > :n << 31 AND place < :n + 1 << 31 ORDER BY place LIMIT {_PURGED})",
            {"n": found[0]},
        )
        if deleted.rowcount < _PURGED:
            self.connection.execute("DELETE FROM dropped WHERE n = ?", found)
        return True
