"""One connection: it is there when it is needed, and no reply goes to another call."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import anyio.abc
import pytest

from harness import until
from redis_server import RedisServer, eventually, free_port
from unbroken.journal import JournalError, JournalFull, JournalUnavailable
from unbroken.journal.redis.address import Address
from unbroken.journal.redis.link import Link

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def linked(url: str, *, timeout: float = 60, prepare: Any = None) -> AsyncIterator[Link]:
    link = Link(Address(url), "a-link", timeout, prepare)
    try:
        yield link
    finally:
        with anyio.CancelScope(shield=True):
            await link.close()


async def is_blocked(server: RedisServer) -> None:
    """Return when the link's command waits on the server."""
    await until(lambda: any("b" in each["flags"] for each in server.clients("a-link")))


def kill(server: RedisServer, name: str = "a-link") -> None:
    for each in server.clients(name):
        server.command("CLIENT", "KILL", "ID", each["id"])


async def test_a_connection_is_made_when_it_is_needed_and_again_when_it_is_lost(server: RedisServer) -> None:
    async with linked(server.url) as link:
        assert server.clients("a-link") == []
        assert await link.ask(b"ECHO", "one") == b"one"
        kill(server)
        connection = await link.connection()
        await until(lambda: not connection.usable)
        assert await link.ask(b"ECHO", "two") == b"two"
        assert len(server.clients("a-link")) == 1
    await until(lambda: server.clients("a-link") == [])


async def test_all_who_need_it_share_one(server: RedisServer) -> None:
    async with linked(server.url) as link, anyio.create_task_group() as tasks:
        for number in range(50):
            tasks.start_soon(link.ask, b"ECHO", number)
    assert server.command("INFO", "stats").count(b"total_connections_received:") == 1
    async with linked(server.url) as link:
        before = received(server)
        async with anyio.create_task_group() as tasks:
            for number in range(50):
                tasks.start_soon(link.ask, b"ECHO", number)
        assert received(server) - before == 2  # the link's, and the one that asks here


def received(server: RedisServer) -> int:
    info = server.command("INFO", "stats").decode()
    return int(info.partition("total_connections_received:")[2].split()[0])


async def test_a_connection_that_is_lost_in_mid_call_is_unavailability(server: RedisServer) -> None:
    async with linked(server.url) as link:

        async def ask() -> None:
            with pytest.raises(JournalUnavailable, match="has closed the connection") as raised:
                await link.ask(b"BLPOP", "nothing", 0)
            errors.append(raised.value)

        errors: list[JournalError] = []
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            tasks.start_soon(ask)
            await is_blocked(server)
            kill(server)
        assert len(errors) == 2
        assert errors[0] is not errors[1]
        assert await link.ask(b"PING") == b"PONG"


async def test_who_is_not_there_is_unavailable_until_it_is(start_server: Callable[..., RedisServer]) -> None:
    server = start_server()
    server.kill()
    async with linked(server.url) as link:
        for _ in range(2):
            with pytest.raises(JournalUnavailable, match="cannot be reached \\(ConnectionRefusedError\\)"):
                await link.ask(b"PING")
        server.start()
        assert await link.ask(b"PING") == b"PONG"
        server.kill()
        connection = await link.connection()
        await until(lambda: not connection.usable)
        with pytest.raises(JournalUnavailable, match="cannot be reached"):
            await link.ask(b"PING")
        server.start()
        assert await link.ask(b"PING") == b"PONG"


