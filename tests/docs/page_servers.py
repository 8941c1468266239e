"""Programs that pages show, served by Uvicorn in processes of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from snippets import read

__all__ = ["PATIENCE", "Worker", "extract", "worker"]

#: How long a process may take to be there, or gone, in seconds: a busy machine takes its time.
PATIENCE = 120.0


def extract(page: Path, place: Path, *names: str) -> None:
    """Write files that a page shows, by their titles, into a directory."""
    shown = {block.title: block.body for block in read(page)}
    for name in names:
        (place / name).write_text(shown[name], encoding="utf-8")


class Worker:
    """One process of Uvicorn's with `app.py` of a directory.

    Args:
        place: The directory.
        api: The URL of what it asks.
        listening: Where it listens; it may share that with others, as the workers of one Uvicorn do.
    """

    def __init__(self, place: Path, api: str, listening: socket.socket) -> None:
        self.port: int = listening.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "app:app", "--fd", str(listening.fileno())],
            cwd=place,
            env={**os.environ, "ANTHROPIC_BASE_URL": api, "ANTHROPIC_API_KEY": "test"},
            pass_fds=[listening.fileno()],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def kill(self) -> None:
        """As the kernel does where there is no memory left."""
        self.process.kill()
        self.process.wait()


@contextmanager
def worker(place: Path, api: str, listening: socket.socket | None = None) -> Iterator[Worker]:
    """One of them, which has ended afterwards. Without `listening`, on a port of its own."""
    with listening.dup() if listening else socket.create_server(("127.0.0.1", 0)) as own:
        running = Worker(place, api, own)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.communicate()
