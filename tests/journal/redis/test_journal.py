"""What only this journal promises: what is stored and for how long, calls that are made again, and what is too much."""

from __future__ import annotations

import logging
import math
import re
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from harness import until
from redis_server import RedisServer, eventually
from unbroken.journal import (
    Fenced,
    Journal,
    JournalError,
    JournalFull,
    JournalUnavailable,
    Lease,
    StreamGone,
    StreamState,
)
from unbroken.journal.redis import RedisJournal
from unbroken.journal.redis import journal as module
from unbroken.journal.redis.scripts import script

Journals = Callable[..., RedisJournal]


async def begun(journal: Journal, name: str = "a/1", **options: Any) -> Lease:
    lease = await journal.create(name, b"first", **{"fingerprint": b"print", "owner": b"", "lease": 1000.0, **options})
    assert isinstance(lease, Lease)
    return lease


async def state_of(journal: Journal, name: str = "a/1") -> StreamState:
    state = await journal.look(name)
    assert state is not None
    return state


async def data_of(journal: Journal, name: str = "a/1") -> list[bytes]:
    batch = await journal.read(name, after=0, limit=1_000_000)
    assert batch is not None
    assert [entry.seq for entry in batch.entries] == list(range(1, batch.state.head + 1))
    return [entry.data for entry in batch.entries]


# -- arguments


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"prefix": ""}, ValueError),
        ({"prefix": "a b"}, ValueError),
        ({"prefix": "{a}"}, ValueError),
        ({"prefix": "ä"}, ValueError),
        ({"prefix": "a" * 101}, ValueError),
        ({"prefix": None}, TypeError),
        ({"timeout": 0}, ValueError),
        ({"timeout": math.inf}, ValueError),
        ({"timeout": math.nan}, ValueError),
        ({"timeout": True}, TypeError),
        ({"timeout": "2"}, TypeError),
        ({"absence": -1.0}, ValueError),
        ({"absence": "1"}, TypeError),
        ({"retention": -1.0}, ValueError),
        ({"max_bytes": 0}, ValueError),
        ({"url": "http://localhost"}, ValueError),
    ],
)
def test_arguments_are_checked(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=next(iter(options)) if "url" not in options else "URL"):
        RedisJournal(**{"url": "redis://localhost", **options})


def test_it_is_a_journal() -> None:
    journal = RedisJournal("redis://me:secret@localhost/3", prefix="mine")
    assert isinstance(journal, Journal)
    assert repr(journal) == "RedisJournal('redis://localhost:6379/3', prefix='mine')"
    assert journal.codec is None
    assert journal.orphan_poll == 0.25


def test_without_its_client_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'unbroken\[redis\]'"):
        RedisJournal("redis://localhost")


# -- what is stored


@pytest.mark.anyio
async def test_all_keys_are_of_one_slot_of_a_cluster_and_leave_nothing_behind(server: RedisServer) -> None:
    async with RedisJournal(server.url, prefix="one") as journal, RedisJournal(server.url, prefix="two") as other:
        assert await other.look("a/1") is None
        lease = await begun(journal, owner=b"me")
        await begun(journal, "a/2", lease=None)
        await journal.append(lease, [b"x"], end="failed")
        assert await other.streams() == []
        taken = await journal.take(await state_of(journal), b"again", lease=60)
        assert taken is not None
        await journal.append(taken, [], end="complete")
        await journal.cancel("a/2")
        keys = [key for key in server.key_names() if not key.startswith("{two}:")]
        assert all(key.startswith("{one}:") for key in keys)
        assert {"{one}:s:a/1", "{one}:l:a/1", "{one}:schema"} < set(keys)
        for name in ("a/1", "a/2"):
            assert await journal.purge(stream_id=name) == 1
            assert await journal.purge(stream_id=name) == 0
        assert {key for key in server.key_names() if key.startswith("{one}:")} == {"{one}:bell", "{one}:schema"}