@pytest.mark.parametrize("is_connected", [True, False])
async def test_a_server_that_hangs_is_unavailable_in_time_and_nothing_of_it_is_read_later(
    server: RedisServer, is_connected: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """It takes connections even then: the kernel does that for it."""
    async with linked(server.url, timeout=0.3) as link:
        if is_connected:
            assert await link.ask(b"ECHO", "before") == b"before"
        server.pause()
        began = time.monotonic()
        with pytest.raises(JournalUnavailable, match="does not answer in time"):
            await link.ask(b"ECHO", "lost")
        assert time.monotonic() - began < 60
        with pytest.raises(JournalUnavailable):
            await link.ask(b"ECHO", "lost as well")
        server.resume()
        # One that is slow for other reasons is asked again, as its callers do.
        for attempt in range(100):
            try:
                assert await link.ask(b"ECHO", f"after {attempt}") == f"after {attempt}".encode()
                break
            except JournalUnavailable:
                continue
        else:
            pytest.fail("it never answered again")
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_call_that_is_cancelled_leaves_its_reply_to_no_other(server: RedisServer) -> None:
    """Thousands of calls, of which a third is cancelled at any moment; now and then the connection is lost, too."""
    async with linked(server.url) as link:
        chance = random.Random(7)
        told: list[tuple[bytes, bytes]] = []
        lost = 0

        async def ask(text: bytes, patience: float) -> None:
            nonlocal lost
            with anyio.move_on_after(patience):
                try:
                    told.append((text, await link.ask(b"ECHO", text)))
                except JournalUnavailable:
                    lost += 1

        for lot in range(60):
            async with anyio.create_task_group() as tasks:
                for number in range(50):
                    patience = chance.choice([0, 0, chance.random() * 0.002, 60, 60, 60])
                    tasks.start_soon(ask, b"%d/%d" % (lot, number), patience)
                if lot % 20 == 10:
                    kill(server)
        assert len(told) > 1000
        assert lost < 1000
        assert [said for asked, said in told if asked != said] == []
        assert len(server.clients("a-link")) == 1


async def test_a_server_that_has_enough_clients_says_so(server: RedisServer) -> None:
    async with linked(server.url) as link, linked(server.url) as another:
        assert await link.ask(b"PING") == b"PONG"
        server.command("CONFIG", "SET", "maxclients", 1)
        with pytest.raises(JournalUnavailable, match="as many clients as it takes"):
            await another.ask(b"PING")
        assert await link.ask(b"CONFIG SET", "maxclients", 100) == b"OK"
        assert await another.ask(b"PING") == b"PONG"


async def test_who_closes_at_once_is_unavailable() -> None:
    """A proxy whose server is gone does that."""
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, lambda stream: stream.aclose())
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with linked(f"redis://127.0.0.1:{port}") as link:
            with pytest.raises(JournalUnavailable, match="has closed the connection"):
                await link.ask(b"PING")
        tasks.cancel_scope.cancel()


async def test_a_server_that_hangs_is_left_also_when_all_give_up_before_its_time(server: RedisServer) -> None:
    """Else a connection that leads nowhere would be kept for ever by those who have less patience than it."""
    async with linked(server.url, timeout=0.4) as link:
        for _ in range(3):  # given up, and answered all the same
            with anyio.move_on_after(0):
                await link.ask(b"PING")
        first = await link.connection()
        assert await link.ask(b"ECHO", "x") == b"x"
        server.pause()

        async def is_left() -> bool:
            with anyio.move_on_after(0.05), suppress(JournalUnavailable):
                await link.ask(b"PING")
            return not first.usable

        await eventually(is_left)
        server.resume()

        async def is_back() -> bool:
            with suppress(JournalUnavailable):
                return await link.ask(b"ECHO", "y") == b"y"
            return False

        await eventually(is_back)
        second = await link.connection()
        with anyio.move_on_after(0):
            await link.ask(b"PING")
        await anyio.sleep(0.5)
        assert await link.connection() is second  # it was answered, though nobody was there to hear it


async def test_a_script_that_the_server_does_not_know_is_sent(server: RedisServer) -> None:
    async with linked(server.url) as link:
        for _ in range(2):
            assert await link.run("open", "{x}", "me", -1, b"1") == [b"1", b"0-0"]
            server.command("SCRIPT", "FLUSH")
    assert server.command("GET", "{x}:schema") == b"1"


