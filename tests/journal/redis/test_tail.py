"""Waiting for news: what wakes whom, on one connection, however many wait and go away."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from harness import until
from redis_server import RedisServer
from unbroken.journal import Journal, JournalUnavailable, Lease
from unbroken.journal.redis import RedisJournal, tail

pytestmark = pytest.mark.anyio

#: Seconds that a wait may take where something is to wake it: what wakes it late, or never, fails.
LONG = 10_000.0


@pytest.fixture(autouse=True)
def woken_and_not_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A blocked command is not begun anew by itself."""
    monkeypatch.setattr(tail, "_LONGEST", LONG)


async def begun(journal: Journal, *names: str) -> list[Lease]:
    leases = []
    for name in names:
        lease = await journal.create(name, b"first", fingerprint=b"", owner=b"", lease=60)
        assert isinstance(lease, Lease)
        leases.append(lease)
    return leases


class Waiting:
    """A wait in a task of its own."""

    def __init__(self) -> None:
        self.news: Any = None
        self.took = -1.0

    async def run(self, journal: Journal, after: dict[str, int], seconds: float = LONG) -> None:
        began = anyio.current_time()
        self.news = sorted(await journal.wait(after, seconds))
        self.took = anyio.current_time() - began

    @property
    def is_over(self) -> bool:
        return self.news is not None


async def is_blocked(server: RedisServer, journal: RedisJournal) -> None:
    """Return when the journal's waiting connection waits on the server."""
    session = journal._session
    await until(lambda: session.tail._blocked is not None)
    ids = {(await session._blocking.connection()).client_id}
    await until(lambda: any(int(c["id"]) in ids and "b" in c["flags"] for c in server.clients("unbroken-tail")))


Journals = Callable[..., RedisJournal]


async def test_an_append_wakes_who_waits_for_it_and_nobody_else(journals: Journals, shared_server: RedisServer) -> None:
    async with journals() as writer, journals() as reader, anyio.create_task_group() as tasks:
        first, second = await begun(writer, "a/1", "a/2")
        one, two, both = Waiting(), Waiting(), Waiting()
        tasks.start_soon(one.run, reader, {"a/1": 1})
        tasks.start_soon(two.run, reader, {"a/2": 1})
        tasks.start_soon(both.run, reader, {"a/1": 1, "a/2": 1})
        await is_blocked(shared_server, reader)
        await writer.append(second, [b"x"])
        await until(lambda: two.is_over and both.is_over)
        assert (two.news, both.news) == (["a/2"], ["a/2"])
        assert not one.is_over
        await writer.append(first, [b"x"])
        await until(lambda: one.is_over)
        assert one.news == ["a/1"]


async def test_what_is_there_already_is_told_at_once(journals: Journals) -> None:
    async with journals() as writer, journals() as reader:
        first, _ = await begun(writer, "a/1", "a/2")
        await writer.append(first, [b"x", b"y"])
        assert list(await reader.wait({"a/1": 1, "a/2": 1}, LONG)) == ["a/1"]
        assert list(await reader.wait({"a/1": 4, "a/2": 1}, LONG)) == ["a/1"]  # it has lost what somebody has read
        assert list(await reader.wait({"a/2": 1, "missing": 0}, LONG)) == ["missing"]
        assert await reader.read("a/1", after=0) is not None
        assert list(await reader.wait({"a/1": 2}, LONG)) == ["a/1"]


async def test_nothing_is_told_when_time_is_up(journals: Journals) -> None:
    async with journals() as writer, journals() as reader:
        await begun(writer, "a/1")
        for seconds in (0.0, 0.02, 0.2):
            waiting = Waiting()
            await waiting.run(reader, {"a/1": 1}, seconds)
            assert waiting.news == []
            assert waiting.took >= seconds - 0.01  # the clocks of event loops are coarse
        assert list(await reader.wait({}, 0.02)) == []


@pytest.mark.parametrize("how", ["end", "end with an entry", "release", "cancel", "purge", "take"])
async def test_whatever_happens_to_a_stream_wakes_who_waits(
    journals: Journals, shared_server: RedisServer, how: str
) -> None:
    async with journals() as writer, journals() as reader, anyio.create_task_group() as tasks:
        first, _ = await begun(writer, "a/1", "a/2")
        waiting, other = Waiting(), Waiting()
        tasks.start_soon(waiting.run, reader, {"a/1": 1, "a/2": 1})
        tasks.start_soon(other.run, reader, {"a/2": 1})
        await is_blocked(shared_server, reader)
        match how:
            case "end":
                await writer.append(first, [], end="complete")
            case "end with an entry":
                await writer.append(first, [b"x"], end="failed")
            case "release":
                await writer.release(first)
            case "cancel":
                await writer.cancel("a/1")
            case "purge":
                await writer.purge(stream_id="a/1")
            case "take":
                state = await reader.look("a/1")
                assert state is not None
                await reader.take(state, b"x", lease=60, force=True)
        await until(lambda: waiting.is_over)
        assert waiting.news == ["a/1"]
        assert not other.is_over
        tasks.cancel_scope.cancel()