@pytest.mark.anyio
async def test_the_server_itself_refuses_what_is_not_the_next_entry(server: RedisServer) -> None:
    """Entries have ids `<fence>-<seq>`, which only grow."""
    async with RedisJournal(server.url, prefix="x") as journal:
        await begun(journal)
        taken = await journal.take(await state_of(journal), b"taken", lease=60, force=True)
        assert taken is not None
        await journal.append(taken, [b"a", b"b"])
        ids = [entry[0] for entry in server.command("XRANGE", "{x}:l:a/1", "-", "+")]
        assert ids == [b"1-1", b"2-2", b"2-3", b"2-4"]
        with pytest.raises(Exception, match="equal or smaller"):
            server.command("XADD", "{x}:l:a/1", "1-5", "d", "zombie")


@pytest.mark.anyio
async def test_keys_expire_by_themselves(server: RedisServer) -> None:
    """Some later than `purge` would have deleted them, so that it can say what it has deleted."""
    async with RedisJournal(server.url, prefix="x", retention=100, orphan_retention=1000) as journal:
        lease = await begun(journal)

        def expiry() -> list[int]:
            return [round(server.command("PTTL", key) / 1000) for key in ("{x}:s:a/1", "{x}:l:a/1")]

        def shorten() -> None:
            for key in ("{x}:s:a/1", "{x}:l:a/1"):
                server.command("PEXPIRE", key, 100_000)

        assert expiry() == pytest.approx([1120, 1120], abs=30)
        shorten()
        await journal.append(lease, [b"x"])
        assert expiry() == pytest.approx([100, 100], abs=30)  # it does so once a minute
        server.command("HINCRBY", "{x}:s:a/1", "kept", -60_000)
        await journal.append(lease, [b"x"])
        assert expiry() == pytest.approx([1120, 1120], abs=30)
        shorten()
        await journal.hold([lease], 60)
        assert expiry() == pytest.approx([1120, 1120], abs=30)
        await journal.append(lease, [b"x"], end="failed")
        assert expiry() == pytest.approx([220, 220], abs=30)
        await journal.take(await state_of(journal), b"again", lease=60)
        assert expiry() == pytest.approx([1120, 1120], abs=30)


@pytest.mark.anyio
@pytest.mark.parametrize("end", [None, "complete"])
async def test_what_has_expired_is_swept_and_its_id_is_free(server: RedisServer, end: Any) -> None:
    async with RedisJournal(server.url, prefix="x", retention=0, orphan_retention=0) as journal:
        lease = await begun(journal, owner=b"me")
        if end is not None:
            await journal.append(lease, [], end=end)
        else:
            await journal.release(lease)
        for key in ("{x}:s:a/1", "{x}:l:a/1"):
            server.command("PEXPIRE", key, 1)
        await until(lambda: server.command("EXISTS", "{x}:s:a/1", "{x}:l:a/1") == 0)
        assert await journal.look("a/1") is None
        assert await journal.streams() == []
        assert await journal.orphans() == []
        again = await begun(journal, owner=b"you")
        assert await journal.purge(owner=b"me") == 0
        assert [state.owner for state in await journal.streams()] == [b"you"]
        await journal.append(again, [], end="complete")
        for key in ("{x}:s:a/1", "{x}:l:a/1"):
            server.command("DEL", key)
        assert await journal.purge() == 1
        assert {key for key in server.key_names() if key.startswith("{x}:")} <= {"{x}:bell", "{x}:schema"}


@pytest.mark.anyio
@pytest.mark.parametrize("key", ["{x}:s:a/1", "{x}:l:a/1"])
async def test_a_stream_of_which_a_part_is_gone_is_gone(server: RedisServer, key: str) -> None:
    """As a server does that evicts. What is left of it is in nobody's way."""
    async with RedisJournal(server.url, prefix="x") as journal:
        lease = await begun(journal)
        await journal.append(lease, [b"x"])
        server.command("DEL", key)
        with pytest.raises(StreamGone):
            await journal.append(lease, [b"y"])
        assert (await journal.hold([lease], 60)).lost == {"a/1"}
        assert await journal.look("a/1") is None
        assert await journal.read("a/1", after=0) is None
        assert await journal.streams() == []
        assert not await journal.cancel("a/1")
        again = await begun(journal)
        assert await data_of(journal) == [b"first"]
        await journal.append(again, [b"z"])
        with pytest.raises(Fenced):  # it has another writer, though one with the same fence, and just as far
            await journal.append(lease, [b"y"])
        assert (await journal.hold([lease], 60)).lost == {"a/1"}
        await journal.release(lease)
        assert await journal.orphans() == []
        assert await data_of(journal) == [b"first", b"z"]