async def test_what_the_server_refuses_is_raised(server: RedisServer) -> None:
    server.command("SET", "text", "x")
    server.command("ACL", "SETUSER", "small", "on", ">secret", "+echo", "+client", "+hello")
    async with linked(server.url) as link:
        with pytest.raises(JournalError, match="something else") as raised:
            await link.ask(b"LPUSH", "text", "words of somebody")
        assert raised.value.__cause__ is None
        with pytest.raises(JournalError, match="refused a command: ERR"):
            await link.ask(b"NOTHING", "words of somebody")
        server.command("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(JournalFull, match="no memory left"):
            await link.ask(b"SET", "more", "x")
        server.command("CONFIG", "SET", "maxmemory", "0")
        assert await link.ask(b"PING") == b"PONG"
    async with linked(server.url.replace("redis://", "redis://small:secret@")) as link:
        with pytest.raises(JournalError, match="does not let this user"):
            await link.ask(b"GET", "text")
    async with linked(server.url.replace("redis://", "redis://small:wrong@")) as link:
        with pytest.raises(JournalError, match="does not accept the user or the password") as raised:
            await link.ask(b"ECHO", "x")
        assert type(raised.value) is JournalError


async def test_a_new_connection_is_prepared_before_it_is_used(server: RedisServer) -> None:
    made: list[int] = []

    async def prepare(connection: Any) -> None:
        made.append(await connection.create_request(b"CLIENT ID"))
        if len(made) == 2:
            raise JournalError("not like that")

    async with linked(server.url, prepare=prepare) as link:
        assert await link.ask(b"CLIENT ID") == made[0]
        link.drop(await link.connection())
        with pytest.raises(JournalError, match="not like that"):
            await link.ask(b"PING")
        assert await link.ask(b"CLIENT ID") == made[2]
    assert len(made) == 3


async def test_a_link_that_is_closed_says_so(server: RedisServer) -> None:
    async with linked(server.url) as link:
        assert await link.ask(b"PING") == b"PONG"

        async def ask() -> None:
            with pytest.raises(JournalError):
                await link.ask(b"BLPOP", "nothing", 0)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await is_blocked(server)
            await link.close()
        with pytest.raises(JournalError, match="is closed"):
            await link.ask(b"PING")
    async with linked(f"redis://127.0.0.1:{free_port()}") as link:
        await link.close()
        with pytest.raises(JournalError, match="is closed"):
            await link.ask(b"PING")


@pytest.mark.slow
async def test_a_node_of_a_cluster_names_the_one_that_has_the_keys(start_server: Callable[..., RedisServer]) -> None:
    """And when that one is gone, the node of the URL is asked again."""
    first, second = (start_server("--cluster-enabled", "yes") for _ in range(2))
    first.command("CLUSTER", "ADDSLOTSRANGE", 0, 8000)
    second.command("CLUSTER", "ADDSLOTSRANGE", 8001, 16383)
    first.command("CLUSTER", "MEET", "127.0.0.1", second.port)
    for server in (first, second):
        await until(lambda: b"cluster_state:ok" in server.command("CLUSTER", "INFO"))  # noqa: B023 - awaited at once
    key = next(name for name in "abcdefgh" if first.command("CLUSTER", "KEYSLOT", name) > 8000)
    async with linked(first.url, timeout=60) as link:
        assert await link.ask(b"SET", key, "x") == b"OK"
        assert await link.ask(b"GET", key) == b"x"
        assert second.command("GET", key) == b"x"
        assert len(second.clients("a-link")) == 1
        second.kill()
        connection = await link.connection()
        await until(lambda: not connection.usable)
        with pytest.raises(JournalUnavailable, match="cannot be reached"):
            await link.ask(b"GET", key)
        with pytest.raises(JournalUnavailable):  # it is the first that answers, and names the other again
            await link.ask(b"GET", key)
