"""Where a Redis server is, and what it asks for: its URL, taken apart. The password is never shown."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

import anyio
from anyio.abc import ByteStream, SocketAttribute

if TYPE_CHECKING:
    from coredis.connection import BaseConnection

__all__ = ["Address"]

_PORT: Final = 6379


class Address:
    """A server, of which connections are made.

    Args:
        url: `redis://[[user]:password@]host[:port][/database]`, the same with `rediss://` for TLS, or
            `unix://[[user]:password@]/path`. User and password may be percent-encoded.
        ssl_context: For `rediss://`. None: the system's certificates, and the name of the host has to be theirs.

    Raises:
        ValueError: It is no such URL. The text has nothing of it.
    """

    def __init__(self, url: str, ssl_context: ssl.SSLContext | None = None) -> None:
        if not isinstance(url, str):
            raise TypeError("the URL must be a string")
        parts = _split(url)
        self._scheme = parts.scheme
        self._username = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._ssl_context = ssl_context
        self._path = parts.path
        self._database = 0 if parts.scheme == "unix" else _database(parts.path)
        self._origin = (parts.hostname or "localhost", parts.port or _PORT)
        #: Host and port of the server that is asked. A cluster may have named another than the URL.
        self._node = self._origin

    def __str__(self) -> str:
        """For people: without user and password."""
        if self._scheme == "unix":
            return f"unix://{self._path}"
        host, port = self._origin
        return f"{self._scheme}://{f'[{host}]' if ':' in host else host}:{port}/{self._database}"

    def move(self, host: str, port: int) -> None:
        """Another server of the same cluster has the keys. Without a host: another port of the same one."""
        self._node = (host or self._node[0], port)

    def move_back(self) -> None:
        """To the server that the URL names: it is the one that is sure to be known."""
        self._node = self._origin

    async def connect(self) -> ByteStream:
        """A socket that is connected.

        Raises:
            OSError: There is nobody, or the certificate is not that of the host.
        """
        if self._scheme == "unix":
            return await anyio.connect_unix(self._path)
        host, port = self._node
        if self._scheme == "redis":
            stream = await anyio.connect_tcp(host, port)
            stream.extra(SocketAttribute.raw_socket).setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return stream
        if self._ssl_context is None:
            self._ssl_context = ssl.create_default_context()
        return await anyio.connect_tcp(host, port, ssl_context=self._ssl_context, tls_standard_compatible=False)

    def connection(self, stream: ByteStream, name: str, timeout: float) -> BaseConnection:
        """A connection over a socket, whose `run` is still to be called.

        Args:
            stream: The socket; the connection closes it.
            name: How the server's list of clients names it.
            timeout: Seconds in which the server has to answer.
        """
        return _connection_class()(
            stream,
            str(self),
            username=self._username,
            password=self._password,
            client_name=name,
            db=self._database,
            stream_timeout=timeout,
        )


@cache
def _connection_class() -> Callable[..., BaseConnection]:
    """coredis' connection over a socket that there is: where there is none, nothing is begun that has to be ended."""
    from coredis.connection import BaseConnection, TCPLocation

    class Connection(BaseConnection):
        def __init__(self, stream: ByteStream, shown: str, **options: Any) -> None:
            super().__init__(TCPLocation(shown, 0), **options)
            self._socket = stream
            self._shown = shown

        async def _connect(self) -> ByteStream:
            return self._socket

        def describe(self) -> str:
            return f"Connection<{self._shown}>"

    return Connection


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - it raises where the port is none
    except ValueError:
        raise ValueError("the URL cannot be read: its host or its port is none") from None
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise ValueError("the URL must begin with redis://, rediss:// or unix://")
    if parts.query or parts.fragment:
        raise ValueError("the URL must have no ? and no #: percent-encode them in a password")
    if parts.scheme == "unix" and not parts.path:
        raise ValueError("the URL must name the path of a socket: unix:///run/redis.sock")
    return parts


def _database(path: str) -> int:
    number = path.strip("/")
    if number and not (number.isascii() and number.isdigit()):
        raise ValueError("what follows the host in the URL must be the number of a database: redis://localhost:6379/0")
    return int(number or 0)
