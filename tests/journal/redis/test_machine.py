"""Any order of things with two journals on one server; the model is that of the other journals."""

from __future__ import annotations

import itertools
from typing import ClassVar

import pytest
from tests.journal.test_machine import Machine, run

from redis_server import RedisServer
from unbroken.journal import Journal
from unbroken.journal.redis import RedisJournal

_NUMBERS = itertools.count(1)


class InRedis(Machine):
    """Each has its own object, and both what is under one prefix."""

    url: ClassVar[str]

    def prepare(self) -> None:
        self.prefix = f"machine{next(_NUMBERS)}"

    def journal(self) -> Journal:
        return RedisJournal(self.url, prefix=self.prefix, timeout=60)


@pytest.mark.sample
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_any_order_of_things(shared_server: RedisServer, backend: str) -> None:
    """A few runs."""
    run(type("InRedis", (InRedis,), {"url": shared_server.url}), backend, examples=3, steps=15)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_any_order_of_many_things(shared_server: RedisServer, backend: str) -> None:
    """More runs, and longer ones."""
    run(type("InRedis", (InRedis,), {"url": shared_server.url}), backend, examples=40, steps=50)
