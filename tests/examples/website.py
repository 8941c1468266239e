"""The chat as `make chat` runs it: two workers behind one port, in processes of their own, with a line to them that can
be cut; for browsers and sockets.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import anyio
import chat
from anyio.abc import SocketStream, TaskGroup
from anyio.from_thread import BlockingPortal, start_blocking_portal

from output import Output
from unbroken.journal import SQLiteJournal
from unbroken.testing import FaultServer, Script, ThreadedFaultServer

__all__ = ["Program", "Website", "program", "until", "website"]

#: How long a process may take to be there, or gone, in seconds: a busy machine takes its time.
PATIENCE = 120.0


def until(condition: Callable[[], Any], what: str) -> Any:
    """Wait for something to become true; what it is then."""
    ends = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < ends, f"{what}: not within {PATIENCE:g} seconds"
        time.sleep(0.02)
    return found


class Program:
    """`python -m chat`, in a process group of its own."""

    def __init__(self, data: Path, **environment: str) -> None:
        examples = str(Path(chat.__file__).parents[1])
        path = os.pathsep.join([examples, os.environ.get("PYTHONPATH", "")])
        command = [sys.executable, "-m", "chat", "--port", "0", "--data", str(data)]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": path, **environment},
            start_new_session=True,
        )
        self.output = Output(self.process)
        #: What it says of itself.
        self.greeting = self.output.line()
        self.port = int(self.greeting.partition(",")[0].rpartition(":")[2])

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request; the JSON that comes back. A worker that is killed by it gives None."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = Request(f"http://127.0.0.1:{self.port}{path}", data, headers, method=method)
        try:
            with urlopen(request, timeout=PATIENCE) as response:
                return json.loads(response.read() or b"null")
        except (ConnectionError, OSError):
            return None

    def workers(self) -> dict[int, int]:
        """How many answers each worker is writing, by process id."""
        return {int(pid): streams for pid, streams in (self.call("GET", "/chaos") or {}).items()}

    def ready(self) -> set[int]:
        """Wait until there are two workers, and none of them has anything to write; their process ids."""
        return set(until(lambda: (w := self.workers()) and len(w) == 2 and not any(w.values()) and w, "two workers"))

    def writers(self) -> set[int]:
        """Wait until somebody writes an answer; the process ids of those that do."""
        return set(until(lambda: {pid for pid, streams in self.workers().items() if streams}, "somebody writes"))

    def kill(self) -> None:
        """Let the workers that are writing be killed with -9; returns when they are gone."""
        writing = self.writers()
        self.call("PUT", "/chaos/kill")
        until(lambda: not writing & set(self.workers()), "the writers are gone")

    def until_replaced(self, before: set[int]) -> None:
        """Wait until none of these workers is left, and there are two others."""
        until(lambda: len(now := set(self.workers())) == 2 and not now & before, "both are replaced")

    def end(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """Send a signal to the whole group, as a terminal does, and wait; the exit code, and what was printed."""
        os.killpg(self.process.pid, number)
        said = self.output.rest()
        return self.process.returncode, said


@contextmanager
def program(data: Path, **environment: str) -> Iterator[Program]:
    """The program; whatever is left of it at the end is killed."""
    running = Program(data, **environment)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            os.killpg(running.process.pid, signal.SIGKILL)
        running.process.wait()


class Line:
    """A TCP proxy on a port of its own, before the web server.

    Attributes:
        port: The port that it listens on.
        target: The port that connections are led to.
    """

    def __init__(self, target: int, tasks: TaskGroup) -> None:
        self.port = 0
        self.target = target
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
        async with near:
            try:
                far = await anyio.connect_tcp("127.0.0.1", self.target)
            except OSError:
                return  # nobody serves just now
            async with far, anyio.create_task_group() as ways:
                ways.start_soon(_pump, near, far, ways)
                ways.start_soon(_pump, far, near, ways)


async def _pump(source: SocketStream, sink: SocketStream, ways: TaskGroup) -> None:
    try:
        async for data in source:
            await sink.send(data)
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        pass
    ways.cancel_scope.cancel()


class Website:
    """The chat as the outside sees it.

    Attributes:
        api: The fault server that its workers ask.
        data: Where they keep what they share.
        program: What serves it.
    """

    def __init__(self, api: ThreadedFaultServer, data: Path, portal: BlockingPortal, stack: ExitStack) -> None:
        self.api = api
        self.data = data
        self._portal = portal
        self._stack = stack
        self.program = self._start()
        self._line = stack.enter_context(portal.wrap_async_context_manager(_line(self.program.port)))

    def _start(self) -> Program:
        environment = {"ANTHROPIC_API_KEY": "test", "ANTHROPIC_BASE_URL": self.api.url}
        return self._stack.enter_context(program(self.data, **environment))

    @property
    def url(self) -> str:
        """The address of the page, through the proxy."""
        return f"http://127.0.0.1:{self._line.port}"

    def play(self, script: Script) -> None:
        """Begin anew: two workers that have nothing to do, and an API that plays this script."""
        self.program.ready()
        self.api.play(script)
        self.api.requests.clear()

    def start_anew(self) -> None:
        """Kill all of its processes, and start it again where the pages are looking for it."""
        self.program.end(signal.SIGKILL)
        self.program = self._start()
        self._line.target = self.program.port

    def forget(self, stream_id: str) -> None:
        """Delete a stream from the journal, as if its time were over."""
        self._portal.call(self._forget, stream_id)

    async def _forget(self, stream_id: str) -> None:
        async with SQLiteJournal(self.data / "answers.db") as journal:
            assert await journal.purge(stream_id=stream_id) == 1

    def cut(self) -> None:
        """Break every connection, and let nobody in."""
        self._portal.call(self._line.cut)

    def mend(self) -> None:
        """Let them in again."""
        self._portal.call(self._line.mend)


@contextmanager
def website(data: Path) -> Iterator[Website]:
    """The chat, on a fault server in a thread."""
    with FaultServer.in_thread() as api, start_blocking_portal() as portal, ExitStack() as stack:
        yield Website(api, data, portal, stack)


@asynccontextmanager
async def _line(port: int) -> AsyncIterator[Line]:
    async with anyio.create_task_group() as tasks:
        line = Line(port, tasks)
        await line.mend()
        yield line
        await line.cut()