async def test_a_stream_that_has_ended_is_waited_for_like_any_other(
    journals: Journals, shared_server: RedisServer
) -> None:
    """One that has failed may be taken up; whoever waits for it is not woken over and over meanwhile."""
    async with journals() as writer, journals() as reader, anyio.create_task_group() as tasks:
        (first,) = await begun(writer, "a/1")
        await writer.append(first, [b"x"], end="failed")
        waiting = Waiting()
        tasks.start_soon(waiting.run, reader, {"a/1": 2})
        await is_blocked(shared_server, reader)
        state = await writer.look("a/1")
        assert state is not None
        assert await writer.take(state, b"taken", lease=60)
        await until(lambda: waiting.is_over)
        assert waiting.news == ["a/1"]


async def test_who_comes_later_does_not_wait_for_who_came_before(
    journals: Journals, shared_server: RedisServer
) -> None:
    """Neither do those who are there miss anything, nor does anybody wait for one who has gone."""
    async with journals() as writer, journals() as reader, anyio.create_task_group() as tasks:
        leases = await begun(writer, *(f"a/{n}" for n in range(10)))
        waiting = [Waiting() for _ in leases]
        for lease, each in zip(leases, waiting, strict=True):
            tasks.start_soon(each.run, reader, {lease.stream_id: 1})
            await is_blocked(shared_server, reader)
        for lease, each in reversed(list(zip(leases, waiting, strict=True))):
            with anyio.move_on_after(0.01):
                await reader.wait({lease.stream_id: 1}, LONG)
            await writer.append(lease, [b"x"])
            await until(lambda: each.is_over)  # noqa: B023 - awaited at once
            assert each.news == [lease.stream_id]
        assert len(shared_server.clients("unbroken-tail")) == 1


async def test_readers_that_come_and_go_miss_nothing(journals: Journals) -> None:
    """Many streams and readers, each of which gives up and comes again at any moment; two of them at a time."""
    streams, entries = 10, 60
    async with journals() as writer, journals() as journal:
        leases = await begun(writer, *(f"a/{n}" for n in range(streams)))
        chance = random.Random(3)
        waits = 0

        async def write(lease: Lease) -> None:
            for number in range(entries):
                await writer.append(lease, [b"%d" % number])
                if chance.random() < 0.2:
                    await anyio.sleep(chance.random() * 0.01)

        async def read(names: list[str]) -> None:
            nonlocal waits
            at = dict.fromkeys(names, 1)
            while min(at.values()) <= entries:
                waits += 1
                news: Any = []
                with anyio.move_on_after(chance.choice([0.001, 0.005, LONG])):
                    news = await journal.wait({name: head for name, head in at.items() if head <= entries}, LONG)
                for name in news:
                    batch = await journal.read(name, after=at[name], limit=chance.choice([1, 1000]))
                    assert batch is not None
                    assert [entry.data for entry in batch.entries] == [
                        b"%d" % (entry.seq - 2) for entry in batch.entries
                    ]
                    at[name] += len(batch.entries)

        with anyio.fail_after(120):
            async with anyio.create_task_group() as tasks:
                for lease in leases:
                    tasks.start_soon(write, lease)
                for part in (0, 1):
                    tasks.start_soon(read, [lease.stream_id for lease in leases[part::2]])
        assert waits > entries


async def test_the_connection_is_lost_in_mid_wait(journals: Journals, server: RedisServer) -> None:
    """Who waits is woken, and reads; the next wait has another connection."""
    async with RedisJournal(server.url) as journal, anyio.create_task_group() as tasks:
        (lease,) = await begun(journal, "a/1")
        for _ in range(3):
            waiting = Waiting()
            tasks.start_soon(waiting.run, journal, {"a/1": lease.head})
            await is_blocked(server, journal)
            (client,) = server.clients("unbroken-tail")
            server.command("CLIENT", "KILL", "ID", client["id"])
            await until(lambda: waiting.is_over)  # noqa: B023 - awaited at once
            assert waiting.news == ["a/1"]
            await journal.append(lease, [b"x"])
            assert list(await journal.wait({"a/1": lease.head - 1}, LONG)) == ["a/1"]


async def test_a_server_that_is_gone_is_said_so(journals: Journals, server: RedisServer) -> None:
    async with RedisJournal(server.url, timeout=0.5) as journal, anyio.create_task_group() as tasks:
        (lease,) = await begun(journal, "a/1")
        waiting = Waiting()
        tasks.start_soon(waiting.run, journal, {"a/1": 1})
        await is_blocked(server, journal)
        server.kill()
        await until(lambda: waiting.is_over)
        assert waiting.news == ["a/1"]
        for _ in range(2):
            with pytest.raises(JournalUnavailable, match="cannot be reached"):
                await journal.wait({"a/1": 1}, LONG)
        server.start()
        assert list(await journal.wait({"a/1": 1}, LONG)) == ["a/1"]  # it has lost all that it had
        assert lease.head == 1


