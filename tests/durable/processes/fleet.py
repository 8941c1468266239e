"""Processes that write and read streams, which a test starts, tells what to do, pauses and kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import anyio
import anyio.abc
import sniffio
from anyio.streams.buffered import BufferedByteReceiveStream

__all__ = ["API_KEY", "PATIENCE", "Fleet", "Told", "Worker", "eventually", "fleet", "forking"]

ROOT: Final = Path(__file__).parent.parent.parent.parent
#: What no journal and no log may have.
API_KEY: Final = "sk-ant-canary-api-key"
#: How long a test waits for what has to come, in seconds: the end of what hangs, and of nothing else.
PATIENCE: Final = 120.0
_LINE: Final = 16 * 2**20


class _Zygote:
    """The process that forks workers; one for a whole run of the tests."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    @property
    def runs(self) -> bool:
        """Whether it is there."""
        return self._process is not None

    def fork(self, orders: Mapping[str, Any]) -> int:
        """Begin a worker; the number of its process."""
        process = self._process or self.start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(orders) + "\n")
        process.stdin.flush()
        return int(process.stdout.readline())

    def start(self) -> subprocess.Popen[str]:
        path = os.pathsep.join([str(ROOT), str(ROOT / "tests"), *filter(None, sys.path)])
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-m", "tests.durable.processes.zygote"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        return self._process

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.communicate()


_ZYGOTE: Final = _Zygote()


def forking() -> Any:
    """For a fixture: what forks, until it is closed by whoever was the first to ask for it."""
    if _ZYGOTE.runs:
        yield
        return
    try:
        _ZYGOTE.start()
        yield
    finally:
        _ZYGOTE.stop()


async def eventually(condition: Callable[[], bool]) -> None:
    """Look until it is so; what never becomes so fails, and does not hang."""
    with anyio.fail_after(PATIENCE):
        while not condition():
            await anyio.sleep(0.005)


class News:
    """Something that changes, and is waited for."""

    def __init__(self) -> None:
        self._changed = anyio.Event()

    def tell(self) -> None:
        """It has changed."""
        changed, self._changed = self._changed, anyio.Event()
        changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when it is so; what never becomes so fails, and does not hang."""
        with anyio.fail_after(PATIENCE):
            while not condition():
                await self._changed.wait()


@dataclass(eq=False)
class Told:
    """What a worker says of one order.

    Attributes:
        lines: All that it has said on the way.
        done: What it has given back.
        failed: What it has raised: `type`, `message`, and of a failed stream `code` and `text`.
        ended: Whether there will be no more: it has come to its end, or its process is dead.
    """

    news: News
    lines: list[dict[str, Any]] = field(default_factory=list)
    done: Any = None
    failed: dict[str, Any] | None = None
    ended: bool = False

    @property
    def pairs(self) -> list[Any]:
        """Positions and raw events, of a reader of entries."""
        return [line["pair"] for line in self.lines if "pair" in line]

    @property
    def text(self) -> str:
        """All text that was read."""
        return "".join(line["text"] for line in self.lines if line.get("type") == "text")

    @property
    def roles(self) -> list[str]:
        """Whether it wrote or read, and how that changed."""
        return [line["role"] for line in self.lines if "role" in line]

    async def until(self, condition: Callable[[Told], bool]) -> None:
        """Return when it is so; what ends without is a failure."""
        await self.news.until(lambda: condition(self) or self.ended)
        assert condition(self), f"it has ended before: {self.failed or self.lines[-3:]}"

    async def end(self) -> Told:
        """Return when it has ended, in whichever way."""
        await self.news.until(lambda: self.ended)
        return self

    async def result(self) -> Any:
        """What it gives back; what it raises is a failure of the test."""
        await self.end()
        assert self.failed is None, self.failed
        return self.done


class Worker:
    """A process.

    Attributes:
        name: For messages.
        pid: Its number.
        dead: Whether it has ended, however.
        broken: The traceback that it has ended with, where it did.
    """

    def __init__(self, name: str, pid: int) -> None:
        self.name = name
        self.pid = pid
        self.dead = False
        self.broken: str | None = None
        self.opened = False
        self._news = News()
        self._orders: dict[int, Told] = {}
        self._link: anyio.abc.SocketStream | None = None
        self._sending = anyio.Lock()

    async def ready(self) -> Worker:
        """Return when its journal is open."""
        await self._news.until(lambda: self.opened or self.dead)
        return self

    async def tell(self, what: str, **arguments: Any) -> Told:
        """Have it do something (`work.py`)."""
        await self.ready()
        told = Told(self._news, ended=self.dead)
        number = len(self._orders)
        self._orders[number] = told
        if self._link is not None and not self.dead:
            line = json.dumps({"of": number, "what": what, **arguments}).encode() + b"\n"
            async with self._sending:
                with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                    await self._link.send(line)
        return told

    async def host(self, name: str = "host", *, policy: Mapping[str, Any] | None = None, **options: Any) -> Told:
        """Have it enter a `StreamHost`; returns when it is entered."""
        told = await self.tell("host", name=name, policy=policy or {}, **options)
        await told.until(lambda told: bool(told.lines))
        return told

    async def start(self, stream_id: str, name: str = "host", **arguments: Any) -> Any:
        """Have its host begin a stream."""
        return await (await self.tell("start", name=name, stream_id=stream_id, **arguments)).result()

    # -- how it ends

    def kill(self, how: int = signal.SIGKILL) -> None:
        """Send it a signal."""
        if not self.dead:
            with suppress(ProcessLookupError):
                os.kill(self.pid, how)

    def pause(self) -> None:
        """Let it stand still, without knowing."""
        self.kill(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it wake."""
        self.kill(signal.SIGCONT)

    async def death(self) -> None:
        """Return when it is dead."""
        await self._news.until(lambda: self.dead)

    # -- what it says

    def hear(self, line: dict[str, Any]) -> None:
        if "of" in line:
            told = self._orders[line["of"]]
            if "done" in line or "failed" in line:
                told.done, told.failed, told.ended = line.get("done"), line.get("failed"), True
            else:
                told.lines.append(line)
        elif "broken" in line:
            self.broken = line["broken"]
        elif "opened" in line:
            self.opened = True
        self._news.tell()

    def link(self, link: anyio.abc.SocketStream) -> None:
        self._link = link

    def die(self) -> None:
        self.dead = True
        for told in self._orders.values():
            told.ended = True
        self._news.tell()


