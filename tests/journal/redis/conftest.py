"""Redis servers for the tests of this folder."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from redis_server import RedisServer, needs_redis
from unbroken.journal.redis import RedisJournal

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One for all tests of a file, which have prefixes of their own and do it no harm."""
    server = RedisServer(tmp_path_factory.mktemp("redis")).start()
    yield server
    server.kill()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., RedisServer]]:
    """Starts servers for one test, with options."""
    servers: list[RedisServer] = []

    def start(*options: str) -> RedisServer:
        directory = tmp_path / f"redis{len(servers)}"
        directory.mkdir()
        servers.append(RedisServer(directory, *options))
        return servers[-1].start()

    yield start
    for server in servers:
        server.kill()


@pytest.fixture
def server(start_server: Callable[..., RedisServer]) -> RedisServer:
    """One for this test alone, which may stop it, kill its clients, and empty it."""
    return start_server()


@pytest.fixture
def journals(shared_server: RedisServer) -> Callable[..., RedisJournal]:
    """Makes journals that share what they have, and nothing with other tests."""
    prefix = f"test{next(_NUMBERS)}"

    def make(**options: Any) -> RedisJournal:
        return RedisJournal(shared_server.url, **{"prefix": prefix, "timeout": 10, **options})

    return make


class Worker:
    """Another process, which says what it does (`worker.py`)."""

    def __init__(self, url: str, prefix: str, backend: str, *what: object) -> None:
        path = Path(__file__).with_name("worker.py")
        self.process = subprocess.Popen(
            [sys.executable, str(path), url, prefix, backend, *map(str, what)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def heard(self) -> str:
        """The next line that it says."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def begin(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


@pytest.fixture(params=["asyncio", "trio"])
def start_worker(request: pytest.FixtureRequest) -> Iterator[Callable[..., Worker]]:
    """Starts processes that write, on an event loop that is another case."""
    workers: list[Worker] = []

    def start(journal: RedisJournal, *what: object) -> Worker:
        workers.append(Worker(str(journal._address), journal._prefix, request.param, *what))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(needs_redis)
