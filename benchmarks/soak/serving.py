"""A server for thousands of streams at a time: it reads requests, and leaves their answers to a metronome."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Self

from benchmarks.soak.pacing import Metronome, Paced, close
from unbroken.testing.script.faults.fault import End
from unbroken.testing.wire.http import HttpRequest, read_request
from unbroken.testing.wire.sockets import Listener

__all__ = ["Response", "Server"]

_READ: Final = 64 * 1024


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
        busy: How many requests are being answered.
        connections: How many connections are open.
        failures: What went wrong in the server itself, which nothing ever should.
    """

    answer: Callable[[HttpRequest], Response]
    metronome: Metronome = field(default_factory=Metronome)
    busy: int = 0
    connections: int = 0
    failures: list[str] = field(default_factory=list)
    _listener: Listener = field(default_factory=Listener)
    _listening: socket.socket | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _idle: set[socket.socket] = field(default_factory=set)

    @property
    def url(self) -> str:
        """What a client's `base_url` must be."""
        return f"http://127.0.0.1:{self._listener.port}"

    async def __aenter__(self) -> Self:
        self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._shut()
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._listener.close()

    def _listen(self) -> None:
        self._listening = listening = self._listener.listen()
        asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def _shut(self) -> None:
        if self._listening is not None:
            asyncio.get_running_loop().remove_reader(self._listening)
            self._listening.close()
            self._listening = None

    def _accept(self, listening: socket.socket) -> None:
        """Take those who wait. (asyncio's own `sock_accept` loses a connection when it is cancelled.)"""
        with suppress(BlockingIOError, ConnectionAbortedError):
            while True:
                sock, _ = listening.accept()
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._start(self._serve(sock))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _refuse(self, seconds: float) -> None:
        """Close the port and the idle connections, and come back."""
        if self._listening is None:
            return  # it is closed already
        self._shut()
        for sock in self._idle:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        await asyncio.sleep(seconds)
        self._listen()

    async def _serve(self, sock: socket.socket) -> None:
        """Answer the requests of one connection, one after another."""
        self.connections += 1
        end, rest = End.CLOSE, b""
        try:
            while (http := await self._read(sock, rest)) is not None:
                self.busy += 1
                try:
                    end, rest = await self._play(sock, self.answer(http))
                finally:
                    self.busy -= 1
                if end is not End.KEEP:
                    return
        except OSError:
            pass  # the client has reset it
        except Exception as error:
            self.failures.append(f"{type(error).__name__}: {error}")
        finally:
            self.connections -= 1
            close(sock, reset=end is End.RESET)

    async def _read(self, sock: socket.socket, rest: bytes) -> HttpRequest | None:
        loop = asyncio.get_running_loop()
        self._idle.add(sock)
        try:
            return await read_request(lambda: loop.sock_recv(sock, _READ), rest)
        finally:
            self._idle.discard(sock)

    async def _play(self, sock: socket.socket, response: Response) -> tuple[End, bytes]:
        """Send a response; how the connection ends, and the bytes that came meanwhile."""
        loop = asyncio.get_running_loop()
        finished: asyncio.Future[End] = loop.create_future()
        came: list[bytes] = []

        def finish(end: End) -> None:
            if not finished.done():
                finished.set_result(end)

        def hear() -> None:
            try:
                data = sock.recv(_READ)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            came.append(data)
            if not data:
                finish(End.CLOSE)

        if response.refuse is not None:
            self._start(self._refuse(response.refuse))
        paced = Paced(sock, response.pieces, response.every, lambda: finish(response.end))
        loop.add_reader(sock, hear)
        try:
            self.metronome.start(paced)
            return await finished, b"".join(came)
        finally:
            loop.remove_reader(sock)
            paced.stop()
