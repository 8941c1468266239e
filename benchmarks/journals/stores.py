"""The journals that are measured: a file, and a Redis server of their own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

__all__ = ["STORES", "journal_at", "place"]

STORES: Final = ("SQLite", "Redis")

#: An answer of 20,000 events takes more than a journal keeps of one stream as it comes.
_ROOM: Final = 2**30


@contextmanager
def place(store: str) -> Iterator[str]:
    """Where such a journal is, for as long as this is open: a path, or the address of a server that was started."""
    folder = Path(tempfile.mkdtemp(prefix="unbroken-journals-"))
    try:
        if store == "SQLite":
            yield str(folder / "answers.db")
            return
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = ["redis-server", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder)]
        server = subprocess.Popen([*command, "--maxmemory-policy", "noeviction"], stdout=subprocess.DEVNULL)
        try:
            _wait_for(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()
            server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(port: int) -> None:
    for _ in range(500):
        with socket.socket() as each:
            if each.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise RuntimeError("redis-server does not listen")


def journal_at(address: str) -> Any:
    """A journal there, to be entered."""
    if address.startswith("redis://"):
        from unbroken.journal.redis import RedisJournal

        return RedisJournal(address, max_bytes=_ROOM)
    from unbroken.journal import SQLiteJournal

    return SQLiteJournal(address, max_bytes=_ROOM)
