"""A process with a journal that does what it is told, a line of JSON at a time, and answers with one."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import anyio
import anyio.to_thread

from unbroken.journal import JournalError, Lease, SQLiteJournal

__all__ = ["Worker"]


class Worker:
    """Starts such a process, and talks to it.

    Args:
        path: Of the journal.
        backend: The event loop that it runs on.
    """

    def __init__(self, path: Path, backend: str = "asyncio") -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(path), backend], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self._process.pid
        assert self.answer() == "ready"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.send(signal.SIGCONT)
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def tell(self, *what: Any) -> None:
        """Tell it to do something."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """What it answers next; None: it is dead."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return json.loads(line) if line else None

    def ask(self, *what: Any) -> Any:
        """Tell it to do something, and return what comes of it."""
        self.tell(*what)
        return self.answer()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill it with `SIGKILL`, and wait until it is dead."""
        self._process.kill()
        self._process.wait()


async def _work(path: str) -> None:
    leases: dict[str, Lease] = {}
    async with SQLiteJournal(path) as journal:
        _say("ready")
        while line := await anyio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True):
            what, *args = json.loads(line)
            try:
                _say(await _do(journal, leases, what, *args))
            except JournalError as error:
                _say({"error": type(error).__name__, "says": str(error)})


async def _do(journal: SQLiteJournal, leases: dict[str, Lease], what: str, name: str, *args: Any) -> Any:
    match what:
        case "create":
            created = await journal.create(name, b"1", fingerprint=b"", owner=b"", lease=args[0])
            assert isinstance(created, Lease)
            leases[name] = created
            return "created"
        case "append":
            await journal.append(leases[name], [args[0].encode()])
            return leases[name].head
        case "write":  # until it is killed
            while True:
                await journal.append(leases[name], [b"%d" % (leases[name].head + 1)])
                _say(leases[name].head)
        case "hold":
            return sorted((await journal.hold([leases[name]], args[0])).lost)
        case "take":
            state = await journal.look(name)
            assert state is not None
            _say([state.fence, state.head])
            sys.stdin.readline()  # all that take it have seen the same
            taken = await journal.take(state, args[0].encode(), lease=1000.0)
            leases |= {name: taken} if taken else {}
            return taken is not None
        case "look":
            return dataclasses.asdict(await journal.look(name) or 0)["orphaned"]  # type: ignore[call-overload]
        case "spawn":  # a child of another program
            return _spawn()
        case "fork":
            return await _fork(journal, leases, name)
    raise ValueError(what)


def _spawn() -> int:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"]).pid


async def _fork(journal: SQLiteJournal, leases: dict[str, Lease], name: str) -> Any:
    """What a child that is forked off hears from the journal; it stays, and has all that its parent has."""
    said, says = os.pipe()
    child = os.fork()
    if child == 0:
        heard: list[str] = []
        for call in (journal.look(name), journal.append(leases[name], [b"x"]), journal.wait({}, 1.0)):
            try:
                call.send(None)
            except JournalError as error:
                heard.append(str(error))
            except StopIteration:
                heard.append("it was done")
        os.write(says, json.dumps(heard).encode())
        threading.Event().wait()
    os.close(says)
    with os.fdopen(said) as pipe:
        return {"child": child, "heard": json.loads(os.read(pipe.fileno(), 10_000))}


def _say(what: Any) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    anyio.run(_work, sys.argv[1], backend=sys.argv[2])
