"""A process that dies is known to be gone at once; one that only connects again is not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from harness import until
from redis_server import RedisServer, eventually
from unbroken.journal import JournalError, Lease
from unbroken.journal.redis import RedisJournal

Journals = Callable[..., RedisJournal]


async def held(journal: RedisJournal, name: str = "a/1", lease: float = 1000) -> Lease:
    got = await journal.create(name, b"first", fingerprint=b"", owner=b"", lease=lease)
    assert isinstance(got, Lease)
    return got


async def orphaned(journal: RedisJournal, *names: str) -> bool:
    """Whether these, and no others, may be taken."""
    return await journal.orphans() == list(names)


def listeners(server: RedisServer, journal: RedisJournal) -> int:
    channel = f"{journal._base}:alive:{journal._session.worker}"
    return int(server.command("PUBSUB", "SHARDNUMSUB", channel)[1])


def marked(server: RedisServer, journal: RedisJournal, worker: str, first: float, last: float) -> None:
    """As if somebody had missed it from so many seconds ago to so many."""
    seconds, micros = server.command("TIME")
    now = int(seconds) * 1000 + int(micros) // 1000
    server.command("HSET", f"{journal._base}:absent", worker, f"{now - first * 1000:.0f} {now - last * 1000:.0f}")


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
async def test_a_killed_writer_is_gone_within_a_second(journals: Journals, start_worker: Callable[..., Any]) -> None:
    """Not before `absence` is over, and long before the lease is."""
    async with journals() as journal, anyio.create_task_group() as tasks:
        worker = start_worker(journal, "hold", "a/1", 100_000)
        assert worker.heard() == "holds a/1"
        state = await journal.look("a/1")
        assert state is not None
        assert not state.orphaned
        assert await journal.orphans() == []
        woken: list[Any] = []

        async def wait() -> None:
            woken.append(await journal.wait({"a/1": 1}, 10_000))

        tasks.start_soon(wait)
        began = time.monotonic()
        worker.kill()
        await eventually(lambda: orphaned(journal, "a/1"))
        assert time.monotonic() - began >= 0.7
        await until(lambda: bool(woken))  # its readers are told, too
        state = await journal.look("a/1")
        assert state is not None
        assert state.orphaned
        assert await journal.take(state, b"taken", lease=60) == Lease("a/1", 2, 2)
        assert await journal.orphans() == []


@pytest.mark.anyio
async def test_a_reader_alone_finds_out_as_well(journals: Journals, server: RedisServer) -> None:
    """Whoever looks tells the others, for there may be no host that asks for orphans."""
    writer = RedisJournal(server.url)
    async with RedisJournal(server.url, absence=0.2) as reader:
        async with writer:
            lease = await held(writer)
            writer._session.worker = "none"  # it leaves without saying so
            writer._session._common = (writer._base, "none", 200)
        assert listeners(server, reader) == 1

        async def read() -> bool:
            batch = await reader.read("a/1", after=0)
            return batch is not None and batch.state.orphaned

        await eventually(read)
        state = await reader.look("a/1")
        assert state is not None
        assert await reader.take(state, b"x", lease=60) == Lease("a/1", 2, lease.head + 1)


@pytest.mark.anyio
async def test_a_worker_that_connects_again_was_never_gone(server: RedisServer) -> None:
    async with (
        RedisJournal(server.url, prefix="x") as writer,
        RedisJournal(server.url, prefix="x", absence=60) as other,
    ):
        lease = await held(writer)
        (theirs,) = {(await each._session.commands.connection()).client_id for each in (other,)}
        for _ in range(5):
            for client in server.clients("unbroken"):
                if int(client["id"]) != theirs:
                    server.command("CLIENT", "KILL", "ID", client["id"])
            state = await other.look("a/1")
            assert state is not None
            assert not state.orphaned
            await until(lambda: listeners(server, writer) == 1)  # by itself: nothing is asked of it
            assert await other.orphans() == []
            assert server.command("HGETALL", "{unbroken}:absent") == []
        assert not await writer.append(lease, [b"x"])


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("first", "last", "is_gone"),
    [
        (100.0, 0.5, True),
        (1.5, 0.1, True),
        (0.2, 0.1, False),  # not for as long as that
        (100.0, 50.0, False),  # nobody has looked since: it may have been back
    ],
)
async def test_only_who_is_missed_all_the_time_is_gone(
    server: RedisServer, first: float, last: float, is_gone: bool
) -> None:
    async with (
        RedisJournal(server.url, prefix="x", absence=20) as slow,
        RedisJournal(server.url, prefix="x") as journal,
    ):
        await held(slow)
        worker = slow._session.worker
        await slow._session._presence.close()  # type: ignore[union-attr]
        slow._session.commands.drop(await slow._session.commands.connection())
        await until(lambda: listeners(server, slow) == 0)
        marked(server, journal, worker, first, last)
        assert await journal.orphans() == (["a/1"] if is_gone else [])
        since, until_when = server.command("HGET", "{x}:absent", worker).split()
        assert (int(until_when) - int(since) > 1000) == is_gone


@pytest.mark.anyio
@pytest.mark.slow
async def test_a_writer_that_hangs_is_found_out_by_its_lease(
    journals: Journals, start_worker: Callable[..., Any]
) -> None:
    """Its connection is there, for the kernel keeps it."""
    async with journals() as journal:
        worker = start_worker(journal, "hold", "a/1", 0.5)
        assert worker.heard() == "holds a/1"
        worker.pause()
        await eventually(lambda: orphaned(journal, "a/1"))
        worker.resume()


@pytest.mark.anyio
async def test_without_presence_only_the_lease_tells(server: RedisServer) -> None:
    async with RedisJournal(server.url, prefix="x", absence=None) as writer:
        await held(writer, "a/1", lease=1000)
        await held(writer, "a/2", lease=0.01)
        assert listeners(server, writer) == 0
        async with RedisJournal(server.url, prefix="x", absence=None) as journal:
            await eventually(lambda: orphaned(journal, "a/2"))
            assert server.command("HGETALL", "{x}:absent") == []


@pytest.mark.anyio
async def test_a_user_who_may_not_subscribe_is_told_so(server: RedisServer) -> None:
    server.command("ACL", "SETUSER", "some", "on", ">secret", "+@all", "~*", "resetchannels")
    url = server.url.replace("redis://", "redis://some:secret@")
    with pytest.raises(JournalError, match="does not let this user do what a journal needs"):
        async with RedisJournal(url):
            pass
    async with RedisJournal(url, absence=None) as journal:
        await held(journal)


@pytest.mark.anyio
async def test_marks_of_workers_that_are_long_gone_are_deleted(server: RedisServer) -> None:
    async with RedisJournal(server.url, prefix="x") as journal:
        marked(server, journal, "old", 7300, 3700)
        marked(server, journal, "new", 7300, 3500)
        await journal.purge()
    assert server.command("HKEYS", "{x}:absent") == [b"new"]
