"""The server of the soak and of the speed benchmark: it encodes nothing while it sends, and paces thousands of streams.

It stands beside `FaultServer`, which every other benchmark that goes over TCP is served by, because of what an event
costs the server. At a pace, of 500 streams on the machine of the pages, that is 27 to 37 µs of CPU here and 70 to 81 µs
there (55 to 81 with uvloop): for the soak's 16,000 a second more than one of its two cores, which the readers need,
instead of half of one. At full speed FaultServer sends some 14,000 a second; `resilient_stream` reads
ten times as many.

What it writes is the fault server's all the same: the soak's answers and faults (`soak/model.py`).
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Self, cast

from benchmarks.metronome import Metronome, Paced
from unbroken.testing.script.faults.fault import End
from unbroken.testing.wire.http import HttpRequest
from unbroken.testing.wire.sockets import Listener

__all__ = ["Response", "Server"]

#: Bytes that may wait for a reader.
_WAITING: Final = 256 * 1024
#: SO_LINGER, on, for no time: closing sends RST.
_LINGER: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Response:
    """What a request gets.

    Attributes:
        pieces: What is sent; the first one at once.
        every: Seconds between two pieces.
        end: What becomes of the connection then.
        refuse: For how many seconds connections are refused, from now on; None: they are not.
    """

    pieces: Iterator[bytes]
    every: float = 0.0
    end: End = End.KEEP
    refuse: float | None = None


@dataclass(slots=True)
class Server:
    """Answers requests on a port of the loopback interface.

    Attributes:
        answer: What a request gets.
        metronome: What sends it.
        connections: Those that are open.
        full: How often a connection took no more.
        failures: What went wrong in the server itself, which nothing ever should.
    """

    answer: Callable[[HttpRequest], Response]
    metronome: Metronome = field(default_factory=Metronome)
    connections: set[_Connection] = field(default_factory=set)
    full: int = 0
    failures: list[str] = field(default_factory=list)
    _listener: Listener = field(default_factory=Listener)
    _listening: asyncio.Server | None = None
    _opening: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """What a client's `base_url` must be."""
        return f"http://127.0.0.1:{self._listener.port}"

    @property
    def busy(self) -> int:
        """How many requests are being answered."""
        return sum(connection.busy for connection in self.connections)

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        self._shut()
        for connection in [*self.connections]:
            connection.close(End.RESET)
        await asyncio.sleep(0)  # in which they are closed
        self._listener.close()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        sock = self._listener.listen()
        self._listening = await loop.create_server(lambda: _Connection(self), sock=sock, backlog=1024)

    def _shut(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None

    def refuse(self, seconds: float) -> None:
        """Close the port and the idle connections, and come back."""
        if self._listening is None:
            return  # it is closed already
        self._shut()
        for connection in [*self.connections]:
            if not connection.busy:
                connection.close(End.CLOSE)
        self._opening = asyncio.get_running_loop().create_task(self._open_again(seconds))

    async def _open_again(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._listen()


class _Connection(asyncio.Protocol):
    """Answers the requests of one client, one after another."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._received = b""
        self._sending: Paced | None = None

    @property
    def busy(self) -> bool:
        """Whether a request is being answered."""
        return self._sending is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_WAITING)
        # asyncio does it by itself where the listening socket was opened for TCP by name.
        self._option(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # the protocol's
        self._server.connections.discard(self)
        if self._sending is not None:
            self._sending.stopped = True
            self._sending = None

    def data_received(self, data: bytes) -> None:
        self._received += data
        request = _request(self._received)
        if request is None:
            return
        if self._sending is not None:
            self._sending.stopped = True  # whoever asks again has all of the last answer, though its end is not yet due
        self._received = request.rest
        try:
            response = self._server.answer(request)
        except Exception as error:
            self._server.failures.append(f"{type(error).__name__}: {error}")
            self.close(End.RESET)
            return
        if response.refuse is not None:
            self._server.refuse(response.refuse)
        self._sending = Paced(response.pieces, response.every, self._write, lambda: self._done(response.end))
        self._server.metronome.start(self._sending)

    def _write(self, piece: bytes) -> None:
        # Whoever is killed takes nothing more, which is seen here before it is told (`connection_lost`).
        if not self._transport.is_closing():
            self._transport.write(piece)

    def _done(self, end: End) -> None:
        self._sending = None
        if end is not End.KEEP:
            self.close(end)

    def close(self, end: End) -> None:
        """Close the connection: properly (TCP FIN), or with a reset (TCP RST)."""
        if end is End.RESET:
            self._option(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
            self._transport.abort()
        else:
            self._transport.close()

    def _option(self, level: int, name: int, value: int | bytes) -> None:
        sock: Any = self._transport.get_extra_info("socket")
        sock.setsockopt(level, name, value)

    def pause_writing(self) -> None:
        self._server.full += 1
        if self._sending is not None:
            self._sending.full = True

    def resume_writing(self) -> None:
        if self._sending is not None:
            self._sending.full = False
            self._server.metronome.again(self._sending)


def _request(received: bytes) -> HttpRequest | None:
    """The request that these bytes begin with, as the SDK's clients write it; None until it is there."""
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", 0))
    if len(body) < length:
        return None
    return HttpRequest(method, target, headers, body[:length], body[length:])
