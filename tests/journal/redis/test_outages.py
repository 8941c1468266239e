"""What servers, networks and processes do to a journal: nothing is ever doubled, torn or written behind a gap."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import pytest

from harness import until
from redis_server import RedisServer, eventually
from unbroken.journal import (
    Fenced,
    Journal,
    JournalError,
    JournalUnavailable,
    Lease,
    StreamGone,
    StreamState,
)
from unbroken.journal.redis import RedisJournal

pytestmark = pytest.mark.anyio

StartServer = Callable[..., RedisServer]
StartWorker = Callable[..., Any]


async def begun(journal: Journal, name: str = "a/1", lease: float | None = 1000.0) -> Lease:
    got = await journal.create(name, b"1", fingerprint=b"", owner=b"", lease=lease)
    assert isinstance(got, Lease)
    return got


async def state_of(journal: Journal, name: str = "a/1") -> StreamState:
    state = await journal.look(name)
    assert state is not None
    return state


async def data_of(journal: Journal, name: str = "a/1") -> list[bytes]:
    batch = await journal.read(name, after=0, limit=1_000_000)
    assert batch is not None
    assert [entry.seq for entry in batch.entries] == list(range(1, batch.state.head + 1))
    return [entry.data for entry in batch.entries]


async def stubbornly(call: Callable[[], Any], *, seconds: float = 120) -> Any:
    """Ask until the journal is there: with the same arguments, as its callers do."""
    with anyio.fail_after(seconds):
        while True:
            with suppress(JournalUnavailable):
                return await call()
            await anyio.sleep(0.01)


def numbers(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(1, count + 1)]


async def write(journal: Journal, lease: Lease, upto: int, chance: random.Random) -> None:
    """Numbers, one entry each, in batches of any size."""
    while lease.head < upto:
        count = min(chance.randint(1, 5), upto - lease.head)
        entries = [b"%d" % (lease.head + 1 + each) for each in range(count)]
        await stubbornly(lambda: journal.append(lease, entries))  # noqa: B023 - awaited at once


# -- connections


@pytest.mark.parametrize("killed", ["unbroken", "unbroken-tail"])
async def test_connections_that_are_killed_at_any_moment_lose_nothing(server: RedisServer, killed: str) -> None:
    """In mid-append and in mid-wait, over and over, with readers that follow in another process's way."""
    streams, upto = 8, 60
    async with RedisJournal(server.url) as writer, RedisJournal(server.url) as reader:
        leases = [await begun(writer, f"a/{number}") for number in range(streams)]
        seen: dict[str, list[bytes]] = {lease.stream_id: [] for lease in leases}
        written = anyio.Event()

        async def write_all() -> None:
            async with anyio.create_task_group() as tasks:
                for number, lease in enumerate(leases):
                    tasks.start_soon(write, writer, lease, upto, random.Random(number))
            written.set()

        async def kill() -> None:
            while not written.is_set():
                for client in server.clients(killed):
                    server.command("CLIENT", "KILL", "ID", client["id"])
                await anyio.sleep(0.02)

        async def read() -> None:
            while after := {name: len(data) for name, data in seen.items() if len(data) < upto}:
                news = await stubbornly(lambda: reader.wait(after, 10))
                for name in news:
                    batch = await stubbornly(lambda: reader.read(name, after=len(seen[name])))  # noqa: B023
                    assert [entry.seq for entry in batch.entries] == list(
                        range(len(seen[name]) + 1, len(seen[name]) + 1 + len(batch.entries))
                    )
                    seen[name] += [entry.data for entry in batch.entries]

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write_all)
            tasks.start_soon(kill)
            tasks.start_soon(read)
        for lease in leases:
            assert seen[lease.stream_id] == await data_of(reader, lease.stream_id) == numbers(upto)


@pytest.mark.parametrize("seconds", [0.4, pytest.param(3.0, marks=pytest.mark.slow)])
async def test_a_server_that_hangs_for_a_while_is_waited_for(server: RedisServer, seconds: float) -> None:
    """Longer than it may take for an answer, by far: what was under way is done once."""
    async with RedisJournal(server.url, timeout=0.1) as journal, RedisJournal(server.url, timeout=0.1) as reader:
        lease = await begun(journal)

        async def hang() -> None:
            for _ in range(3 if seconds < 1 else 1):
                server.pause()
                await anyio.sleep(seconds)
                server.resume()
                await stubbornly(lambda: reader.look("a/1"))
                await anyio.sleep(0.05)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(hang)
            tasks.start_soon(write, journal, lease, 300, random.Random(1))
        assert await stubbornly(lambda: data_of(reader)) == numbers(300)


