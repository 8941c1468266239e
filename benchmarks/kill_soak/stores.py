"""The journals of a kill soak, and what goes wrong with them: a file that somebody holds, a server that is killed."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import Final

from tests.redis_server import RedisServer

__all__ = ["STORES", "RedisStore", "SQLiteStore", "Store", "store"]

#: For how long somebody holds the file, in seconds: shorter than the patience of those who would write.
_HELD: Final = (0.5, 3.0)
#: For how long a server is away that was killed, in seconds; then it has to read what it has.
_AWAY: Final = (0.0, 1.0)


class Store(ABC):
    """Where the journal is.

    Attributes:
        address: As `journal_at` takes it.
        disturbance: What `disturb` does.
    """

    address: str
    disturbance: str

    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Lock()

    async def disturb(self, rng: Random) -> None:
        """Take it away, for a moment; who comes while it is away waits until it is back."""
        async with self._one_at_a_time:
            await self._disturb(rng)

    @abstractmethod
    async def _disturb(self, rng: Random) -> None:
        """Take it away, and bring it back."""

    @abstractmethod
    def left(self) -> dict[str, int]:
        """What of processes that are all gone is left with it, by name."""

    @abstractmethod
    def close(self) -> None:
        """There is no journal any more."""


class SQLiteStore(Store):
    """A file."""

    disturbance = "the file's write lock held"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._path = folder / "answers.db"
        self.address = str(self._path)

    async def _disturb(self, rng: Random) -> None:
        await asyncio.to_thread(self._hold, rng.uniform(*_HELD))

    def _hold(self, seconds: float) -> None:
        with closing(sqlite3.connect(self._path, timeout=30, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            time.sleep(seconds)
            connection.execute("ROLLBACK")

    def left(self) -> dict[str, int]:
        files = list(Path(f"{self._path}-workers").iterdir())
        return {"presence files of the journal": len(files)}

    def close(self) -> None:
        """The file is the folder's."""


class RedisStore(Store):
    """A server, which writes to the disk before it answers."""

    disturbance = "the server killed with -9, and started"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._server = RedisServer(folder, "--appendonly", "yes", "--appendfsync", "always").start()
        self.address = self._server.url

    async def _disturb(self, rng: Random) -> None:
        await asyncio.to_thread(self._server.kill)
        await asyncio.sleep(rng.uniform(*_AWAY))
        await asyncio.to_thread(self._server.start)

    def left(self) -> dict[str, int]:
        # Who asks is one of them.
        return {"connections to Redis": len(self._server.clients()) - 1}

    def close(self) -> None:
        self._server.kill()


STORES: Final[dict[str, type[SQLiteStore | RedisStore]]] = {"SQLite": SQLiteStore, "Redis": RedisStore}


@contextmanager
def store(name: str) -> Iterator[Store]:
    """A journal, for as long as this is open."""
    folder = Path(tempfile.mkdtemp(prefix="unbroken-kill-soak-"))
    try:
        made = STORES[name](folder)
        try:
            yield made
        finally:
            made.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
