"""A journal in PostgreSQL: an example of how one of your own is written (asyncpg, and so on asyncio alone).

It passes `unbroken.testing.journal`, which is what makes it a journal:

    async with PostgresJournal("postgresql://me@localhost/answers") as journal:
        async with resilient_stream(client, ..., journal=journal, stream_id="run7/0042") as stream: ...

Each stream is one row, which is locked while its log is written: that is the fence. A worker is there as long as its
session holds an advisory lock, which the server drops when the process dies. `NOTIFY` says that there is something new,
and never what: entries are read from the table. All times are the server's.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Collection, Hashable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Final, Self

import asyncpg

from unbroken.journal import (
    Batch,
    Codec,
    Ended,
    Entry,
    Fenced,
    Held,
    JournalError,
    JournalFull,
    JournalUnavailable,
    Lease,
    StreamGone,
    StreamState,
)

__all__ = ["PostgresJournal"]

#: Of our advisory locks: their first number, and the key under which the tables are made.
_LOCKS: Final = 0x756E6272
_CHANNEL: Final = "unbroken_journal"
_PURGED: Final = 100

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS unbroken_streams (
    id text COLLATE "C" PRIMARY KEY, n bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    fence int NOT NULL, head int NOT NULL, status text NOT NULL, stopping bool NOT NULL, size bigint NOT NULL,
    fingerprint bytea NOT NULL, owner bytea NOT NULL, created timestamptz NOT NULL, ended timestamptz,
    holder int, lease interval NOT NULL, touched timestamptz NOT NULL, call bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS unbroken_live ON unbroken_streams (created, id) WHERE status = 'live';
CREATE INDEX IF NOT EXISTS unbroken_owners ON unbroken_streams (owner);
CREATE TABLE IF NOT EXISTS unbroken_entries (
    n bigint REFERENCES unbroken_streams (n) ON DELETE CASCADE, seq int, fence int NOT NULL, data bytea NOT NULL,
    PRIMARY KEY (n, seq)
)
"""
#: Nobody holds it, its lease is over, or its holder's session is.
_ORPHANED: Final = f"""(s.status = 'live' AND (s.holder IS NULL OR s.touched + s.lease <= clock_timestamp()
    OR NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND database =
        (SELECT oid FROM pg_database WHERE datname = current_database())
        AND classid = {_LOCKS} AND objid = s.holder::bigint::oid AND granted)))"""
_STATE: Final = f"""SELECT s.n, s.id, s.fence, s.head, s.status, s.fingerprint, s.owner, s.stopping, s.size, s.call,
    extract(epoch FROM s.created)::float8 AS created, extract(epoch FROM s.ended)::float8 AS ended,
    {_ORPHANED} AS orphaned FROM unbroken_streams s"""