# -- processes


@pytest.mark.slow
async def test_of_many_processes_one_takes_a_stream(shared_server: RedisServer, start_worker: StartWorker) -> None:
    async with RedisJournal(shared_server.url, prefix="race", timeout=60) as journal:
        await journal.purge(owner=b"")
        for number in range(100):
            await begun(journal, f"race/{number}", lease=None)
        workers = [start_worker(journal, "race", 100) for _ in range(2)]
        assert [worker.heard() for worker in workers] == ["ready", "ready"]
        for worker in workers:
            worker.begin()
        got: list[str] = []
        for worker in workers:  # they keep what they have got until they end
            while (line := worker.heard()) != "done":
                got.append(line)
        assert sorted(got) == sorted(f"got {number}" for number in range(100))
        for number in range(100):
            state = await state_of(journal, f"race/{number}")
            assert (state.fence, state.head) == (2, 2)


@pytest.mark.slow
async def test_a_writer_that_is_killed_has_written_all_it_was_told(
    shared_server: RedisServer, start_worker: StartWorker
) -> None:
    async with RedisJournal(shared_server.url, prefix="killed", timeout=60, absence=0.3) as journal:
        for turn in range(3):
            worker = start_worker(journal, "write", f"a/{turn}")
            told = 0
            while told < 50:
                told = int(worker.heard())
            worker.kill()
            await eventually(lambda: _is_orphaned(journal, f"a/{turn}"))  # noqa: B023 - awaited at once
            data = await data_of(journal, f"a/{turn}")
            assert len(data) >= told
            assert data[1:] == numbers(len(data))[1:]
            await journal.purge(stream_id=f"a/{turn}")


async def _is_orphaned(journal: Journal, name: str) -> bool:
    return name in await journal.orphans() and (await state_of(journal, name)).orphaned


@pytest.mark.slow
async def test_a_writer_that_was_stopped_and_wakes_writes_nothing(
    shared_server: RedisServer, start_worker: StartWorker
) -> None:
    """It was declared dead by mistake, or rightly: the fence is what counts."""
    async with RedisJournal(shared_server.url, prefix="zombie", timeout=60) as journal:
        worker = start_worker(journal, "write", "a/1")
        while int(worker.heard()) < 20:
            pass
        worker.pause()
        taken = None
        while taken is None:
            taken = await journal.take(await state_of(journal), b"taken", lease=60, force=True)
        before = await data_of(journal)
        worker.resume()
        worker.process.wait(60)  # it is told, and dies of it
        await journal.append(taken, [b"mine"])
        assert await data_of(journal) == [*before, b"mine"]
        await journal.purge(stream_id="a/1")


# -- servers that forget

#: A replica is sent what there is without waiting for others.
AT_ONCE = ("--repl-diskless-sync-delay", "0")


async def test_a_server_that_forgets_everything(server: RedisServer) -> None:
    """A stream that is gone is not written behind a gap; its id is free."""
    async with RedisJournal(server.url) as journal, RedisJournal(server.url) as other:
        lease = await begun(journal)
        await journal.append(lease, [b"2", b"3"])
        server.command("FLUSHALL")
        for _ in range(2):
            with pytest.raises(StreamGone):
                await journal.append(lease, [b"4"])
        assert lease.head == 3
        assert (await journal.hold([lease], 60)).lost == {"a/1"}
        assert await journal.read("a/1", after=3) is None
        assert await journal.orphans() == []
        assert await journal.streams() == []
        await journal.release(lease)
        assert not await journal.cancel("a/1")
        assert await journal.purge() == 0
        again = await begun(other)
        await other.append(again, [b"2", b"3"])
        with pytest.raises(Fenced):  # the same fence, and the same head, but another's
            await journal.append(lease, [b"4"])
        assert await data_of(journal) == [b"1", b"2", b"3"]


