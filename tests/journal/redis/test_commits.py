"""Appends share round trips: what is asked for while one is under way goes with the next."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from harness import until
from unbroken.journal import JournalError, JournalUnavailable, Lease
from unbroken.journal.redis.claims import RedisLease
from unbroken.journal.redis.commits import MOST_ARGUMENTS, MOST_BYTES, Commits

pytestmark = pytest.mark.anyio

LIMITS = (1000, 60, 30)


class Server:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, list[tuple[Any, ...]]]] = []
        self.error: Exception | None = None
        self._may = anyio.Semaphore(0)

    async def send(self, script: str, *arguments: Any) -> list[int]:
        assert arguments[:3] == LIMITS
        streams: list[tuple[Any, ...]] = []
        rest = list(arguments[3:])
        while rest:
            size = 6 + int(rest[5])
            streams.append(tuple(rest[:size]))
            del rest[:size]
        self.sent.append((script, streams))
        await self._may.acquire()
        if self.error is not None:
            raise self.error
        return [int(stream[0]) for stream in streams]  # a stream's id is the code that it gets

    def answer(self, times: int = 1) -> None:
        for _ in range(times):
            self._may.release()

    @property
    def ids(self) -> list[list[str]]:
        return [[stream[0] for stream in streams] for _, streams in self.sent]


@asynccontextmanager
async def committing() -> AsyncIterator[tuple[Server, Commits]]:
    server = Server()
    commits = Commits(server.send, LIMITS)
    try:
        yield server, commits
    finally:
        with anyio.CancelScope(shield=True):
            await commits.close()


async def test_the_first_goes_at_once_and_what_comes_meanwhile_goes_together() -> None:
    codes: dict[str, int] = {}

    async def append(name: str) -> None:
        codes[name] = await commits.append(RedisLease(name, 2, 7, "call", 2), [b"x", b"y"], None)

    async with committing() as (server, commits), anyio.create_task_group() as tasks:
        tasks.start_soon(append, "0")
        await until(lambda: server.ids == [["0"]])
        for name in "123":
            tasks.start_soon(append, name)
        await anyio.wait_all_tasks_blocked()
        assert server.ids == [["0"]]
        server.answer()
        await until(lambda: len(server.sent) == 2)
        await until(lambda: codes == {"0": 0})
        assert sorted(server.ids[1]) == ["1", "2", "3"]
        server.answer()
        await until(lambda: codes == {"0": 0, "1": 1, "2": 2, "3": 3})
    assert server.sent[0] == ("append", [("0", 2, 7, "call", "", 2, b"x", b"y")])


async def test_ends_go_with_a_script_of_their_own() -> None:
    """It is the one that runs where the server's memory is full."""
    async with committing() as (server, commits), anyio.create_task_group() as tasks:
        server.answer(10)
        tasks.start_soon(commits.append, Lease("0", 1, 1), [b"x"], None)
        tasks.start_soon(commits.append, Lease("1", 1, 1), [b"y"], "complete")
        tasks.start_soon(commits.append, Lease("2", 1, 1), [], "failed")
    assert {(script, stream) for script, streams in server.sent for stream in streams} == {
        ("append", ("0", 1, 1, "", "", 1, b"x")),
        ("end", ("1", 1, 1, "", "complete", 1, b"y")),
        ("end", ("2", 1, 1, "", "failed", 0)),
    }


@pytest.mark.parametrize(
    ("entries", "together"),
    [
        ([b"x"], 10),
        ([b"x" * (MOST_BYTES // 4)], 4),
        ([b"x" * (2 * MOST_BYTES)], 1),
        ([b""] * (MOST_ARGUMENTS // 2), 2),
        ([b""] * (2 * MOST_ARGUMENTS), 1),
    ],
)
async def test_a_lot_is_bounded_but_an_append_is_never_torn(entries: list[bytes], together: int) -> None:
    """The server's other clients wait for a script to end."""
    async with committing() as (server, commits), anyio.create_task_group() as tasks:
        tasks.start_soon(commits.append, Lease("0", 1, 1), [b"first"], None)
        await until(lambda: len(server.sent) == 1)
        for _ in range(10):
            tasks.start_soon(commits.append, Lease("1", 1, 1), entries, None)
        await anyio.wait_all_tasks_blocked()
        server.answer(20)
    sizes = [len(streams) for _, streams in server.sent[1:]]
    assert max(sizes) == together
    assert sum(sizes) == 10


async def test_what_the_connection_dies_of_reaches_all_of_the_lot_and_nobody_else() -> None:
    async def append(name: str) -> None:
        try:
            await commits.append(Lease(name, 1, 1), [b"x"], None)
        except JournalUnavailable as error:
            errors[name] = error

    errors: dict[str, JournalUnavailable] = {}
    async with committing() as (server, commits), anyio.create_task_group() as tasks:
        tasks.start_soon(append, "0")
        await until(lambda: len(server.sent) == 1)
        for name in "12":
            tasks.start_soon(append, name)
        await anyio.wait_all_tasks_blocked()
        server.answer()
        await until(lambda: len(server.sent) == 2)
        server.error = JournalUnavailable("away")
        tasks.start_soon(append, "3")
        await anyio.wait_all_tasks_blocked()
        server.answer()
        await until(lambda: len(errors) == 2)
        server.error = None
        server.answer()
    assert sorted(errors) == ["1", "2"]
    assert errors["1"] is not errors["2"]
    assert [str(error) for error in errors.values()] == ["away", "away"]


async def test_what_is_cancelled_before_it_goes_does_not_go() -> None:
    async with committing() as (server, commits), anyio.create_task_group() as tasks:
        tasks.start_soon(commits.append, Lease("0", 1, 1), [b"x"], None)
        await until(lambda: len(server.sent) == 1)
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as cancelled:
                cancelled.start_soon(commits.append, Lease("1", 1, 1), [b"x"], None)
                await anyio.wait_all_tasks_blocked()
                tasks.start_soon(commits.append, Lease("2", 1, 1), [b"x"], None)
                await anyio.wait_all_tasks_blocked()
                scope.cancel()
        server.answer(2)
    assert server.ids == [["0"], ["2"]]


async def test_what_is_cancelled_on_its_way_leaves_the_others_alone() -> None:
    async with committing() as (server, commits), anyio.create_task_group() as tasks:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as cancelled:
                cancelled.start_soon(commits.append, Lease("0", 1, 1), [b"x"], None)
                await until(lambda: len(server.sent) == 1)
                tasks.start_soon(commits.append, Lease("1", 1, 1), [b"x"], None)
                await anyio.wait_all_tasks_blocked()
                scope.cancel()
        server.answer(2)
    assert server.ids == [["0"], ["1"]]


async def test_who_waits_when_it_is_closed_does_not_know() -> None:
    async def append(name: str) -> None:
        with pytest.raises(JournalUnavailable, match="closed meanwhile"):
            await commits.append(Lease(name, 1, 1), [b"x"], None)

    async with committing() as (server, commits), anyio.create_task_group() as tasks:
        tasks.start_soon(append, "0")
        await until(lambda: len(server.sent) == 1)
        tasks.start_soon(append, "1")
        await anyio.wait_all_tasks_blocked()
        await commits.close()
    with pytest.raises(JournalError, match="is closed"):
        await commits.append(Lease("2", 1, 1), [b"x"], None)
