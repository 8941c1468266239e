"""Redis servers for the tests of this folder."""

from __future__ import annotations

import itertools
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(needs_redis)
