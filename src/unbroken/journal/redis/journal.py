"""The journal in Redis: what each method asks the server for."""

from __future__ import annotations

import math
import ssl
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from types import TracebackType
from typing import Final, Self

import anyio
import anyio.to_thread

from ..errors import Fenced, JournalError, JournalFull, StreamGone
from ..options import MAX_BYTES, ORPHAN_RETENTION, RETENTION, Options
from ..protocol import Batch, Codec, Ended, Held, Lease, StreamState
from .address import Address
from .claims import RedisLease, proof_of
from .prefix import check_prefix
from .session import Session
from .states import batch_of, state_of

__all__ = ["RedisJournal"]

#: How long a worker's connection may be away before what it holds is for others, in seconds: several times what it
#: takes to connect again, and so little that with `orphan_poll` on top a killed worker's streams are taken in a second.
_ABSENCE: Final = 0.7
#: How long the server may take for an answer, in seconds: less than half of a stream's patience (`journal_patience`).
_TIMEOUT: Final = 2.0
#: Keys are kept longer than streams, in seconds: an append sets their time to live only once a minute (`base.lua`), and
#: `purge` tells how many it has deleted, if anybody calls it in time.
_MARGIN: Final = 120.0

#: So many streams are looked at in one script, at most: others wait meanwhile.
_STEP: Final = 200
#: What is kept without end is kept a hundred years, in seconds.
_FOREVER: Final = 100 * 365 * 24 * 3600.0


