"""Opening and closing: what is looked at first, and what is left to others."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from harness import tasks, until
from redis_server import RedisServer
from unbroken.journal import JournalError, JournalUnavailable, Lease
from unbroken.journal.redis import RedisJournal
from unbroken.journal.redis.address import Address
from unbroken.journal.redis.session import Session

pytestmark = pytest.mark.anyio

Journals = Callable[..., RedisJournal]


async def test_what_is_held_is_for_others_at_once_when_it_is_closed(journals: Journals) -> None:
    """Not a lease, and not the second after which a worker counts as gone: another goes on at once."""
    async with journals() as other:
        async with journals() as journal:
            for number in range(450):  # more than one step
                lease = await journal.create(f"a/{number:03}", b"x", fingerprint=b"", owner=b"", lease=10_000)
                assert isinstance(lease, Lease)
                if number == 0:
                    await journal.append(lease, [], end="complete")
            assert await other.orphans() == []
        assert await other.orphans(1000) == [f"a/{number:03}" for number in range(1, 450)]


async def test_closing_ends_all_that_was_begun(server: RedisServer) -> None:
    before = tasks()
    async with RedisJournal(server.url) as journal:
        await journal.create("a/1", b"x", fingerprint=b"", owner=b"", lease=60)
        async with anyio.create_task_group() as group:
            group.start_soon(journal.wait, {"a/1": 1}, 10_000)
            await until(lambda: any("b" in each["flags"] for each in server.clients("unbroken-tail")))
            group.cancel_scope.cancel()
        assert len(server.clients("unbroken")) == len(server.clients("unbroken-tail")) == 1
    assert tasks() == before
    await until(lambda: server.clients("unbroken") == server.clients("unbroken-tail") == [])


async def test_a_journal_that_is_never_waited_on_has_one_connection(server: RedisServer) -> None:
    async with RedisJournal(server.url) as journal:
        await journal.create("a/1", b"x", fingerprint=b"", owner=b"", lease=60)
        assert [each["name"] for each in server.clients() if each["name"]] == ["unbroken"]


async def test_it_may_be_opened_again_but_not_twice(journals: Journals) -> None:
    journal = journals()
    with pytest.raises(JournalError, match="is not open"):
        await journal.look("a/1")
    for _ in range(2):
        async with journal:
            with pytest.raises(JournalError, match="open already"):
                await journal.__aenter__()
            assert await journal.look("a/1") is None
    with pytest.raises(JournalError, match="is not open"):
        await journal.orphans()


async def test_what_another_version_has_written_is_left_alone(server: RedisServer) -> None:
    async with RedisJournal(server.url, prefix="x"):
        assert server.command("GET", "{x}:schema") == b"1"
    server.command("SET", "{x}:schema", "2")
    with pytest.raises(JournalError, match=r"written by another version of unbroken \(schema '2', not 1\)"):
        async with RedisJournal(server.url, prefix="x"):
            pass
    assert server.key_names() == ["{x}:schema"]
    async with RedisJournal(server.url, prefix="y"):
        pass


async def test_a_server_that_is_too_old_is_refused() -> None:
    session = Session(Address("redis://h"), "{x}", None, 2.0, (1, 1, 1))
    for version in ("6.2.14", None, "5"):
        connection: Any = SimpleNamespace(server_version=version)
        with pytest.raises(JournalError, match=r"is of version \S+; a journal needs 7.0, or Valkey"):
            await session._prepare(connection)
    await session._prepare(SimpleNamespace(server_version="7.0.0"))  # type: ignore[arg-type]
    await session._prepare(SimpleNamespace(server_version="10.0.0"))  # type: ignore[arg-type]


async def test_a_server_that_evicts_is_warned_of(server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    async with RedisJournal(server.url):
        assert [each for each in caplog.records if each.name == "unbroken"] == []
    server.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    server.command("ACL", "SETUSER", "some", "on", ">secret", "+@all", "-info", "~*", "&*")
    async with RedisJournal(server.url.replace("redis://", "redis://some:secret@")):
        assert [each for each in caplog.records if each.name == "unbroken"] == []
    async with RedisJournal(server.url):
        (record,) = (each for each in caplog.records if each.name == "unbroken")
        assert record.levelno == logging.WARNING
        assert record.getMessage() == (
            f"Redis at {server.url} evicts keys when its memory is full (maxmemory-policy allkeys-lru), and streams "
            "with them; set it to noeviction."
        )


async def test_a_server_that_is_not_there_leaves_nothing_open(server: RedisServer) -> None:
    before = tasks()
    server.kill()
    journal = RedisJournal(server.url)
    for _ in range(2):
        with pytest.raises(JournalUnavailable, match="cannot be reached"):
            await journal.__aenter__()
        assert tasks() == before
    server.start()
    async with journal:
        assert await journal.look("a/1") is None
        server.kill()
    assert tasks() == before  # closing waits for nobody


async def test_closing_does_not_wait_long_for_a_server_that_hangs(server: RedisServer) -> None:
    async with RedisJournal(server.url, timeout=0.2):
        server.pause()
    server.resume()


async def test_opening_may_be_cancelled(server: RedisServer) -> None:
    before = tasks()
    server.pause()
    with anyio.move_on_after(0.1):
        async with RedisJournal(server.url, timeout=60):
            pytest.fail("it cannot be opened")
    server.resume()
    assert tasks() == before
