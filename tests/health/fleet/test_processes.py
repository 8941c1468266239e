"""Real processes and a real Redis: what one learns, the others know; and without Redis each goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from redis_server import RedisServer, needs_redis

pytestmark = needs_redis

#: The end of what hangs, and of nothing else.
PATIENCE = 120


class Member:
    """One process (`member.py`)."""

    def __init__(self, url: str, backend: str = "asyncio", **options: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("member.py")), url, json.dumps(options), backend],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def do(self, *order: object) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(" ".join(map(str, order)) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, self.process.stderr and self.process.stderr.read()
        return json.loads(line)

    def end(self) -> str:
        """What it has logged."""
        if self.process.returncode is not None:
            return ""
        _, logged = self.process.communicate(timeout=PATIENCE)
        return logged


def until(condition: Callable[[], Any]) -> Any:
    """Ask until it is so; what never becomes so fails."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path).start()
    yield server
    server.kill()


@pytest.fixture
def member(server: RedisServer) -> Iterator[Callable[..., Member]]:
    members: list[Member] = []

    def start(backend: str = "asyncio", **options: Any) -> Member:
        members.append(Member(server.url, backend, **options))
        members[-1].do("look")
        return members[-1]

    yield start
    for each in members:
        each.end()


def together(*members: Member) -> None:
    """Wait until all have heard of each other."""
    for each in members:
        until(lambda each=each: each.do("snapshot")["fleet"]["processes"] == len(members))


def state(member: Member) -> str:
    routes = member.do("snapshot")["routes"]
    return routes[0]["state"] if routes else "unknown"


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_breaker_that_opens_in_one_process_is_closed_in_no_other(member: Callable[..., Member], backend: str) -> None:
    """Also where the route was never asked; and all close when one probe has brought content."""
    a, b, c = (member(backend, recovery_time=2) for _ in range(3))
    together(a, b, c)
    b.do("enter")
    a.do("fail", 20)
    for each in (b, c):
        until(lambda each=each: each.do("look")[2])
        assert not each.do("snapshot")["routes"][0]["fleet"]["failures"]  # what came before the opening says nothing
    b.do("enter")  # has its permit from before; the probe is another
    probing = until(lambda: next((each for each in (c, a) if each.do("enter")), None))
    other = a if probing is c else c
    assert not other.do("enter")  # one probe in the fleet
    probing.do("answer")
    for each in (a, b, c):
        until(lambda each=each: state(each) == "closed")


@pytest.mark.slow
def test_nobody_insists_where_nothing_succeeds_in_any_process(member: Callable[..., Member]) -> None:
    """But where a breaker has opened by the share of failures, who has nowhere else to go is let through."""
    a, b = (member(recovery_time=600, consecutive_failures=30) for _ in range(2))
    together(a, b)
    a.do("fail", 20)
    until(lambda: b.do("look")[2])
    assert b.do("insist") == [True, True]
    a.do("fail", 10)
    assert a.do("insist") == [False, False]
    until(lambda: b.do("insist") == [False, False])
    newcomer = member(recovery_time=600, consecutive_failures=30)
    until(lambda: newcomer.do("look")[0] > 500)
    assert newcomer.do("insist") == [False, False]


@pytest.mark.slow
def test_what_all_have_counted_opens_it(member: Callable[..., Member]) -> None:
    """No process has seen enough for that by itself."""
    members = [member(recovery_time=600) for _ in range(4)]
    together(*members)
    for each in members:
        each.do("fail", 5)
    for each in members:
        until(lambda each=each: state(each) == "open")


def test_a_cool_down_is_everybodys(member: Callable[..., Member]) -> None:
    a, b = member(), member()
    together(a, b)
    a.do("cool", 600)
    assert until(lambda: b.do("look")[1]) > 500
    newcomer = member()
    assert until(lambda: newcomer.do("look")[1]) > 500


@pytest.mark.slow
def test_the_budget_is_one(server: RedisServer, member: Callable[..., Member]) -> None:
    """Two processes together get what one would; nothing comes with time here."""
    a, b = (member(retries_per_second=0, max_retries=20) for _ in range(2))
    together(a, b)
    until(lambda: all(each.do("snapshot")["retries_left"] == 2 for each in (a, b)))
    taken = 0
    deadline = time.monotonic() + PATIENCE
    while float(server.command("HGET", "{unbroken}:fleet:budget", "left")) > 0:
        assert time.monotonic() < deadline
        taken += a.do("drain") + b.do("drain")
        time.sleep(0.01)
    for _ in range(20):
        taken += a.do("drain") + b.do("drain")
        time.sleep(0.05)
    # The fleet's twenty, and what the two began with and have kept: a slice each.
    assert 20 <= taken <= 24


@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill", "pause"])
def test_without_redis_each_goes_on_and_says_so_once(
    server: RedisServer, member: Callable[..., Member], how: str
) -> None:
    a, b = (member(recovery_time=1, timeout=0.5) for _ in range(2))
    together(a, b)
    getattr(server, how)()
    until(lambda: not a.do("snapshot")["fleet"]["reached"])
    a.do("fail", 20)
    assert state(a) == "open"
    until(lambda: a.do("enter"))  # its own probe: nobody can reserve it
    a.do("answer")
    assert state(a) == "closed"
    age = a.do("snapshot")["fleet"]["age"]
    until(lambda: a.do("snapshot")["fleet"]["age"] > age)
    server.resume() if how == "pause" else server.start()
    until(lambda: a.do("snapshot")["fleet"]["reached"] and b.do("snapshot")["fleet"]["reached"])
    a.do("cool", 600)
    until(lambda: b.do("look")[1])
    logged = a.end()
    assert logged.count("does not reach its fleet") == 1
    assert "canary" not in logged


def test_the_server_gets_no_key_and_no_name(server: RedisServer, member: Callable[..., Member]) -> None:
    a = member()
    together(a)
    a.do("cool", 600)  # counts as an answer of a server that is well
    a.do("fail", 19)
    until(lambda: server.command("ZCARD", "{unbroken}:fleet:open") and server.command("ZCARD", "{unbroken}:fleet:cool"))
    said = repr(server.key_names())
    for key in ("open", "cool", "here"):
        said += repr(server.command("ZRANGE", f"{{unbroken}}:fleet:{key}", 0, -1))
    assert "canary" not in said
    assert "opus" not in said


@pytest.mark.slow
def test_what_the_server_has_lost_is_told_again(server: RedisServer, member: Callable[..., Member]) -> None:
    a, b = (member(recovery_time=600) for _ in range(2))
    together(a, b)
    a.do("fail", 20)
    until(lambda: b.do("look")[2])
    server.command("FLUSHALL")
    until(lambda: server.command("ZCARD", "{unbroken}:fleet:open"))
    assert [state(a), state(b)] == ["open", "open"]
