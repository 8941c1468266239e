"""What a host writes at a time, in which order, and what it does with what it cannot write."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
import pytest
from tests.durable.journals import GatedJournal
from tests.durable.killed import records_of

from harness import ask, serving, until
from unbroken import StreamFailed, StreamHost, attach, resilient_stream
from unbroken.journal import Lease, MemoryJournal
from unbroken.testing import Answer, Script, Status

TEXT: Final = "The lighthouse at Rua Point was lit in March."


def asking(name: str) -> dict[str, Any]:
    """A request that can be told from others."""
    arguments = ask(messages=[{"role": "user", "content": f"Tell me. [{name}]"}])
    del arguments["policy"]
    return arguments


def asked_for(server: Any) -> list[str]:
    """The names of the streams, in the order in which they were asked for."""
    questions = [json.dumps(request.body["messages"][0]) for request in server.requests]
    return [question.split("[")[-1].split("]")[0] for question in questions]


async def read_all(journal: MemoryJournal, names: list[str]) -> None:
    with anyio.fail_after(60):
        for name in names:
            assert await attach(journal, name).get_final_text() == TEXT


async def at_most(server: Any, most: int, ended: anyio.Event) -> None:
    while not ended.is_set():
        assert sum(request.ended_at is None for request in server.requests) <= most
        await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def never_more_than(server: Any, most: int) -> AsyncIterator[None]:
    """Requests that are out at a time."""
    ended = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(at_most, server, most, ended)
        yield
        ended.set()


@pytest.mark.anyio
async def test_streams_that_are_begun_at_the_same_time_keep_to_the_bound() -> None:
    journal = GatedJournal()
    journal.gates["create"] = anyio.Event()
    names = [f"s/{n}" for n in range(6)]
    async with serving(Answer(TEXT, pace=0.01)) as (server, client):
        async with StreamHost(journal, client, max_streams=2) as host, never_more_than(server, 2):
            async with anyio.create_task_group() as group:
                for name in names:
                    group.start_soon(start, host, name)
                await until(lambda: journal.begun.get("create") == 6)
                journal.gates["create"].set()
            await read_all(journal, names)
        assert sorted(asked_for(server)) == names


async def start(host: StreamHost, name: str) -> None:
    assert await host.start(name, **asking(name))


@pytest.mark.anyio
async def test_who_comes_when_there_is_room_again_does_not_pass_those_that_wait() -> None:
    journal = MemoryJournal()
    async with serving(TEXT) as (server, client):
        async with StreamHost(journal, client, max_streams=1) as host:
            await start(host, "s/1")
            await start(host, "s/2")
            # Before anybody has looked for what waits.
            await until(lambda: not host.streams)
            await start(host, "s/3")
            await read_all(journal, ["s/1", "s/2", "s/3"])
        assert asked_for(server) == ["s/1", "s/2", "s/3"]


@pytest.mark.anyio
async def test_a_stream_that_is_created_while_its_host_leaves_is_for_others_at_once() -> None:
    journal = GatedJournal()
    async with serving(TEXT) as (server, client):
        async with anyio.create_task_group() as group:
            async with StreamHost(journal, client) as host:
                journal.gates["create"] = anyio.Event()
                group.start_soon(start, host, "s/1")
                await until(lambda: bool(journal.begun))
            journal.gates["create"].set()
        assert host.streams == 0
        state = await journal.look("s/1")
        assert state is not None
        assert state.orphaned
        assert server.requests == []
        async with StreamHost(journal, client):
            await read_all(journal, ["s/1"])


@pytest.mark.anyio
async def test_one_that_has_failed_and_is_asked_for_once_more_waits_for_room_like_any_other() -> None:
    journal = MemoryJournal()
    script = Script([Answer(TEXT, pace=0.01)], faults=[Status(400)])
    async with serving(script) as (server, client):
        async with StreamHost(journal, client, max_streams=1, max_recoveries=1) as host:
            await start(host, "s/1")
            with pytest.raises(StreamFailed):
                await attach(journal, "s/1").get_final_message()
            await start(host, "s/2")
            assert not await host.start("s/1", **asking("s/1"))
            await read_all(journal, ["s/2", "s/1"])
        assert sorted(asked_for(server)) == ["s/1", "s/1", "s/2"]
        kinds = [record.kind for record in await records_of(journal, "s/1")]
        assert kinds.count("end") == 2


@pytest.mark.anyio
@pytest.mark.backends("virtual")
async def test_a_stream_that_cannot_be_prepared_is_left_alone_for_a_while(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is raised, it is told; it neither ends the host nor is it tried without end."""
    journal = MemoryJournal()
    asked: list[str] = []

    def prepare(record: Any) -> Any:
        asked.append(record.stream_id)
        if len(asked) == 1:
            raise KeyError("a secret that is not there")
        return None

    async with serving(TEXT) as (_, client):
        async with StreamHost(journal, client, max_streams=1, recover=False) as host:
            await start(host, "s/1")
        await wait_for_nobody(journal, "s/1")
        with caplog.at_level(logging.WARNING):
            async with StreamHost(journal, client, prepare=prepare):
                await anyio.sleep(4)
                assert asked == ["s/1"]
                await read_all(journal, ["s/1"])
        assert asked == ["s/1", "s/1"]
        assert [record.getMessage() for record in caplog.records] == [
            "unbroken: the stream s/1 cannot be written here: KeyError"
        ]


async def wait_for_nobody(journal: MemoryJournal, name: str) -> None:
    state = await journal.look(name)
    assert state is not None
    if state.status != "live":
        await journal.purge(stream_id=name)
    if await journal.look(name) is None:
        raise AssertionError("it has ended already")


@pytest.mark.anyio
@pytest.mark.backends("virtual")
async def test_streams_that_nobody_can_read_do_not_stand_before_the_others() -> None:
    journal = MemoryJournal()
    for n in range(250):
        lease = await journal.create(f"future/{n}", b'{"version": 9}', fingerprint=b"", owner=b"", lease=None)
        assert isinstance(lease, Lease)
    async with serving(TEXT) as (_, client):
        async with StreamHost(journal, client, max_streams=4) as host:
            for n in range(3):
                await start(host, f"s/{n}")
            await read_all(journal, [f"s/{n}" for n in range(3)])
        # Nobody looks for orphans here but who asks for this one.
        async with StreamHost(journal, client, recover=False) as host:
            async with resilient_stream(client, **asking("own"), journal=journal, stream_id="own") as stream:
                assert await stream.get_final_text() == TEXT


@pytest.mark.anyio
async def test_who_asks_for_one_of_many_orphans_goes_on_with_it() -> None:
    """However many stand before it that nobody goes on with."""
    journal = MemoryJournal()
    async with serving(Answer(TEXT, pace=0.01)) as (_, client):
        for n in range(150):
            await journal.create(f"other/{n}", b"{}", fingerprint=b"", owner=b"", lease=None)
        async with anyio.create_task_group() as group:
            first = anyio.Event()
            group.start_soon(begin_and_leave, client, journal, first)
            await first.wait()
            async with resilient_stream(client, **asking("own"), journal=journal, stream_id="own") as stream:
                assert stream.role == "reader"
                with anyio.fail_after(60):
                    assert await stream.get_final_text() == TEXT


async def begin_and_leave(client: Any, journal: MemoryJournal, first: anyio.Event) -> None:
    async with resilient_stream(client, **asking("own"), journal=journal, stream_id="own") as stream:
        first.set()
        async for event in stream:
            if event.type == "text":
                break
