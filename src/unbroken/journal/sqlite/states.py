"""How streams stand, as it is read from the file."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..errors import JournalCorrupt
from ..options import Options
from ..protocol import Batch, Status, StreamState
from .entries import entries_behind

__all__ = ["STATUS", "Row", "is_over", "look", "news", "orphans", "read", "row_of", "states"]

#: By its number in the file.
STATUS: Final[tuple[Status, ...]] = ("live", "complete", "failed", "cancelled")

#: Whether the worker of that number has the journal open.
IsThere = Callable[[int], bool]

_COLUMNS: Final = (
    "s.n, s.id, s.fingerprint, s.owner, s.created, s.fence, s.status, s.stopping, s.ended, s.holder, s.lease, s.held, "
    "s.touched"
)
_LAST: Final = "(SELECT p FROM entries WHERE n = s.n ORDER BY first DESC LIMIT 1)"
_FROM: Final = f"FROM streams s LEFT JOIN entries e ON e.p = {_LAST}"
_STATES: Final = f"SELECT {_COLUMNS}, e.first + e.count - 1, e.size, e.at {_FROM} WHERE"
_NEWS: Final = (
    "SELECT json_group_array(j.key) FROM json_each(?) j LEFT JOIN streams s ON s.id = j.key "
    f"LEFT JOIN entries e ON e.p = {_LAST} WHERE s.n IS NULL OR e.first + e.count - 1 > j.value"
)
# As `Row.is_orphaned` has it. A lease that has run out by `held` may have begun anew with the last append; no other
# stream is asked for that, for there may be many, and the rest is in an index.
_ORPHANS: Final = (
    f"SELECT json_group_array(id) FROM (SELECT s.id AS id {_FROM} WHERE s.status = 0 "
    "AND (s.holder IS NULL OR s.holder NOT IN (SELECT value FROM json_each(:there)) "
    "OR NOT :now BETWEEN s.held AND s.held + s.lease) "
    "AND (s.holder IS NULL OR s.holder NOT IN (SELECT value FROM json_each(:there)) "
    "OR NOT :now BETWEEN max(s.held, e.at) AND max(s.held, e.at) + s.lease) ORDER BY s.n LIMIT :limit)"
)


@dataclass(slots=True)
class Row:
    """A stream, as the file has it; its columns in their order, and then what its last entries tell."""

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

    def is_orphaned(self, is_there: IsThere) -> bool:
        """Whether it lives, and may be taken."""
        if self.status:
            return False
        # The machine's clock begins anew when it is started, and then it may say less than before.
        age = time.monotonic() - max(self.held, self.at)
        return self.holder is None or not 0 <= age < self.lease or not is_there(self.holder)

    @property
    def written(self) -> float:
        """When it was written or held last, or later than that; seconds since the epoch."""
        age = time.monotonic() - self.at
        return max(self.touched, time.time() - age) if age >= 0 else self.touched

    def state(self, is_there: IsThere) -> StreamState:
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
    if found[-1] is None:
        raise JournalCorrupt("a stream of the journal has no entry")
    return Row(*found)


def row_of(connection: sqlite3.Connection, stream_id: str) -> Row | None:
    """One stream; None: there is none."""
    found = connection.execute(f"{_STATES} s.id = ?", (stream_id,)).fetchone()
    return None if found is None else _row(found)


def look(connection: sqlite3.Connection, stream_id: str, is_there: IsThere) -> StreamState | None:
    """How one stream stands; None: there is none."""
    row = row_of(connection, stream_id)
    return None if row is None else row.state(is_there)


def read(connection: sqlite3.Connection, stream_id: str, after: int, limit: int, is_there: IsThere) -> Batch | None:
    """The entries behind a number, and how the stream stands."""
    connection.execute("BEGIN")  # it may be purged between two queries
    try:
        row = row_of(connection, stream_id)
        if row is None:
            return None
        return Batch(entries_behind(connection, row.n, row.head, after, limit), row.state(is_there))
    finally:
        connection.execute("COMMIT")


def states(connection: sqlite3.Connection, after: str, limit: int, is_there: IsThere) -> list[StreamState]:
    """The streams behind an id, in the order of their ids."""
    found = connection.execute(f"{_STATES} s.id > ? ORDER BY s.id LIMIT ?", (after, limit)).fetchall()
    return [_row(each).state(is_there) for each in found]


def orphans(connection: sqlite3.Connection, limit: int, is_there: IsThere) -> list[str]:
    """The ids of those that may be taken, in the order of their creation."""
    holders = connection.execute("SELECT DISTINCT holder FROM streams WHERE status = 0").fetchall()
    there = [holder for (holder,) in holders if holder is not None and is_there(holder)]
    values = {"there": json.dumps(there), "now": time.monotonic(), "limit": limit}
    [found] = connection.execute(_ORPHANS, values).fetchone()
    return list(json.loads(found))


def is_over(connection: sqlite3.Connection, options: Options, is_there: IsThere, limit: int) -> list[tuple[int, str]]:
    """The numbers and ids of some streams whose time is over."""
    now = time.time()
    ended = connection.execute(f"{_STATES} s.ended <= ? ORDER BY s.ended LIMIT ?", (now - options.retention, limit))
    left = connection.execute(f"{_STATES} s.status = 0 AND s.touched <= ?", (now - options.orphan_retention,))
    rows = map(_row, ended.fetchall() + left.fetchall())
    over = [(row.n, row.stream_id) for row in rows if options.is_over(row.state(is_there), row.written)]
    return over[:limit]


def news(connection: sqlite3.Connection, after: Mapping[str, int]) -> list[str]:
    """Those of these streams that have something behind the number that is named, or are gone."""
    [found] = connection.execute(_NEWS, (json.dumps(after),)).fetchone()
    return list(json.loads(found))
