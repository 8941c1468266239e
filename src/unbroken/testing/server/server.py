"""The fault server: the wire of the Messages API on loopback, with a script of what goes wrong."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

import anyio
from anyio.from_thread import start_blocking_portal

from unbroken.testing.rules.validation import KNOWN_MODELS
from unbroken.testing.script.faults.fault import End
from unbroken.testing.script.script import Answer, Script
from unbroken.testing.server.api import Api
from unbroken.testing.server.player import Player
from unbroken.testing.server.response_writer import ResponseWriter
from unbroken.testing.wire.http import HttpRequest, read_request
from unbroken.testing.wire.record import Connection, Request
from unbroken.testing.wire.sockets import Listener, Stream, accept

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Iterable, Iterator
    from types import TracebackType

    from anyio.abc import TaskGroup

    from unbroken.testing.server.threaded import ThreadedFaultServer
    from unbroken.testing.services.batch import Batch
    from unbroken.testing.services.service_status import ServiceStatus

__all__ = ["FaultServer"]


class FaultServer:
    """A server on loopback that speaks the Messages API, and breaks as its script says.

    It runs inside the caller's event loop, asyncio or trio, and all its waits are the loop's: under trio's
    `MockClock` an hour of silence passes at once. `in_thread` runs it beside synchronous code.

    A virtual clock does not see threads, and the SDK asks one for its platform at a client's first request. Let
    the clock jump (`autojump_threshold=0`) only after that, or it jumps to the next deadline meanwhile.

        async with FaultServer(Script(faults=[Reset(at=after_characters(100))])) as server:
            client = AsyncAnthropic(base_url=server.url, api_key="test")

    Args:
        script: What happens. An `Answer`, or its text, is a script in which nothing goes wrong; an empty one
            leaves the words to the server.
        models: The models that exist; None: those of the Claude API that `unbroken` knows.
        api_keys: The keys that are accepted; None: any.

    Attributes:
        requests: Every request, in the order of arrival.
        connections: Every connection, in the order in which they were accepted.
    """

    def __init__(
        self,
        script: Script | Answer | str = "",
        *,
        models: Iterable[str] | None = None,
        api_keys: Collection[str] | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self.connections: list[Connection] = []
        self._api = Api(
            Player(_as_script(script)),
            models=KNOWN_MODELS if models is None else frozenset(models),
            api_keys=api_keys,
            url=lambda: self.url,
        )
        self._listener: Listener | None = None
        self._tasks: TaskGroup | None = None
        self._door: anyio.Lock | None = None
        self._accepting: tuple[anyio.CancelScope, anyio.Event] | None = None
        self._idle: set[anyio.CancelScope] = set()
        self._streams: set[Stream] = set()
        self._changed: anyio.Event | None = None

    @property
    def url(self) -> str:
        """What the client's `base_url` must be.

        Raises:
            RuntimeError: If the server is not running.
        """
        if self._listener is None:
            raise RuntimeError("the server is not running")
        return f"http://127.0.0.1:{self._listener.port}"

    @property
    def batches(self) -> list[Batch]:
        """The message batches that were created and not deleted, the oldest first."""
        return self._api.batches.batches

    @property
    def status(self) -> ServiceStatus:
        """What the status page below `/api/v2/` says. It may be set at any time."""
        return self._api.status

    @status.setter
    def status(self, status: ServiceStatus) -> None:
        self._api.status = status

    @property
    def open_connections(self) -> list[Connection]:
        """The connections that neither side has closed."""
        return [connection for connection in self.connections if connection.closed_at is None]

    async def all_closed(self) -> None:
        """Wait until no connection is open."""
        while self.open_connections:
            assert self._changed is not None
            await self._changed.wait()

    async def play(self, script: Script | Answer | str) -> None:
        """Begin another script, from its first step. What was recorded stays."""
        self._api.restart(Player(_as_script(script)))
        await self._refuse_if_next()

    async def stop_listening(self) -> None:
        """Refuse connections, until `listen`; those that are open stay."""
        assert self._door is not None
        async with self._door:
            if self._accepting is not None:
                (scope, closed), self._accepting = self._accepting, None
                scope.cancel()
                await closed.wait()

    async def listen(self) -> None:
        """Accept connections again, on the same port."""
        assert self._door is not None
        assert self._tasks is not None
        assert self._listener is not None
        async with self._door:
            if self._accepting is None:
                self._accepting = anyio.CancelScope(), anyio.Event()
                self._tasks.start_soon(self._accept, self._listener.listen(), *self._accepting)

    @classmethod
    @contextmanager
    def in_thread(
        cls,
        script: Script | Answer | str = "",
        *,
        models: Iterable[str] | None = None,
        api_keys: Collection[str] | None = None,
    ) -> Iterator[ThreadedFaultServer]:
        """Run a server on an event loop in a thread of its own, for as long as the `with` block lasts.

        Its time is real time. The arguments are those of the class.
        """
        from unbroken.testing.server.threaded import ThreadedFaultServer

        with start_blocking_portal() as portal:
            server = cls(script, models=models, api_keys=api_keys)
            with portal.wrap_async_context_manager(server):
                yield ThreadedFaultServer(server, portal)

    async def __aenter__(self) -> Self:
        self._listener = Listener()
        self._api.begin(anyio.current_time())
        self._changed = anyio.Event()
        self._door = anyio.Lock()
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        await self.listen()
        await self._refuse_if_next()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._tasks is not None
        assert self._listener is not None
        self._tasks.cancel_scope.cancel()
        try:
            # The body's own exception is not the server's: it goes on as it is, in no group.
            await self._tasks.__aexit__(None, None, None)
        finally:
            # A task that was cancelled before its first step has closed nothing.
            self._listener.close()
            for stream in self._streams:
                stream.close()
            self._listener = self._tasks = self._accepting = None

    async def _accept(self, sock: socket.socket, scope: anyio.CancelScope, closed: anyio.Event) -> None:
        assert self._tasks is not None
        try:
            with scope:
                while True:
                    stream = await accept(sock)
                    self._streams.add(stream)
                    self._tasks.start_soon(self._serve, stream)
        finally:
            sock.close()
            closed.set()

    async def _serve(self, stream: Stream) -> None:
        """Answer the requests of one connection, one after another."""
        connection = Connection(len(self.connections), anyio.current_time())
        self.connections.append(connection)
        end = End.CLOSE
        buffered = b""
        try:
            while True:
                http: HttpRequest | None = None
                with anyio.CancelScope() as idle:
                    self._idle.add(idle)
                    http = await read_request(stream.receive, buffered)
                self._idle.discard(idle)
                if idle.cancelled_caught:
                    return
                if http is None:
                    connection.closed_by = "client"
                    return
                end, buffered = await self._answer(stream, connection, http)
                if end is not End.KEEP:
                    return
        finally:
            stream.reset() if end is End.RESET else stream.close()
            self._streams.discard(stream)
            connection.closed_by = connection.closed_by or "server"
            connection.closed_at = anyio.current_time()
            if self._changed is not None:
                self._changed.set()
                self._changed = anyio.Event()

    async def _answer(self, stream: Stream, connection: Connection, http: HttpRequest) -> tuple[End, bytes]:
        """Answer one request; how the connection ends, and the bytes that came meanwhile."""
        request = Request.of(http, len(self.requests), connection, anyio.current_time())
        self.requests.append(request)
        end = End.CLOSE
        came = [http.rest]

        async def watch(scope: anyio.CancelScope) -> None:
            while data := await stream.receive():
                came.append(data)
            connection.closed_by = "client"
            scope.cancel()

        async def respond() -> End:
            try:
                return await self._respond(stream, request)
            except OSError:
                connection.closed_by = "client"
                return End.CLOSE

        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(watch, tasks.cancel_scope)
                end = await respond()
                request.abandoned = connection.closed_by == "client" and not request.whole
                tasks.cancel_scope.cancel()
        finally:
            request.ended_at = anyio.current_time()
            request.abandoned = connection.closed_by == "client" and not request.whole
        if connection.closed_by == "client":
            end = End.CLOSE
        return end, b"".join(came)

    async def _respond(self, stream: Stream, request: Request) -> End:
        response = self._api.answer(request)
        refusal = self._api.player.refusal() if response.scripted else None
        writer = ResponseWriter(
            stream, request, response.dialect, response.faults, response.pace, last=refusal is not None
        )
        if refusal is not None:
            await self.stop_listening()
        try:
            return await writer.response(response)
        finally:
            if refusal is not None:
                self._refuse(refusal)

    async def _refuse_if_next(self) -> None:
        refusal = self._api.player.refusal()
        if refusal is not None:
            await self.stop_listening()
            self._refuse(refusal)

    def _refuse(self, seconds: float) -> None:
        """Close the idle connections, and listen again after `seconds`."""
        for idle in list(self._idle):
            idle.cancel()

        async def listen_again() -> None:
            await anyio.sleep(seconds)
            await self.listen()

        if self._tasks is not None and not math.isinf(seconds):
            self._tasks.start_soon(listen_again)


def _as_script(script: Script | Answer | str) -> Script:
    return script if isinstance(script, Script) else Script(script or ())
