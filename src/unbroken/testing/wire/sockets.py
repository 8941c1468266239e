"""A TCP stream that can also end badly.

Plain sockets rather than anyio's streams: those say goodbye before they close, and a reset must not.
"""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from typing import Final

import anyio
import anyio.lowlevel

__all__ = ["Listener", "Stream", "accept"]

_READ: Final = 64 * 1024
# SO_LINGER, on, for no time: closing sends RST and throws away what is not yet sent.
_LINGER: Final = struct.pack("ii", 1, 0)


class Stream:
    """One accepted connection. It has one reader and one writer at a time."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = sock

    async def receive(self) -> bytes:
        """The next bytes; none when the client has closed the connection, in whichever way."""
        await anyio.lowlevel.checkpoint()
        while True:
            try:
                return self._socket.recv(_READ)
            except BlockingIOError:
                await anyio.wait_readable(self._socket)
            except OSError:
                return b""

    async def send(self, data: bytes) -> None:
        """Send all of `data`.

        Raises:
            OSError: If the client has closed the connection.
        """
        # First, so that a caller that is cancelled knows that nothing was sent, and one that returns that all
        # was.
        await anyio.lowlevel.checkpoint()
        left = memoryview(data)
        while left:
            try:
                left = left[self._socket.send(left) :]
            except BlockingIOError:
                await anyio.wait_writable(self._socket)

    def close(self) -> None:
        """Close it (TCP FIN)."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        self._socket.close()

    def reset(self) -> None:
        """Close it with a reset (TCP RST)."""
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        self._socket.close()


class Listener:
    """A port of the loopback interface, which can be listened on or not, and stays ours meanwhile."""

    def __init__(self) -> None:
        # A bound socket that never listens keeps the port while no other socket of ours does.
        self._kept = _bound(0)
        self._listening: socket.socket | None = None
        self.port: int = self._kept.getsockname()[1]

    def listen(self) -> socket.socket:
        """A listening socket; while there is none, connections are refused. Close it before the next."""
        self._listening = sock = _bound(self.port)
        sock.listen(128)
        return sock

    def close(self) -> None:
        """Give the port back, and stop listening."""
        self._kept.close()
        if self._listening is not None:
            self._listening.close()


async def accept(sock: socket.socket) -> Stream:
    """The next connection."""
    while True:
        await anyio.wait_readable(sock)
        with suppress(BlockingIOError, ConnectionAbortedError):
            return Stream(sock.accept()[0])


def _bound(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setblocking(False)
        sock.bind(("127.0.0.1", port))
    except BaseException:
        sock.close()
        raise
    return sock