class RedisJournal:
    """Streams in Redis 7 or later, or in Valkey: for many processes, on many machines.

    It is as safe as the server is: one that is killed loses what it has not written to its disk, by default up to a
    second of it. A stream that has lost acknowledged entries is never written again (`StreamGone`).

    The server should be set to `noeviction`; a warning is logged where it is not. All keys have one hash tag,
    `{prefix}`, so that a journal is on one node of a cluster. A process has one connection for all it does, which also
    shows others that it is there, and one more while it waits for news.

    A user of few rights needs `~{prefix}*`, `&{prefix}:*` and `+@read +@write +@fast +@connection +@pubsub +@scripting
    -@dangerous +client|unblock`.

    Args:
        url: `redis://[[user]:password@]host[:port][/database]`, `rediss://` for TLS, or `unix://…/path`. User and
            password may be percent-encoded; no error, log or `repr` shows them.
        prefix: What the names of all keys begin with, in braces: 1 to 100 of `[A-Za-z0-9._:/-]`.
        retention: How long a stream is kept after its end, in seconds. Default: 24 hours.
        orphan_retention: How long one is kept that nobody writes any more, in seconds. Default: 7 days.
        max_bytes: The most that the entries of one stream may have together. Default: 8 MiB.
        codec: Applied to every entry. None: they are kept as they are.
        absence: Seconds for which a worker's connection has to be away until what it holds may be taken. Default: 0.7.
            None: nobody looks; only leases tell, for servers without `PUBSUB SHARDNUMSUB`.
        timeout: Seconds in which the server has to answer, else `JournalUnavailable`. Default: 2.
        ssl_context: For `rediss://`. None: the system's certificates, and the host's name has to be theirs.

    Entering it raises:
        JournalUnavailable: The server cannot be reached.
        JournalError: It is too old, does not let this user in, or has streams of another version of this library.

    Raises:
        ValueError: The URL cannot be read, or another argument is out of range.
        TypeError: An argument has the wrong type.
        ImportError: The extra `redis` is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "unbroken",
        retention: float = RETENTION,
        orphan_retention: float = ORPHAN_RETENTION,
        max_bytes: int = MAX_BYTES,
        codec: Codec | None = None,
        absence: float | None = _ABSENCE,
        timeout: float = _TIMEOUT,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        if find_spec("coredis") is None:
            raise ImportError("RedisJournal needs the extra `redis`: pip install 'unbroken[redis]'")
        check_prefix(prefix)
        self._options = Options(retention=retention, orphan_retention=orphan_retention, max_bytes=max_bytes)
        _check_seconds("timeout", timeout)
        if absence is not None:
            _check_seconds("absence", absence)
        self.codec: Codec | None = codec
        self.orphan_poll: float = 0.25
        self._address = Address(url, ssl_context)
        self._prefix = prefix
        self._base = f"{{{prefix}}}"
        self._absence = absence
        self._timeout = timeout
        self._open: Session | None = None

    def __repr__(self) -> str:
        return f"RedisJournal({str(self._address)!r}, prefix={self._prefix!r})"

    async def __aenter__(self) -> Self:
        if self._open is not None:
            raise JournalError("the journal is open already")
        await anyio.to_thread.run_sync(import_module, "coredis")  # it takes a second
        limits = (self._options.max_bytes, self._ttl, _ms(self._options.retention + _MARGIN))
        session = Session(self._address, self._base, self._absence, self._timeout, limits)
        try:
            await session.start()
        except BaseException:
            await session.close()
            raise
        self._open = session
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        session, self._open = self._open, None
        if session is not None:
            await session.close()

    # -- writing

    async def create(
        self, stream_id: str, entry: bytes, *, fingerprint: bytes, owner: bytes, lease: float | None
    ) -> Lease | StreamState:
        session = self._session
        if len(entry) > self._options.max_bytes:
            state = await self.look(stream_id)
            if state is not None:
                return state
            raise JournalFull(_full(self._options))
        got = RedisLease(stream_id, 1, 1)
        reply = await session.claims.claim("create", got, fingerprint, owner.hex(), _ms(lease or 0), self._ttl, entry)
        return got if reply == 1 else state_of(stream_id, reply)

    async def take(self, state: StreamState, entry: bytes, *, lease: float, force: bool = False) -> Lease | None:
        got = RedisLease(state.stream_id, state.fence + 1, state.head + 1)
        created = round(state.created * 1_000_000)
        reply = await self._session.claims.claim(
            "take", got, state.fence, state.head, created, _ms(lease), int(force), self._ttl, entry
        )
        return got if reply == 1 else None

    async def append(self, lease: Lease, entries: Sequence[bytes], *, end: Ended | None = None) -> bool:
        code = await self._session.commits.append(lease, entries, end)
        match code:
            case 2:
                raise Fenced("another has taken the stream, or it has ended")
            case 3:
                raise StreamGone("the stream is not there any more, or the server has lost a part of it")
            case 4:
                raise JournalFull(_full(self._options))
        lease.head += len(entries)
        return code == 1

    async def hold(self, leases: Sequence[Lease], seconds: float) -> Held:
        stop: set[str] = set()
        lost: set[str] = set()
        for start in range(0, len(leases), _STEP):
            some = leases[start : start + _STEP]
            proofs = (each for lease in some for each in proof_of(lease))
            codes = await self._session.run("hold", _ms(seconds), self._ttl, *proofs)
            for lease, code in zip(some, codes, strict=True):
                if code == 1:
                    stop.add(lease.stream_id)
                elif code == 2:
                    lost.add(lease.stream_id)
        return Held(frozenset(stop), frozenset(lost))

    async def release(self, lease: Lease) -> None:
        await self._session.run("release", *proof_of(lease))

    async def cancel(self, stream_id: str) -> bool:
        return bool(await self._session.run("cancel", stream_id))

    async def purge(self, *, owner: bytes | None = None, stream_id: str | None = None) -> int:
        what: tuple[str | int, ...]
        if stream_id is not None:
            what = ("id", stream_id)
        elif owner is not None:
            what = ("owner", owner.hex())
        else:
            what = ("over", _ms(self._options.retention), _ms(self._options.orphan_retention))
        deleted, more = 0, 1
        while more:
            erased, more = await self._session.run("purge", *what)
            deleted += erased
        return deleted

    # -- reading

    async def look(self, stream_id: str) -> StreamState | None:
        batch = await self.read(stream_id, after=0, limit=0)
        return None if batch is None else batch.state

    async def read(self, stream_id: str, *, after: int, limit: int = 1000) -> Batch | None:
        session = self._session
        reply = await session.run("read", stream_id, after, limit)
        if reply is None:
            session.tail.saw(stream_id, None)
            return None
        batch = batch_of(stream_id, after, reply)
        state = batch.state
        session.tail.saw(stream_id, (state.fence, state.head))
        return batch

    async def wait(self, after: Mapping[str, int], seconds: float) -> Collection[str]:
        return await self._session.tail.wait(after, seconds)

    async def orphans(self, limit: int = 100) -> list[str]:
        return [each.decode() for each in await self._session.run("orphans", limit)]

    async def streams(self, *, after: str = "", limit: int = 1000) -> list[StreamState]:
        found: list[StreamState] = []
        while len(found) < limit:
            last, some = await self._session.run("streams", after, min(limit - len(found), _STEP))
            found += [state_of(name.decode(), state) for name, state in zip(some[::2], some[1::2], strict=True)]
            after = last.decode()
            if not after:
                break
        return found

    # -- inside

    @property
    def _session(self) -> Session:
        if self._open is None:
            raise JournalError("the journal is not open: it is an async context manager")
        return self._open

    @property
    def _ttl(self) -> int:
        return _ms(self._options.orphan_retention + _MARGIN)


def _ms(seconds: float) -> int:
    return math.ceil(min(seconds, _FOREVER) * 1000)


def _full(options: Options) -> str:
    return f"a stream may have {options.max_bytes} bytes at the most"


def _check_seconds(name: str, value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number of seconds, not {value!r}")
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be more than 0 seconds, not {value!r}")