@pytest.mark.anyio
async def test_an_owner_has_what_was_created_last(server: RedisServer) -> None:
    """Of an id that was another's before: who purges what is his leaves it alone."""
    async with RedisJournal(server.url, prefix="x") as journal:
        await begun(journal, owner=b"me")
        server.command("DEL", "{x}:s:a/1")
        await begun(journal, owner=b"you")
        assert await journal.purge(owner=b"me") == 0
        assert await journal.purge(owner=b"you") == 1
        assert await journal.look("a/1") is None


@pytest.mark.anyio
async def test_streams_are_listed_and_purged_in_steps(journals: Journals) -> None:
    async with journals() as journal:
        names = [f"a/{number:03}" for number in range(450)]
        for number, name in enumerate(names):
            await begun(journal, name, owner=b"odd" if number % 2 else b"")
        assert [state.stream_id for state in await journal.streams()] == names
        assert [state.stream_id for state in await journal.streams(limit=201)] == names[:201]
        assert [state.stream_id for state in await journal.streams(after="a/299", limit=1000)] == names[300:]
        assert await journal.purge(owner=b"odd") == 225
        assert [state.stream_id for state in await journal.streams()] == names[::2]
        assert await journal.purge(owner=b"") == 225
        assert await journal.streams() == []
        assert await journal.purge(owner=b"") == 0


@pytest.mark.anyio
async def test_a_user_of_few_rights_is_enough(server: RedisServer) -> None:
    """Those that the documentation names."""
    rights = re.search(r"needs `(~\S+)`, `(&\S+)` and `([^`]+)`", RedisJournal.__doc__ or "")
    assert rights is not None
    keys, channels, commands = (part.replace("prefix", "mine") for part in rights.groups())
    server.command("ACL", "SETUSER", "few", "on", ">secret", "resetchannels", keys, channels, *commands.split())
    url = server.url.replace("redis://", "redis://few:secret@")
    async with RedisJournal(url, prefix="mine") as journal, RedisJournal(url, prefix="mine") as other:
        lease = await begun(journal)
        await journal.append(lease, [b"2"])
        assert list(await other.wait({"a/1": 1}, 1000)) == ["a/1"]
        assert list(await other.wait({"a/1": 2}, 0.01)) == []
        assert not (await journal.hold([lease], 60)).lost
        assert await other.orphans() == []
        assert await other.cancel("a/1")
        await journal.release(lease)
        taken = await other.take(await state_of(other), b"3", lease=60)
        assert taken is not None
        await other.append(taken, [b"4"], end="complete")
        assert await data_of(journal) == [b"first", b"2", b"3", b"4"]
        assert len(await journal.streams()) == 1
        assert await journal.purge(stream_id="a/1") == 1
        assert await journal.purge() == 0


# -- what is too much


@pytest.mark.anyio
async def test_a_server_whose_memory_is_full_takes_no_more_but_lets_everything_end(server: RedisServer) -> None:
    async with RedisJournal(server.url) as journal:
        lease = await begun(journal)
        other = await begun(journal, "a/2")
        third = await begun(journal, "a/3")
        await journal.append(lease, [b"x"])
        server.command("CONFIG", "SET", "maxmemory", "1")
        for _ in range(2):
            with pytest.raises(JournalFull, match="no memory left"):
                await journal.append(lease, [b"y"])
        with pytest.raises(JournalFull):
            await journal.create("a/4", b"first", fingerprint=b"", owner=b"", lease=60)
        with pytest.raises(JournalFull):
            await journal.take(await state_of(journal, "a/2"), b"taken", lease=60, force=True)
        assert lease.head == 2
        assert await data_of(journal) == [b"first", b"x"]
        assert await journal.cancel("a/1")
        assert (await journal.hold([lease, other], 60)).stop == {"a/1"}
        await journal.release(other)
        assert await journal.orphans() == ["a/2"]
        assert await journal.append(lease, [b"the end"], end="failed")
        assert await data_of(journal) == [b"first", b"x", b"the end"]
        await journal.append(third, [], end="complete")
        assert await journal.purge(stream_id="a/2") == 1
        server.command("CONFIG", "SET", "maxmemory", "0")
        assert await journal.create("a/4", b"first", fingerprint=b"", owner=b"", lease=60) == Lease("a/4", 1, 1)


