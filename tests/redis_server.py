"""Real Redis servers for tests: each on a port and in a directory of its own, and killed with its test."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import anyio
import pytest

__all__ = ["RedisRefused", "RedisServer", "eventually", "free_port", "needs_redis"]

#: A machine that is busy with other tests starts processes slowly.
_PATIENCE: Final = 60

needs_redis = pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")


class RedisServer:
    """A server of this test's own; without persistence, unless its options say otherwise.

    Args:
        directory: Where its files are.
        options: As on its command line.
    """

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        self.options = options
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> RedisServer:
        """Start it, on the port that it had, or on a free one; return when it answers."""
        for _ in range(20):
            port = self.port or free_port()
            log = (self.directory / "redis.log").open("ab")
            self._process = subprocess.Popen(
                [
                    *("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(self.directory)),
                    *("--save", "", "--appendonly", "no", "--daemonize", "no", *self.options),
                ],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
            log.close()
            if self._answers(port):
                self.port = port
                return self
        raise AssertionError((self.directory / "redis.log").read_text(errors="replace")[-2000:])

    def _answers(self, port: int) -> bool:
        assert self._process is not None
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                return False  # another has got the port meanwhile
            try:
                # Another server may have the port: it has to be this one.
                info = _command(port, 1, "INFO", "server")
            except (OSError, RedisRefused):  # it is starting, or loading
                time.sleep(0.01)
            else:
                return f"process_id:{self._process.pid}\r\n".encode() in info
        raise AssertionError("redis-server does not answer")

    def command(self, *words: str | int | bytes) -> Any:
        """Its reply to a command: a number, bytes, None, or a list of those."""
        return _command(self.port, _PATIENCE, *words)

    def clients(self, name: str = "") -> list[dict[str, str]]:
        """Who is connected: all, or those of a name."""
        lines = self.command("CLIENT", "LIST").decode().splitlines()
        found = [dict(word.partition("=")[::2] for word in line.split(" ")) for line in lines if line]
        return [each for each in found if not name or each["name"] == name]

    def key_names(self) -> list[str]:
        """Of all that it has, in their order."""
        return sorted(key.decode() for key in self.command("KEYS", "*"))

    def pause(self) -> None:
        """It takes connections, and does nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """Dead at once, with what it has not written."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """It writes what it has to write."""
        self._end(signal.SIGTERM)

    def _end(self, how: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.send_signal(signal.SIGCONT)
            self._process.wait(_PATIENCE)


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Ask until it is so; what never becomes so fails, and does not hang."""
    with anyio.fail_after(2 * _PATIENCE):
        while not await condition():  # noqa: ASYNC110 - another process makes it so
            await anyio.sleep(0.01)


class RedisRefused(Exception):
    """The server's error."""


def free_port() -> int:
    """A port on which nobody listens just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(port: int, timeout: float, *words: str | int | bytes) -> Any:
    """One command on a connection of its own: tests speak to the server in another way than what they test."""
    encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    message = b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.sendall(message)
        with connection.makefile("rb") as file:
            return _reply(file)


def _reply(file: Any) -> Any:
    line = file.readline()
    if not line:
        raise ConnectionResetError("the server has closed the connection")
    kind, rest = line[:1], line[1:-2]
    match kind:
        case b"+":
            return rest
        case b"-":
            raise RedisRefused(rest.decode())
        case b":":
            return int(rest)
        case b"$":
            return None if rest == b"-1" else file.read(int(rest) + 2)[:-2]
        case b"*":
            return None if rest == b"-1" else [_reply(file) for _ in range(int(rest))]
        case _:
            raise AssertionError(line)