class PostgresJournal:
    """Streams in a database of PostgreSQL, in two tables that are made if they are not there.

    Args:
        dsn: Of the database.
        retention: How long a stream is kept after its end, in seconds, until somebody purges.
        orphan_retention: How long one is kept that nobody writes any more, in seconds.
        max_bytes: The most that the entries of one stream may have together.
        codec: Applied to every entry. None: they are stored as they are.
        connections: How many there are at the most, beside the one that listens.
        timeout: Seconds in which the server has to answer.
    """

    def __init__(
        self,
        dsn: str,
        *,
        retention: float = 24 * 3600.0,
        orphan_retention: float = 7 * 24 * 3600.0,
        max_bytes: int = 8 * 2**20,
        codec: Codec | None = None,
        connections: int = 8,
        timeout: float = 2.0,
    ) -> None:
        self.codec: Codec | None = codec
        self.orphan_poll: float = 0.25
        self._dsn = dsn
        self._retention = retention
        self._orphan_retention = orphan_retention
        self._max_bytes = max_bytes
        self._connections = connections
        self._timeout = timeout
        self._worker = 0
        self._pool: Any = None
        self._listener: Any = None
        self._listening = asyncio.Lock()
        self._waiters: set[asyncio.Event] = set()
        self._unsure: dict[Hashable, int] = {}

    async def __aenter__(self) -> Self:
        if self._pool is not None:
            raise JournalError("the journal is open already")
        self._worker = secrets.randbelow(2**31)
        async with AsyncExitStack() as opened:
            with _translated():
                self._pool = await asyncpg.create_pool(
                    self._dsn, min_size=1, max_size=self._connections, command_timeout=self._timeout
                )
            opened.push_async_callback(self._close)
            async with self._transaction() as connection:
                await connection.execute("SELECT pg_advisory_xact_lock($1::int, 0)", _LOCKS)
                await connection.execute(_SCHEMA)
            await self._listen()
            opened.pop_all()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        with suppress(JournalError):
            async with self._transaction() as connection:
                query = "UPDATE unbroken_streams SET holder = NULL WHERE holder = $1 AND status = 'live' RETURNING id"
                await _notify(connection, *[row["id"] for row in await connection.fetch(query, self._worker)])
        await self._close()

    # -- writing

    async def create(
        self, stream_id: str, entry: bytes, *, fingerprint: bytes, owner: bytes, lease: float | None
    ) -> Lease | StreamState:
        if len(entry) > self._max_bytes and await self.look(stream_id) is None:
            raise self._full()
        async with self._once("create", stream_id, entry) as call, self._transaction() as connection:
            n = await connection.fetchval(
                "INSERT INTO unbroken_streams (id, fence, head, status, stopping, size, fingerprint, owner, created, "
                "holder, lease, touched, call) VALUES ($1, 1, 1, 'live', false, $2, $3, $4, clock_timestamp(), $5, "
                "make_interval(secs => $6), clock_timestamp(), $7) ON CONFLICT (id) DO NOTHING RETURNING n",
                *(stream_id, len(entry), fingerprint, owner, None if lease is None else self._worker),
                *(lease or 0.0, call),
            )
            if n is not None:
                await _write(connection, n, 1, 1, [entry])
                await _notify(connection, stream_id)
                return Lease(stream_id, 1, 1)
            row = await connection.fetchrow(f"{_STATE} WHERE s.id = $1", stream_id)
        if row is None:  # it was there, and was purged in this moment
            return await self.create(stream_id, entry, fingerprint=fingerprint, owner=owner, lease=lease)
        is_ours = row["call"] == call and (row["fence"], row["head"]) == (1, 1)
        return Lease(stream_id, 1, 1) if is_ours else _state_of(row)

    async def take(self, state: StreamState, entry: bytes, *, lease: float, force: bool = False) -> Lease | None:
        fence, head = state.fence + 1, state.head + 1
        async with (
            self._once("take", state.stream_id, state.fence, state.head, entry) as call,
            self._transaction() as connection,
        ):
            row = await connection.fetchrow(f"{_STATE} WHERE s.id = $1 FOR UPDATE OF s", state.stream_id)
            if row is None:
                return None
            if (row["call"], row["fence"], row["head"]) == (call, fence, head):
                return Lease(state.stream_id, fence, head)
            if (row["fence"], row["head"], row["created"]) != (state.fence, state.head, state.created):
                return None
            if row["status"] in ("complete", "cancelled"):
                return None
            if not (force or row["status"] == "failed" or row["orphaned"]):
                return None
            await connection.execute(
                "UPDATE unbroken_streams SET fence = $2, head = $3, status = 'live', ended = NULL, stopping = false, "
                "size = size + $4, holder = $5, lease = make_interval(secs => $6), touched = clock_timestamp(), "
                "call = $7 WHERE n = $1",
                *(row["n"], fence, head, len(entry), self._worker, lease, call),
            )
            await _write(connection, row["n"], fence, head, [entry])
            await _notify(connection, state.stream_id)
        return Lease(state.stream_id, fence, head)

    async def append(self, lease: Lease, entries: Sequence[bytes], *, end: Ended | None = None) -> bool:
        size, head = sum(map(len, entries)), lease.head + len(entries)
        async with self._transaction() as connection:
            # From here on nobody else writes it, until this is committed.
            row = await connection.fetchrow(f"{_STATE} WHERE s.id = $1 FOR UPDATE OF s", lease.stream_id)
            if row is None or row["fence"] < lease.fence or (row["fence"] == lease.fence and row["head"] < lease.head):
                raise StreamGone("the stream is not there any more, or has lost entries that were acknowledged")
            if (row["fence"], row["head"], row["status"]) != (lease.fence, lease.head, "live"):
                if not await _is_done(connection, row, lease, entries, end):
                    raise Fenced("another has taken the stream, or it has ended")
            else:
                if row["size"] + size > self._max_bytes and end is None:
                    raise self._full()
                await connection.execute(
                    "UPDATE unbroken_streams SET head = $2, size = size + $3, touched = clock_timestamp(), "
                    "status = coalesce($4, 'live'), ended = CASE WHEN $4 IS NULL THEN NULL ELSE clock_timestamp() END, "
                    "holder = CASE WHEN holder IS NULL OR $4 IS NOT NULL THEN NULL ELSE $5::int END WHERE n = $1",
                    *(row["n"], head, size, end, self._worker),
                )
                await _write(connection, row["n"], lease.fence, lease.head + 1, entries)
                await _notify(connection, lease.stream_id)
        lease.head = head
        return bool(row["stopping"])

    async def hold(self, leases: Sequence[Lease], seconds: float) -> Held:
        ids, fences = [lease.stream_id for lease in leases], [lease.fence for lease in leases]
        async with self._transaction() as connection:
            rows = await connection.fetch(
                "UPDATE unbroken_streams s SET holder = $1, lease = make_interval(secs => $2), "
                "touched = clock_timestamp() FROM unnest($3::text[], $4::int[]) h (id, fence) "
                "WHERE s.id = h.id AND s.fence = h.fence AND s.status = 'live' RETURNING s.id, s.stopping",
                *(self._worker, seconds, ids, fences),
            )
        held = {row["id"]: row["stopping"] for row in rows}
        return Held(frozenset(name for name in held if held[name]), frozenset(ids) - held.keys())

    async def release(self, lease: Lease) -> None:
        query = "UPDATE unbroken_streams SET holder = NULL WHERE id = $1 AND fence = $2 AND status = 'live'"
        async with self._transaction() as connection:
            await connection.execute(query, lease.stream_id, lease.fence)
            await _notify(connection, lease.stream_id)

    async def cancel(self, stream_id: str) -> bool:
        query = "UPDATE unbroken_streams SET stopping = true WHERE id = $1 AND status = 'live' RETURNING true"
        async with self._transaction() as connection:
            asked = await connection.fetchval(query, stream_id)
            await _notify(connection, stream_id)
        return bool(asked)

    async def purge(self, *, owner: bytes | None = None, stream_id: str | None = None) -> int:
        what: tuple[object, ...]
        if stream_id is not None:
            where, what = "s.id = $1", (stream_id,)
        elif owner is not None:
            where, what = "s.owner = $1", (owner,)
        else:
            where = (
                "s.ended <= clock_timestamp() - make_interval(secs => $1) OR "
                f"({_ORPHANED} AND s.touched <= clock_timestamp() - make_interval(secs => $2))"
            )
            what = (self._retention, self._orphan_retention)
        found = f"SELECT s.n FROM unbroken_streams s WHERE {where} LIMIT {_PURGED}"
        gone = 0
        while True:
            async with self._transaction() as connection:
                rows = await connection.fetch(
                    f"DELETE FROM unbroken_streams WHERE n IN ({found}) RETURNING id, status", *what
                )
                await _notify(connection, *[row["id"] for row in rows if row["status"] == "live"])
            gone += len(rows)
            if len(rows) < _PURGED:
                return gone

    # -- reading

    async def look(self, stream_id: str) -> StreamState | None:
        batch = await self.read(stream_id, after=0, limit=0)
        return None if batch is None else batch.state

    async def read(self, stream_id: str, *, after: int, limit: int = 1000) -> Batch | None:
        # In one snapshot, so that the state is as old as the entries.
        async with self._transaction(isolation="repeatable_read", readonly=True) as connection:
            row = await connection.fetchrow(f"{_STATE} WHERE s.id = $1", stream_id)
            if row is None:
                return None
            query = "SELECT fence, seq, data FROM unbroken_entries WHERE n = $1 AND seq > $2 ORDER BY seq LIMIT $3"
            entries = await connection.fetch(query, row["n"], after, limit) if limit else []
        return Batch([Entry(each["fence"], each["seq"], each["data"]) for each in entries], _state_of(row))

    async def wait(self, after: Mapping[str, int], seconds: float) -> Collection[str]:
        changed = asyncio.Event()
        self._waiters.add(changed)
        try:
            async with asyncio.timeout(seconds):
                await self._listen()
                while not (news := await self._news(after)):
                    await changed.wait()
                    changed.clear()
                return news
        except TimeoutError:
            return []
        finally:
            self._waiters.discard(changed)

    async def orphans(self, limit: int = 100) -> list[str]:
        query = f"SELECT s.id FROM unbroken_streams s WHERE {_ORPHANED} ORDER BY s.created, s.id LIMIT $1"
        async with self._transaction() as connection:
            return [row["id"] for row in await connection.fetch(query, limit)]

    async def streams(self, *, after: str = "", limit: int = 1000) -> list[StreamState]:
        async with self._transaction() as connection:
            rows = await connection.fetch(f"{_STATE} WHERE s.id > $1 ORDER BY s.id LIMIT $2", after, limit)
        return [_state_of(row) for row in rows]

    # -- inside

    @asynccontextmanager
    async def _transaction(self, **options: Any) -> AsyncIterator[Any]:
        if self._pool is None:
            raise JournalError("the journal is not open")
        with _translated():
            async with self._pool.acquire(timeout=self._timeout) as connection, connection.transaction(**options):
                yield connection

    @asynccontextmanager
    async def _once(self, *key: Hashable) -> AsyncIterator[int]:
        """A name for the call; one whose answer was lost has the same when it is made again."""
        call = self._unsure.pop(key, None) or secrets.randbits(62)
        try:
            yield call
        except JournalUnavailable:
            self._unsure[key] = call
            raise

    async def _news(self, after: Mapping[str, int]) -> list[str]:
        query = (
            "SELECT a.id FROM unnest($1::text[], $2::int[]) a (id, head) LEFT JOIN unbroken_streams s ON s.id = a.id "
            "WHERE s.head IS DISTINCT FROM a.head"
        )
        async with self._transaction() as connection:
            return [row["id"] for row in await connection.fetch(query, list(after), list(after.values()))]

    async def _listen(self) -> None:
        """Have the connection that hears news, and whose lock shows that this worker is there."""
        async with self._listening:
            if self._listener is None or self._listener.is_closed():
                with _translated():
                    self._listener = await asyncpg.connect(
                        self._dsn, timeout=self._timeout, command_timeout=self._timeout
                    )
                    self._listener.add_termination_listener(self._wake)
                    await self._listener.execute("SELECT pg_advisory_lock($1::int, $2::int)", _LOCKS, self._worker)
                    await self._listener.add_listener(_CHANNEL, self._wake)

    def _wake(self, *_: object) -> None:
        for changed in self._waiters:
            changed.set()

    async def _close(self) -> None:
        pool, self._pool, listener, self._listener = self._pool, None, self._listener, None
        if listener is not None:
            listener.terminate()
        if pool is not None:
            pool.terminate()

    def _full(self) -> JournalFull:
        return JournalFull(f"a stream may have {self._max_bytes} bytes at the most")


