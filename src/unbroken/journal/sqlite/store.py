"""What is done with the file, one transaction for all that was asked for at a time."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Sequence
from typing import Any, Final

from ..errors import JournalError
from ..options import Options
from ..protocol import Held, Lease, StreamState
from .appends import MOST, Appends
from .calls import Append, Call
from .checkpoints import Checkpoints
from .failures import is_busy, translated
from .presence import Presence
from .states import STATUS, Row, is_over, row_of

__all__ = ["Store"]

#: After how many pages, about, there is a checkpoint: SQLite's own number.
_PAGES: Final = 1000
#: How many streams, and how many rows of one, are deleted in a transaction.
_PURGED: Final = 64


class Store:
    """One file, open for writing. It never waits for a lock.

    Args:
        path: Of the file, for what is raised.
        connection: Nobody else uses it, and one thread at a time.
        presence: In whose name streams are held.
        options: How much is kept, and for how long.
        checkpoints: Are asked for every now and then.
    """

    def __init__(
        self,
        path: str,
        connection: sqlite3.Connection,
        presence: Presence,
        options: Options,
        checkpoints: Checkpoints,
    ) -> None:
        self.appends: Appends = Appends(connection, presence.worker, options)
        self._path = path
        self._connection = connection
        self._presence = presence
        self._options = options
        self._checkpoints = checkpoints

    def close(self) -> None:
        """Leave what is held to others."""
        try:
            if not self._presence.is_seen:
                query = "UPDATE streams SET holder = NULL WHERE holder = ? AND status = 0"
                self._connection.execute(query, (self._presence.worker,))
        finally:
            self._checkpoints.close()
            self._connection.close()
            self._presence.leave()

    # -- transactions

    def commit(self, calls: Sequence[Call[Any]]) -> list[Call[Any]]:
        """Do the work of all of them, and give them its results; the rest is returned: the file is locked just now."""
        others: list[Call[Any]] = [call for call in calls if not isinstance(call, Append)]
        appends = [call for call in calls if isinstance(call, Append)]
        for begin in range(0, len(appends), MOST):
            some = appends[begin : begin + MOST]
            try:
                others += self.appends.plain(some)
            except Exception as error:
                if is_busy(error):
                    return [*others, *appends[begin:]]
                self.appends.forget()
                others += some  # one by one, where it shows which of them fails, or was written nevertheless
        return self._transact(others) if others else []

    def _transact(self, calls: Sequence[Call[Any]]) -> list[Call[Any]]:
        failed: Exception
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for call in calls:
                call.error = None
                try:
                    call.result = call.run(self)
                except JournalError as error:
                    call.error = error  # it has written nothing
            self._connection.execute("COMMIT")
        except Exception as error:
            if self._connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
            elif is_busy(error):
                return list(calls)
            failed = error
        else:
            return []
        self.appends.forget()
        if len(calls) > 1:
            # One of them may be what fails.
            return [left for call in calls for left in self._transact([call])]
        calls[0].error = translated(failed, self._path) if isinstance(failed, sqlite3.Error) else failed
        return []

    def news(self) -> frozenset[str]:
        """The ids of streams that have something new since this was asked last. For whoever has just committed."""
        if self.appends.pages >= _PAGES:
            self.appends.pages = 0
            self._checkpoints.ask(wipe=False)
        changed = self.appends.changed
        if not changed:
            return frozenset()
        self.appends.changed = set()
        return frozenset(changed)

    # -- whose a stream is

    def create(
        self, stream_id: str, entry: bytes, fingerprint: bytes, owner: bytes, lease: float | None
    ) -> Lease | StreamState:
        """As `Journal.create`."""
        row = row_of(self._connection, stream_id)
        if row is not None:
            return row.state(self._presence.is_there)
        if len(entry) > self._options.max_bytes:
            raise self.appends.full()
        holder = None if lease is None else self._presence.worker
        now, at = time.time(), time.monotonic()
        inserted = self._connection.execute(
            "INSERT INTO streams "
            "(id, fingerprint, owner, created, fence, status, stopping, holder, lease, held, touched) "
            "VALUES (?, ?, ?, ?, 1, 0, 0, ?, ?, ?, ?)",
            (stream_id, fingerprint, owner, now, holder, lease or 0.0, at, now),
        )
        row = Row(
            inserted.lastrowid or 0,
            stream_id,
            fingerprint,
            owner,
            now,
            fence=1,
            status=0,
            stopping=0,
            ended=None,
            holder=holder,
            lease=lease or 0.0,
            held=at,
            touched=now,
            head=0,
            size=0,
            at=at,
        )
        self._begin(row, entry)
        return Lease(stream_id, 1, 1)

    def take(self, state: StreamState, entry: bytes, lease: float, force: bool) -> Lease | None:
        """As `Journal.take`."""
        row = row_of(self._connection, state.stream_id)
        if row is None or (row.fence, row.head, row.created) != (state.fence, state.head, state.created):
            return None
        status = STATUS[row.status]
        if status in ("complete", "cancelled"):
            return None
        if not (force or status == "failed" or row.is_orphaned(self._presence.is_there)):
            return None
        row.fence += 1
        row.stopping = 0
        row.holder = self._presence.worker
        self._connection.execute(
            "UPDATE streams SET fence = ?, status = 0, ended = NULL, stopping = 0, holder = ?, lease = ?, held = ?, "
            "touched = ? WHERE n = ?",
            (row.fence, row.holder, lease, time.monotonic(), time.time(), row.n),
        )
        self._begin(row, entry)
        return Lease(row.stream_id, row.fence, row.head)

    def _begin(self, row: Row, entry: bytes) -> None:
        self.appends.write(row, [entry])
        if row.holder is not None:
            self.appends.hold(row)
        self.appends.changed.add(row.stream_id)

    def hold(self, leases: Sequence[Lease], seconds: float) -> Held:
        """As `Journal.hold`."""
        found = self._connection.execute(
            "SELECT json_group_array(json_array(id, n, fence, status, stopping, holder)) FROM streams "
            "WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps([lease.stream_id for lease in leases]),),
        )
        known = {each[0]: each[1:] for each in json.loads(found.fetchone()[0])}
        stop: set[str] = set()
        lost: set[str] = set()
        held: list[int] = []
        for lease in leases:
            n, fence, status, stopping, holder = known.get(lease.stream_id, (0, 0, 0, 0, None))
            if fence != lease.fence or status:
                lost.add(lease.stream_id)
            else:
                held.append(n)
                if stopping:
                    stop.add(lease.stream_id)
            if fence != lease.fence or status or holder != self._presence.worker:
                self.appends.forget(lease)  # another may have written it meanwhile
        self._connection.execute(
            "UPDATE streams SET holder = ?, lease = ?, held = ?, touched = ? "
            "WHERE n IN (SELECT value FROM json_each(?))",
            (self._presence.worker, seconds, time.monotonic(), time.time(), json.dumps(held)),
        )
        self.appends.pages += 2 + len(held) // 4
        return Held(frozenset(stop), frozenset(lost))

    def release(self, lease: Lease) -> None:
        """As `Journal.release`."""
        self.appends.forget(lease)
        self._connection.execute(
            "UPDATE streams SET holder = NULL, touched = ? WHERE id = ? AND fence = ? AND status = 0",
            (time.time(), lease.stream_id, lease.fence),
        )

    def cancel(self, stream_id: str) -> bool:
        """As `Journal.cancel`; who writes it finds that out with the next append."""
        asked = self._connection.execute("UPDATE streams SET stopping = 1 WHERE id = ? AND status = 0", (stream_id,))
        return asked.rowcount > 0

    # -- purging

    def drop(self, owner: bytes | None, stream_id: str | None) -> int:
        """Take some streams away, and leave their entries to `delete`; how many there were."""
        if stream_id is not None:
            query = "SELECT n, id FROM streams WHERE id = ?"
            gone = self._connection.execute(query, (stream_id,)).fetchall()
        elif owner is not None:
            query = f"SELECT n, id FROM streams WHERE owner = ? ORDER BY n LIMIT {_PURGED}"
            gone = self._connection.execute(query, (owner,)).fetchall()
        else:
            gone = is_over(self._connection, self._options, self._presence.is_there, _PURGED)
        if gone:
            numbers = json.dumps([n for n, _ in gone])
            self._connection.execute("INSERT INTO dropped SELECT value FROM json_each(?)", (numbers,))
            self._connection.execute("DELETE FROM streams WHERE n IN (SELECT value FROM json_each(?))", (numbers,))
            self.appends.changed.update(each for _, each in gone)
        return len(gone)

    def delete(self) -> bool:
        """Delete some entries of what was dropped, by whomever; whether there may be more."""
        found = self._connection.execute("SELECT n FROM dropped LIMIT 1").fetchone()
        if found is None:
            return False
        deleted = self._connection.execute(
            f"DELETE FROM entries WHERE p IN (SELECT p FROM entries WHERE n = ? ORDER BY first LIMIT {_PURGED})", found
        )
        if deleted.rowcount < _PURGED:
            self._connection.execute("DELETE FROM dropped WHERE n = ?", found)
            self._checkpoints.ask(wipe=True)
        self.appends.pages += _PURGED
        return True
