"""Workers as the outside sees them: real processes on one journal in a file, with a line to them that can be cut."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from anyio.from_thread import start_blocking_portal
from tests.web.messages import Recorded
from tests.web.written import Author

from output import Output
from unbroken.journal import SQLiteJournal

__all__ = ["Line", "Worker", "worker", "write"]

ROOT: Final = Path(__file__).parent.parent.parent
_ENVIRONMENT: Final = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "src", ROOT, ROOT / "tests", ROOT / "tests" / "core"))),
}


def write(path: Path, streams: dict[str, Recorded]) -> None:
    """A journal with these streams, each of which has ended."""

    async def run() -> None:
        async with SQLiteJournal(path) as journal:
            for name, recorded in streams.items():
                await Author.write(journal, name, recorded)

    # In a thread: Playwright keeps an event loop in this one.
    with start_blocking_portal() as portal:
        portal.call(run)


@dataclass
class Worker:
    """One process.

    Attributes:
        port: On which it listens.
        process: It.
        output: What it writes.
    """

    port: int
    process: subprocess.Popen[str]
    output: Output

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """As the kernel does where there is no memory left."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> None:
        """As a deploy does."""
        self.process.send_signal(signal.SIGTERM)

    def line(self) -> str:
        """The next line that it writes."""
        return self.output.line()

    def said(self) -> str:
        """All that it has written since, when it has ended."""
        return self.output.rest()


@contextmanager
def worker(kind: str, path: Path) -> Iterator[Worker]:
    """A process that serves, and has ended afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        number = listening.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.web.worker", kind, str(path), str(number)],
            cwd=ROOT,
            env=_ENVIRONMENT,
            pass_fds=[number],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        port = listening.getsockname()[1]
    try:
        worker = Worker(port, process, Output(process))
        while worker.line() != "ready\n":
            pass
        yield worker
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()


_CUT: Final = re.compile(rb"(?:\r\nx-cut: |[?&]cut=)(\d+)", re.IGNORECASE)
_FRAME: Final = b"data: "


@dataclass
class Line:
    """A TCP proxy before two workers, which cuts where it is told to.

    A request with the header `x-cut: N`, or with `cut=N` in its address, gets the first N frames that have data, and
    then the connection is closed, without an end of the body. Requests go to one worker and the other, in turn.

    Attributes:
        targets: The ports that connections are led to.
        cut: How many responses were cut.
        requests: The first lines of all requests.
    """

    targets: Sequence[int]
    cut: int = 0
    requests: list[str] = field(default_factory=list)
    port: int = 0

    @contextmanager
    def open(self) -> Iterator[Line]:
        """Listen, in threads."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.port = listening.getsockname()[1]
            threading.Thread(target=self._accept, args=(listening,), daemon=True).start()
            yield self

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                near, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._lead, args=(near,), daemon=True).start()

    def _lead(self, near: socket.socket) -> None:
        """One request, one connection."""
        with near, suppress(OSError):
            head = _head(near)
            if not head:
                return
            self.requests.append(head.split(b"\r\n", 1)[0].decode())
            target = self.targets[(len(self.requests) - 1) % len(self.targets)]
            found = _CUT.search(head)
            with socket.create_connection(("127.0.0.1", target)) as far:
                far.sendall(head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
                self._pump(far, near, None if found is None else int(found[1]))

    def _pump(self, far: socket.socket, near: socket.socket, count: int | None) -> None:
        """Send the head, and so many frames; None: all."""
        data = b""
        while b"\r\n\r\n" not in data:
            if not (more := far.recv(65536)):
                return
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        # Towards the client it is a connection that would be kept: undici takes the end of any other for the body's.
        near.sendall(re.sub(rb"\r\nconnection: close", b"", head, flags=re.IGNORECASE) + b"\r\n\r\n")
        sent, at, frames = 0, 0, 0
        while True:
            # Frames that are whole; the sizes of chunks stand between them.
            while (
                count is not None and (begin := body.find(_FRAME, at)) >= 0 and (end := body.find(b"\n\n", begin)) >= 0
            ):
                if frames == count:
                    self.cut += 1
                    near.sendall(body[sent:at])
                    return
                frames, at = frames + 1, end + 2
            at = len(body) if count is None else at
            near.sendall(body[sent:at])
            sent = at
            if not (more := far.recv(65536)):
                near.sendall(body[sent:])
                return
            body += more


def _head(near: socket.socket) -> bytes:
    """A request, with its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = near.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
    while length is not None and len(body) < int(length[1]):
        body += near.recv(65536)
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