class Fleet:
    """Some workers of one test.

    Args:
        address: Of the socket through which they are told.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self.workers: list[Worker] = []
        self._by_name: dict[str, Worker] = {}

    def worker(
        self,
        journal: Mapping[str, Any],
        url: str,
        *,
        kill: Mapping[str, Any] | None = None,
        lease: float | None = None,
        log: str | None = None,
        uid: int | None = None,
        backend: Literal["asyncio", "trio"] | None = None,
    ) -> Worker:
        """Begin one.

        Args:
            journal: As `work.journal_of` takes it.
            url: Of the server.
            kill: When it kills itself, as `Killing` takes it. None: it does not.
            lease: Of those who ask for a stream there themselves, in seconds. None: the usual one.
            log: The file for what the library logs. None: nowhere.
            uid: The user that it becomes, where root starts it. None: the same.
            backend: Its event loop. None: that of the test.
        """
        name = f"worker {len(self.workers)}"
        orders = {
            "address": self._address,
            "name": name,
            "backend": backend or sniffio.current_async_library(),
            "journal": dict(journal),
            "url": url,
            "api_key": API_KEY,
            "kill": kill,
            "lease": lease,
            "log": log,
            "uid": uid,
        }
        worker = Worker(name, _ZYGOTE.fork(orders))
        self.workers.append(worker)
        self._by_name[name] = worker
        return worker

    async def serve(self, link: anyio.abc.SocketStream) -> None:
        """Hear one worker, as long as it lives."""
        worker: Worker | None = None
        async with link:
            lines = BufferedByteReceiveStream(link)
            with suppress(anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError):
                while True:
                    line = json.loads(await lines.receive_until(b"\n", _LINE))
                    if worker is None:
                        worker = self._by_name[line["name"]]
                        worker.link(link)
                    else:
                        worker.hear(line)
            if worker is not None:
                worker.die()


@asynccontextmanager
async def fleet() -> AsyncIterator[Fleet]:
    """Workers for as long as the block lasts; then they are killed. One that has failed by itself fails the test."""
    with tempfile.TemporaryDirectory(prefix="fleet-", ignore_cleanup_errors=True) as directory:
        address = f"{directory}/s"
        listener = await anyio.create_unix_listener(address)
        made = Fleet(address)
        try:
            async with listener, anyio.create_task_group() as group:
                group.start_soon(listener.serve, made.serve)
                yield made
                group.cancel_scope.cancel()
        finally:
            for worker in made.workers:
                worker.kill()
        for worker in made.workers:
            assert worker.broken is None, f"{worker.name}:\n{worker.broken}"