async def test_a_server_that_is_killed_and_keeps_all(start_server: StartServer) -> None:
    """What was acknowledged is there, and its writers go on as if nothing had been."""
    server = start_server("--appendonly", "yes", "--appendfsync", "always")
    async with RedisJournal(server.url, timeout=5) as journal:
        lease = await begun(journal)
        await journal.append(lease, [b"2"])
        for upto in (30, 60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(write, journal, lease, upto, random.Random(upto))
                await until(lambda: lease.head > upto - 20)  # noqa: B023 - awaited at once
                server.kill()
                await anyio.to_thread.run_sync(server.start)
        assert await data_of(journal) == numbers(60)
        assert await journal.orphans() == []
        assert not await journal.append(lease, [b"end"], end="complete")


async def test_a_server_that_is_killed_and_keeps_nothing(server: RedisServer) -> None:
    async with RedisJournal(server.url, timeout=5) as journal:
        lease = await begun(journal)
        server.kill()
        with pytest.raises(JournalUnavailable):
            await journal.append(lease, [b"2"])
        server.start()
        with pytest.raises(StreamGone):
            await stubbornly(lambda: journal.append(lease, [b"2"]))
        assert await begun(journal) == Lease("a/1", 1, 1)


@asynccontextmanager
async def rewound(start_server: StartServer, *, by: str) -> AsyncIterator[tuple[RedisServer, RedisJournal, Lease]]:
    """A server that had acknowledged entries 4 to 6 of a stream, or a takeover, and does not know of them any more."""
    server = start_server()
    async with RedisJournal(server.url, timeout=5) as journal:
        lease = await begun(journal)
        await journal.append(lease, [b"2", b"3"])
        server.command("SAVE")
        if by == "entries":
            await journal.append(lease, [b"4", b"5", b"6"])
        elif by == "takeover":
            taken = await journal.take(await state_of(journal), b"taken", lease=60, force=True)
            assert taken is not None
            lease = taken
        server.kill()
        server.start()
        await stubbornly(lambda: journal.look("a/1"))
        yield server, journal, lease


async def test_a_server_that_has_lost_the_last_entries(start_server: StartServer) -> None:
    """As after a fail-over to a replica that was behind."""
    async with rewound(start_server, by="entries") as (server, journal, lease):
        assert lease.head == 6
        batch = await journal.read("a/1", after=6)
        assert batch is not None
        assert (list(batch.entries), batch.state.head) == ([], 3)
        assert list(await journal.wait({"a/1": 6}, 1000)) == ["a/1"]
        for entries in ([b"7"], [b"4", b"5", b"6"]):
            with pytest.raises(StreamGone, match="lost a part"):
                await journal.append(lease, entries)
        assert (await journal.hold([lease], 60)).lost == {"a/1"}
        assert await data_of(journal) == [b"1", b"2", b"3"]
        async with RedisJournal(server.url) as other:
            taken = await other.take(await state_of(other), b"taken", lease=60, force=True)
            assert taken == Lease("a/1", 2, 4)
            with pytest.raises(Fenced):
                await journal.append(lease, [b"7"])
            await other.append(taken, [b"5"], end="complete")
            assert await data_of(other) == [b"1", b"2", b"3", b"taken", b"5"]


async def test_a_server_that_has_lost_a_takeover_lets_one_of_two_write(start_server: StartServer) -> None:
    """Both have been given the same fence. The second is the writer, also where its head is that of the first."""
    async with rewound(start_server, by="takeover") as (server, journal, first):
        assert first == Lease("a/1", 2, 4)
        with pytest.raises(StreamGone):
            await journal.append(first, [b"zombie"])
        async with RedisJournal(server.url) as other:
            second = await other.take(await state_of(other), b"taken", lease=60, force=True)
            assert second == first
            with pytest.raises(Fenced):
                await journal.append(first, [b"zombie"])
            assert (await journal.hold([first], 60)).lost == {"a/1"}
            await journal.release(first)
            assert await other.orphans() == []
            await other.append(second, [b"5"])
            assert await data_of(journal) == [b"1", b"2", b"3", b"taken", b"5"]


async def test_a_replica_that_takes_over_without_the_tail(start_server: StartServer) -> None:
    """A real one, which was cut off before the last entries; clients find it where the primary was."""
    primary, replica = start_server(*AT_ONCE), start_server(*AT_ONCE)
    replica.command("REPLICAOF", "127.0.0.1", primary.port)
    await until(lambda: b"master_link_status:up" in replica.command("INFO", "replication"))
    async with RedisJournal(primary.url, timeout=5) as journal:
        lease, ended = await begun(journal), await begun(journal, "a/2")
        await journal.append(lease, [b"2", b"3"])
        await journal.append(ended, [b"2"], end="complete")
        await until(lambda: offset(primary, "master_repl_offset") == offset(replica, "slave_repl_offset"))
        replica.command("REPLICAOF", "NO", "ONE")
        await journal.append(lease, [b"4", b"5"])
        waiting: list[Any] = []

        async def wait() -> None:
            waiting.append(await journal.wait({"a/1": 5}, 1000))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await until(lambda: any("b" in each["flags"] for each in primary.clients("unbroken-tail")))
            primary.kill()
            replica.command("SAVE")
            replica.kill()
            replica.port = primary.port
            replica.start()
            await until(lambda: bool(waiting))
        assert waiting == [["a/1"]]
        batch = await stubbornly(lambda: journal.read("a/1", after=5))
        assert (batch.entries, batch.state.head) == ([], 3)
        with pytest.raises(StreamGone):
            await journal.append(lease, [b"6"])
        assert (await state_of(journal, "a/2")).status == "complete"
        taken = await journal.take(await state_of(journal), b"taken", lease=60, force=True)
        assert taken == Lease("a/1", 2, 4)
        with pytest.raises(Fenced):
            await journal.append(lease, [b"6"])


def offset(server: RedisServer, name: str) -> int:
    return int(server.command("INFO", "replication").decode().partition(f"{name}:")[2].split()[0])


async def test_a_primary_that_becomes_a_replica_is_unavailable_until_it_is_one_again(
    start_server: StartServer,
) -> None:
    server, other = start_server(*AT_ONCE), start_server(*AT_ONCE)
    async with RedisJournal(server.url, timeout=5) as journal:
        lease = await begun(journal)
        waiting: list[Any] = []

        async def wait() -> None:
            waiting.append(await journal.wait({"a/1": 1}, 1000))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await until(lambda: any("b" in each["flags"] for each in server.clients("unbroken-tail")))
            other.command("REPLICAOF", "127.0.0.1", server.port)
            await until(lambda: b"master_link_status:up" in other.command("INFO", "replication"))
            other.command("REPLICAOF", "NO", "ONE")
            server.command("REPLICAOF", "127.0.0.1", other.port)
            await until(lambda: bool(waiting))
        with pytest.raises(JournalUnavailable, match=r"is a replica by now|has closed the connection"):
            await journal.append(lease, [b"2"])
        await until(lambda: b"master_link_status:up" in server.command("INFO", "replication"))
        with pytest.raises(JournalUnavailable, match="is a replica by now"):
            await stubbornly_other_than("closed the connection", lambda: journal.append(lease, [b"2"]))
        server.command("REPLICAOF", "NO", "ONE")
        assert not await stubbornly(lambda: journal.append(lease, [b"2"]))
        assert await data_of(journal) == [b"1", b"2"]


async def stubbornly_other_than(words: str, call: Callable[[], Any]) -> Any:
    while True:
        try:
            return await call()
        except JournalError as error:
            if words not in str(error):
                raise


@pytest.mark.slow
async def test_a_cluster_has_a_whole_journal_on_one_of_its_nodes(start_server: StartServer) -> None:
    """Whichever node the URL names: its streams, the wait for them, and who is there."""
    nodes = [start_server("--cluster-enabled", "yes") for _ in range(3)]
    for number, node in enumerate(nodes):
        node.command("CLUSTER", "ADDSLOTSRANGE", number * 5461, 16383 if number == 2 else number * 5461 + 5460)
        nodes[0].command("CLUSTER", "MEET", "127.0.0.1", node.port)
    for node in nodes:
        await until(lambda: b"cluster_state:ok" in node.command("CLUSTER", "INFO"))  # noqa: B023 - awaited at once
        await until(lambda: b"cluster_known_nodes:3" in node.command("CLUSTER", "INFO"))  # noqa: B023
    async with (
        RedisJournal(nodes[0].url, timeout=60) as writer,
        RedisJournal(nodes[1].url, timeout=60) as reader,
        RedisJournal(nodes[2].url, timeout=60) as third,
        anyio.create_task_group() as tasks,
    ):
        lease = await begun(writer)
        await begun(writer, "a/2", lease=None)
        news: list[Any] = []

        async def wait() -> None:
            news.append(await reader.wait({"a/1": 1, "a/2": 1}, 1000))

        tasks.start_soon(wait)
        await until(lambda: any("b" in each["flags"] for node in nodes for each in node.clients("unbroken-tail")))
        await writer.append(lease, [b"2"])
        await until(lambda: bool(news))
        assert news == [["a/1"]]
        assert await third.orphans() == ["a/2"]
        assert await data_of(third) == [b"1", b"2"]
        assert sorted(len(node.clients("unbroken")) for node in nodes) == [0, 0, 3]
        assert not (await state_of(third)).orphaned
        home = next(node for node in nodes if node.clients("unbroken"))
        assert home.command("PUBSUB", "SHARDNUMSUB", f"{{unbroken}}:alive:{writer._session.worker}")[1] == 1
