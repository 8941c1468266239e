"""A stream is got once, whatever becomes of the answer, and of who asked."""

from __future__ import annotations

import copy
from typing import Any

import anyio
import pytest

from harness import until
from unbroken.journal import JournalError, JournalUnavailable, Lease
from unbroken.journal.redis.claims import Claims, RedisLease, proof_of

pytestmark = pytest.mark.anyio


def a_lease(name: str = "a/1") -> RedisLease:
    return RedisLease(name, 1, 1)


class Server:
    def __init__(self, *replies: Any) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.may_answer = anyio.Event()
        self.replies = list(replies)

    async def run(self, *arguments: Any) -> Any:
        self.asked.append(arguments)
        if arguments[0] == "release":
            return 1
        await self.may_answer.wait()
        reply = self.replies.pop(0) if self.replies else 1
        if isinstance(reply, Exception):
            raise reply
        return reply

    @property
    def names(self) -> list[str]:
        return [asked[2] for asked in self.asked]


def claims(*replies: Any) -> tuple[Server, Claims]:
    server = Server(*replies)
    server.may_answer.set()
    return server, Claims("worker", server.run)


async def test_each_call_has_a_name_and_a_writer_proves_itself_with_it() -> None:
    server, made = claims(1, 1, 0)
    lease = a_lease()
    assert await made.claim("create", lease, b"x") == 1
    assert await made.claim("create", a_lease(), b"x") == 1
    assert await made.claim("take", RedisLease("a/3", 4, 9), b"x") == 0
    assert server.names == ["worker-1", "worker-2", "worker-3"]
    assert server.asked[0] == ("create", "a/1", "worker-1", b"x")
    assert proof_of(lease) == ("a/1", 1, 1, "worker-1")
    assert proof_of(Lease("a/1", 1, 1)) == ("a/1", 1, 1, "")
    assert proof_of(copy.copy(lease)) == proof_of(lease)
    lease.fence, lease.head = 2, 7
    assert proof_of(lease) == ("a/1", 2, 7, "")


def test_a_lease_with_proof_is_like_one_without() -> None:
    assert RedisLease("a", 1, 2, "x") == RedisLease("a", 1, 2, "y") == Lease("a", 1, 2) == RedisLease("a", 1, 2, "x")
    assert RedisLease("a", 1, 2, "x") != Lease("a", 1, 3)
    assert RedisLease("a", 1, 2, "x") != ("a", 1, 2, "x")


async def test_only_a_call_whose_answer_was_lost_has_its_name_again() -> None:
    server, made = claims(JournalUnavailable("lost"), 1, 1)
    with pytest.raises(JournalUnavailable):
        await made.claim("create", a_lease(), b"x")
    assert await made.claim("create", a_lease(), b"y") == 1  # another entry: another call
    assert await made.claim("create", a_lease(), b"x") == 1
    assert await made.claim("create", a_lease(), b"x") == 1
    assert server.names == ["worker-1", "worker-2", "worker-1", "worker-3"]

    server, made = claims(JournalError("refused"), 1)
    with pytest.raises(JournalError, match="refused"):
        await made.claim("create", a_lease(), b"x")
    await made.claim("create", a_lease(), b"x")
    assert server.names == ["worker-1", "worker-2"]


async def test_two_at_a_time_are_two_calls() -> None:
    server, made = claims()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(made.claim, "create", a_lease(), b"x")
        tasks.start_soon(made.claim, "create", a_lease(), b"x")
    assert sorted(server.names) == ["worker-1", "worker-2"]


async def test_lost_answers_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unbroken.journal.redis.claims._MOST", 2)
    server, made = claims(*[JournalUnavailable("lost")] * 3, 1, 1)
    for name in ("a", "b", "c"):
        with pytest.raises(JournalUnavailable):
            await made.claim("create", a_lease(name))
    await made.claim("create", a_lease("a"))
    await made.claim("create", a_lease("b"))
    assert server.names == ["worker-1", "worker-2", "worker-3", "worker-4", "worker-2"]


async def test_what_nobody_waits_for_any_more_is_left_to_others() -> None:
    server = Server()
    made = Claims("worker", server.run)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(made.claim, "take", RedisLease("a/1", 3, 9), b"x")
        await until(lambda: len(server.asked) == 1)
        tasks.cancel_scope.cancel()
    assert len(server.asked) == 1
    server.may_answer.set()
    await until(lambda: len(server.asked) == 2)
    assert server.asked[1] == ("release", "a/1", 3, 9, "worker-1")


@pytest.mark.parametrize("reply", [0, [b"a state"], JournalUnavailable("lost")])
async def test_what_was_not_got_is_not_left_either(reply: Any) -> None:
    server = Server(reply)
    made = Claims("worker", server.run)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(made.claim, "take", a_lease(), b"x")
        await until(lambda: len(server.asked) == 1)
        tasks.cancel_scope.cancel()
    server.may_answer.set()
    await until(lambda: not server.replies)
    await anyio.wait_all_tasks_blocked()
    assert len(server.asked) == 1


async def test_what_is_got_while_its_caller_is_cancelled_is_left_to_others() -> None:
    """The answer and the cancellation come in the same step of the event loop."""
    server = Server()
    made = Claims("worker", server.run)
    got: list[Any] = []

    async def claim() -> None:
        got.append(await made.claim("create", a_lease(), b"x"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(claim)
        await until(lambda: len(server.asked) == 1)
        server.may_answer.set()
        tasks.cancel_scope.cancel()
    await until(lambda: bool(got) or len(server.asked) == 2)
    assert (server.asked[1:] == []) == bool(got)