# -- calls that are made again


class Lossy:
    """A way to the server on which answers are lost when a test says so."""

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self.port = 0
        self.is_deaf = False

    async def serve(self, *, task_status: Any) -> None:
        async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
            self.port = listener.extra(SocketAttribute.local_port)
            task_status.started()
            await listener.serve(self._relay)

    async def _relay(self, client: SocketStream) -> None:
        async with client, await anyio.connect_tcp("127.0.0.1", self.server.port) as upstream:

            async def down() -> None:
                async for data in upstream:
                    if self.is_deaf:
                        self.is_deaf = False
                        break
                    await client.send(data)
                tasks.cancel_scope.cancel()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(down)
                with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                    async for data in client:
                        await upstream.send(data)
                tasks.cancel_scope.cancel()


@asynccontextmanager
async def lossy(server: RedisServer) -> AsyncIterator[tuple[Lossy, RedisJournal]]:
    for name in ("create", "take", "append", "end", "cancel"):  # else it is only asked for the script
        server.command("SCRIPT", "LOAD", script(name).source)
    way = Lossy(server)
    async with anyio.create_task_group() as tasks:
        await tasks.start(way.serve)
        # Nothing but the test asks anything on its connection.
        async with RedisJournal(f"redis://127.0.0.1:{way.port}", timeout=60, absence=None) as journal:
            yield way, journal
        tasks.cancel_scope.cancel()


@pytest.mark.anyio
async def test_what_is_done_although_its_answer_was_lost_is_not_done_twice(server: RedisServer) -> None:
    async with lossy(server) as (way, journal), RedisJournal(server.url) as other:
        done: list[Any] = []

        async def twice(call: Callable[[], Awaitable[Any]]) -> Any:
            way.is_deaf = True
            with pytest.raises(JournalUnavailable, match="closed the connection"):
                await call()
            assert not way.is_deaf
            done.append(await other.streams())
            return await call()

        lease = await twice(lambda: journal.create("a/1", b"first", fingerprint=b"", owner=b"", lease=1000))
        assert lease == Lease("a/1", 1, 1)
        assert not await twice(lambda: journal.append(lease, [b"a", b"b"]))
        assert lease.head == 3
        state = await state_of(journal)
        lease = await twice(lambda: journal.take(state, b"taken", lease=1000, force=True))
        assert lease == Lease("a/1", 2, 4)
        assert await twice(lambda: journal.cancel("a/1"))
        assert await twice(lambda: journal.append(lease, [b"c"]))
        assert await twice(lambda: journal.append(lease, [b"d"], end="complete"))
        assert await data_of(other) == [b"first", b"a", b"b", b"taken", b"c", b"d"]
        assert (await state_of(other)).status == "complete"

        # It was the first of the two calls that did it, each time.
        assert [(state.head, state.status) for (state,) in done] == [
            (1, "live"),
            (3, "live"),
            (4, "live"),
            (4, "live"),
            (5, "live"),
            (6, "complete"),
        ]
        second = await begun(journal, "a/2")
        await twice(lambda: journal.append(second, [], end="cancelled"))
        assert (await state_of(other, "a/2")).status == "cancelled"


@pytest.mark.anyio
async def test_another_call_of_the_same_kind_is_another_call(server: RedisServer) -> None:
    """Only the very same one, made again after its answer was lost, has the answer of the first."""
    async with lossy(server) as (way, journal), RedisJournal(server.url) as other:
        way.is_deaf = True
        with pytest.raises(JournalUnavailable):
            await begun(journal, "a/1")
        assert isinstance(await journal.create("a/1", b"another", fingerprint=b"", owner=b"", lease=1000), StreamState)
        lease = await begun(journal, "a/2")
        for _ in range(2):
            assert isinstance(
                await journal.create("a/2", b"first", fingerprint=b"print", owner=b"", lease=1000.0), StreamState
            )
        state = await state_of(journal, "a/2")
        way.is_deaf = True
        with pytest.raises(JournalUnavailable):
            await journal.take(state, b"taken", lease=60, force=True)
        assert await other.take(state, b"taken", lease=60, force=True) is None
        assert await journal.take(state, b"taken", lease=61, force=True) is None
        taken = await journal.take(state, b"taken", lease=60, force=True)
        assert taken == Lease("a/2", 2, 2)
        with pytest.raises(Fenced):
            await journal.append(lease, [b"x"])
        way.is_deaf = True
        with pytest.raises(JournalUnavailable):
            await journal.append(taken, [b"a", b"b"])
        for entries in ([b"a"], [b"a", b"c"], [b"a", b"b", b"c"], []):
            with pytest.raises(Fenced):
                await journal.append(taken, entries)
        with pytest.raises(Fenced):
            await journal.append(taken, [b"a", b"b"], end="complete")
        assert not await journal.append(taken, [b"a", b"b"])