class _translated:  # noqa: N801 - it is used as a function is
    """What goes wrong, as the journal's own errors; what the server says is left out, for it may quote entries."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        away = (OSError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError)
        again = (asyncpg.TransactionRollbackError, asyncpg.TooManyConnectionsError)
        if isinstance(error, asyncpg.InsufficientResourcesError) and not isinstance(error, again):
            raise JournalFull("PostgreSQL has no room left") from None
        if isinstance(error, (*away, *again)):
            raise JournalUnavailable(f"PostgreSQL is away ({type(error).__name__})") from None
        if isinstance(error, asyncpg.PostgresError):
            raise JournalError(f"PostgreSQL has refused that ({type(error).__name__})") from None


async def _write(connection: Any, n: int, fence: int, first: int, entries: Sequence[bytes]) -> None:
    await connection.execute(
        "INSERT INTO unbroken_entries (n, seq, fence, data) "
        "SELECT $1, $2 + e.number - 1, $3, e.data FROM unnest($4::bytea[]) WITH ORDINALITY e (data, number)",
        *(n, first, fence, list(entries)),
    )


async def _is_done(connection: Any, row: Any, lease: Lease, entries: Sequence[bytes], end: Ended | None) -> bool:
    """Whether this very append was made before, and its answer was lost."""
    if (row["fence"], row["head"], row["status"]) != (lease.fence, lease.head + len(entries), end or "live"):
        return False
    query = "SELECT data FROM unbroken_entries WHERE n = $1 AND seq > $2 AND fence = $3 ORDER BY seq"
    return [each["data"] for each in await connection.fetch(query, row["n"], lease.head, lease.fence)] == list(entries)


async def _notify(connection: Any, *ids: str) -> None:
    for name in ids:
        await connection.execute("SELECT pg_notify($1, $2)", _CHANNEL, name)


def _state_of(row: Any) -> StreamState:
    names = ("fence", "head", "status", "fingerprint", "owner", "orphaned", "stopping", "created", "ended", "size")
    return StreamState(stream_id=row["id"], **{name: row[name] for name in names})
