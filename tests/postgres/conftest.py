"""A PostgreSQL server of the tests' own: on a free port, in a directory of its own, gone with them."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


def _program(name: str) -> str | None:
    """Debian keeps them out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)


def _as_somebody(directory: Path) -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return []
    somebody = pwd.getpwnam("postgres")
    os.chown(directory, somebody.pw_uid, somebody.pw_gid)
    return ["runuser", "-u", "postgres", "--"]


class PostgresServer:
    """A server; `dsn` is the address of its one database."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._user = _as_somebody(directory)
        self._data = directory / "data"
        self._run("initdb", "--pgdata", self._data, "--auth", "trust", "--username", "me", "--no-sync")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.start()

    @property
    def dsn(self) -> str:
        return f"postgresql://me@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=200"
        # Its log must not be the pipe that pytest reads from.
        log = self._directory / "log"
        self._run("pg_ctl", "start", "--wait", "--pgdata", self._data, "--log", log, "--options", options)

    def kill(self) -> None:
        """Dead at once, as by a crash."""
        self._run("pg_ctl", "stop", "--mode", "immediate", "--wait", "--pgdata", self._data)

    def _run(self, program: str, *arguments: object) -> None:
        path = _program(program)
        assert path is not None
        command = [*self._user, path, *map(str, arguments)]
        done = subprocess.run(
            command, cwd=self._directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One for all tests, of which each empties it."""
    pytest.importorskip("asyncpg", reason="asyncpg is not installed; `make postgres` does that")
    if _program("initdb") is None:
        pytest.skip("PostgreSQL is not installed; `make postgres` does that")
    # Not in pytest's own directory, which only its user can enter.
    directory = Path(tempfile.mkdtemp(prefix="unbroken-postgres-"))
    server = PostgresServer(directory)
    yield server
    server.kill()
    shutil.rmtree(directory)