@pytest.mark.slow
async def test_a_server_that_hangs_keeps_nobody_waiting_longer(
    monkeypatch: pytest.MonkeyPatch, server: RedisServer
) -> None:
    monkeypatch.setattr(tail, "_LONGEST", 0.2)
    async with RedisJournal(server.url, timeout=0.3) as journal, anyio.create_task_group() as tasks:
        (lease,) = await begun(journal, "a/1")
        waiting, short = Waiting(), Waiting()
        tasks.start_soon(waiting.run, journal, {"a/1": 1})
        await is_blocked(server, journal)
        server.pause()
        await short.run(journal, {"a/1": 1}, 0.1)
        assert short.news == []
        await until(lambda: waiting.is_over)  # it does not answer within 0.5 s
        assert waiting.news == ["a/1"]
        with pytest.raises(JournalUnavailable, match="does not answer in time"):
            await journal.wait({"a/1": 1}, LONG)
        server.resume()
        assert lease.head == 1


async def test_a_server_that_forgets_all_is_noticed_when_time_is_up(server: RedisServer) -> None:
    async with RedisJournal(server.url) as journal:
        await begun(journal, "a/1")
        assert list(await journal.wait({"a/1": 1}, 0.01)) == []
        server.command("FLUSHALL")
        assert await journal.read("a/1", after=1) is None
        assert list(await journal.wait({"a/1": 1}, LONG)) == ["a/1"]


@pytest.mark.parametrize("how", [("FLUSHALL",), ("DEL", "{unbroken}:s:a/1"), ("DEL", "{unbroken}:l:a/1")])
async def test_a_server_that_forgets_what_was_seen_is_noticed_by_who_asks_again(
    how: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, server: RedisServer
) -> None:
    """A key that is flushed or evicted wakes nobody."""
    monkeypatch.setattr(tail, "_SURE", 0.0)
    async with RedisJournal(server.url) as journal:
        await begun(journal, "a/1")
        await journal.read("a/1", after=0)
        server.command(*how)
        assert list(await journal.wait({"a/1": 1}, 0.01)) == []
        assert list(await journal.wait({"a/1": 1}, LONG)) == ["a/1"]


async def test_what_was_seen_is_taken_for_true_for_a_while(server: RedisServer) -> None:
    """Who waits over and over asks the server no more than it has to."""
    async with RedisJournal(server.url) as journal:
        await begun(journal, "a/1")
        await journal.read("a/1", after=0)
        before = _scripts(server)
        for _ in range(10):
            assert list(await journal.wait({"a/1": 1}, 0.01)) == []
        assert _scripts(server) - before <= 1


def _scripts(server: RedisServer) -> int:
    """How many scripts it has run."""
    stats = server.command("INFO", "commandstats").decode()
    return int(stats.partition("cmdstat_evalsha:calls=")[2].partition(",")[0])


async def test_a_user_who_may_not_unblock_waits_all_the_same(server: RedisServer) -> None:
    server.command("ACL", "SETUSER", "some", "on", ">secret", "+@all", "-client|unblock", "~*", "&*")
    url = server.url.replace("redis://", "redis://some:secret@")
    async with RedisJournal(url) as journal, anyio.create_task_group() as tasks:
        first, second = await begun(journal, "a/1", "a/2")
        one, two = Waiting(), Waiting()
        tasks.start_soon(one.run, journal, {"a/1": 1})
        await is_blocked(server, journal)
        tasks.start_soon(two.run, journal, {"a/2": 1})
        await until(lambda: one.is_over or journal._session.tail._blocked == {"a/1": (1, 1), "a/2": (1, 1)})
        await journal.append(second, [b"x"])
        await until(lambda: two.is_over)
        assert first.head == 1
        tasks.cancel_scope.cancel()


async def test_of_many_streams_only_the_last_seen_are_kept(monkeypatch: pytest.MonkeyPatch, journals: Journals) -> None:
    monkeypatch.setattr(tail, "_SEEN", 3)
    monkeypatch.setattr(tail, "_STEP", 2)
    async with journals() as writer, journals() as reader, anyio.create_task_group() as tasks:
        leases = await begun(writer, *(f"a/{n}" for n in range(8)))
        waiting = Waiting()
        tasks.start_soon(waiting.run, reader, dict.fromkeys((lease.stream_id for lease in leases), 1))
        await until(lambda: reader._session.tail._blocked is not None)
        assert len(reader._session.tail._seen) == 3
        await writer.append(leases[0], [b"x"])
        await until(lambda: waiting.is_over)
        assert waiting.news == ["a/0"]