@pytest.mark.anyio
async def test_who_is_cancelled_while_getting_a_stream_does_not_keep_it(server: RedisServer) -> None:
    async with RedisJournal(server.url, timeout=60) as journal, RedisJournal(server.url) as other:
        await begun(other, "a/2", lease=None)
        state = await state_of(other, "a/2")
        server.pause()
        with anyio.move_on_after(0.05):
            await begun(journal, "a/1")
        with anyio.move_on_after(0.05):
            await journal.take(state, b"taken", lease=1000)
        server.resume()

        async def both_are_free() -> bool:
            return await other.orphans() == ["a/2", "a/1"] and (await state_of(other, "a/2")).fence == 2

        await eventually(both_are_free)


# -- nothing of what people write


@pytest.mark.anyio
async def test_no_password_and_no_word_is_in_errors_or_logs(
    start_server: Callable[..., RedisServer], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = start_server()
    server.command("ACL", "SETUSER", "me", "on", ">pass-word", "+@all", "~*", "&*")
    errors: list[BaseException] = []

    async def fails(call: Callable[[], Awaitable[Any]]) -> None:
        with pytest.raises(JournalError) as raised:
            await call()
        errors.append(raised.value)

    url = server.url.replace("redis://", "redis://me:pass-word@")
    words = b"what somebody wrote"
    journal = RedisJournal(url, timeout=0.5, max_bytes=1000)
    async with journal:
        lease = await journal.create("a/1", words, fingerprint=words, owner=words, lease=60)
        assert isinstance(lease, Lease)
        await fails(lambda: journal.append(lease, [words * 100]))
        await fails(lambda: journal.append(Lease("a/1", 1, 0), [words * 2]))
        server.command("SET", "{unbroken}:s:a/2", "x")
        await fails(lambda: journal.create("a/2", words, fingerprint=words, owner=words, lease=60))
        server.command("CONFIG", "SET", "maxmemory", "1")
        await fails(lambda: journal.append(lease, [words]))
        server.command("CONFIG", "SET", "maxmemory", "0")
        server.command("ACL", "SETUSER", "me", "-evalsha", "-eval")
        await fails(lambda: journal.append(lease, [words]))
        server.command("ACL", "SETUSER", "me", ">another", "<pass-word", "+@all")
        connection = await journal._session.commands.connection()
        server.command("CLIENT", "KILL", "TYPE", "pubsub")
        await until(lambda: not connection.usable)
        await fails(lambda: journal.append(lease, [words]))
        await fails(RedisJournal(url).__aenter__)
        server.command("ACL", "SETUSER", "me", ">pass-word")

        async def is_let_in() -> bool:
            with suppress(JournalError):
                return await journal.look("a/1") is not None
            return False

        await eventually(is_let_in)
        server.pause()
        await fails(lambda: journal.append(lease, [words]))
        server.resume()
        server.kill()
        await fails(lambda: journal.append(lease, [words]))
    await fails(journal.__aenter__)
    texts = [repr(journal), caplog.text, *("".join(traceback.format_exception(error)) for error in errors)]
    said = [str(error).removeprefix(f"Redis at {server.url} ").partition(" (")[0] for error in errors]
    assert said[:-2] == [
        "a stream may have 1000 bytes at the most",
        "another has taken the stream, or it has ended",
        "has something else under the journal's prefix",
        "has no memory left",
        "does not let this user do what a journal needs",
        "does not accept the user or the password",
        "does not accept the user or the password",
        "does not answer in time",
    ]
    assert {*said[-2:]} <= {"cannot be reached", "has closed the connection"}
    assert [text for text in texts if "pass-word" in text or "somebody wrote" in text] == []
