"""The chat on a real web server in a thread, with a line to it that can be cut: for browsers and sockets."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import uvicorn
from anthropic import AsyncAnthropic
from anyio.abc import SocketStream, TaskGroup
from anyio.from_thread import BlockingPortal, start_blocking_portal
from chat.answering import Model
from chat.app import make_app
from chat.chats import Chats

from unbroken.testing import Answer, FaultServer, Script

__all__ = ["Website", "website"]


class Line:
    """A TCP proxy on a port of its own, before the web server.

    Attributes:
        target: The port that connections are led to.
        port: The port that it listens on.
        opened: How many connections there were.
    """

    def __init__(self, target: int, tasks: TaskGroup) -> None:
        self.target = target
        self.port = 0
        self.opened = 0
        self._tasks = tasks
        self._scope = anyio.CancelScope()

    async def mend(self) -> None:
        """Listen, on the same port as before."""
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=self.port)
        self.port = listener.listeners[0].extra(anyio.abc.SocketAttribute.local_port)
        self._scope = anyio.CancelScope()
        self._tasks.start_soon(self._listen, listener, self._scope)

    async def cut(self) -> None:
        """Break every connection, and let nobody in."""
        self._scope.cancel()
        await anyio.wait_all_tasks_blocked()

    async def _listen(self, listener: Any, scope: anyio.CancelScope) -> None:
        with scope:
            async with listener, anyio.create_task_group() as connections:
                await listener.serve(self._lead, connections)

    async def _lead(self, near: SocketStream) -> None:
        self.opened += 1
        async with near, await anyio.connect_tcp("127.0.0.1", self.target) as far, anyio.create_task_group() as ways:
            ways.start_soon(_pump, near, far, ways)
            ways.start_soon(_pump, far, near, ways)


async def _pump(source: SocketStream, sink: SocketStream, ways: TaskGroup) -> None:
    try:
        async for data in source:
            await sink.send(data)
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        pass
    ways.cancel_scope.cancel()


class _Server(uvicorn.Server):
    """Says when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = anyio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@dataclass
class Website:
    """The chat as the outside sees it; its methods may be called from any thread but its own.

    Attributes:
        api: The fault server. Read it; what changes it belongs into `call`.
        line: The proxy.
        port: The web server's own port, without the proxy.
    """

    api: FaultServer
    line: Line
    port: int
    _portal: BlockingPortal

    @property
    def url(self) -> str:
        """The address of the page, through the proxy."""
        return f"http://127.0.0.1:{self.line.port}"

    def cut(self) -> None:
        """Break every connection, and let nobody in."""
        self._portal.call(self.line.cut)

    def mend(self) -> None:
        """Let them in again."""
        self._portal.call(self.line.mend)


@contextmanager
def website(script: Script | Answer | str, **model: Any) -> Iterator[Website]:
    """The chat on a fault server, in a thread; `model` is for `Model`."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(_site(portal, script, model)) as site:
        yield site


@asynccontextmanager
async def _site(portal: BlockingPortal, script: Script | Answer | str, model: dict[str, Any]) -> AsyncIterator[Website]:
    async with (
        FaultServer(script) as api,
        AsyncAnthropic(base_url=api.url, api_key="test") as client,
        anyio.create_task_group() as tasks,
    ):
        app = make_app(Model(client, **model), Chats())
        settings: dict[str, Any] = {"access_log": False, "log_level": "error", "ws": "none", "log_config": None}
        web = _Server(uvicorn.Config(app, timeout_graceful_shutdown=1, **settings))
        listening = socket.create_server(("127.0.0.1", 0))  # the web server closes it
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)  # who does not read is noticed soon
        tasks.start_soon(web.serve, [listening])
        await web.ready.wait()
        line = Line(listening.getsockname()[1], tasks)
        await line.mend()
        yield Website(api, line, line.target, portal)
        await line.cut()
        web.should_exit = True
