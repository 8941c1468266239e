"""The readers in the client's namespace: `python -m benchmarks.networks.reader ORDER`, an `Order` as JSON.

It says `{"ready": 1}`, waits for a line, and reads all streams at once, `unbroken`'s and the SDK's. When each has its
first 800 characters it says `{"middle": 1}`, and at the end `{"streams": [...], "left": n}`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import anthropic
import anyio
import anyio.lowlevel
from anthropic import AsyncAnthropic
from anyio import create_task_group

from benchmarks.networks.answer import MIDDLE
from benchmarks.networks.judge import Stream
from unbroken import Policy, Report, StreamFailed, resilient_stream

__all__ = ["Order"]

_MODEL: Final = "claude-opus-5-5"
#: How much longer than `unbroken`'s the SDK's streams are waited for, in seconds: TCP's own patience after a pause.
_GRACE: Final = 20.0


@dataclass(frozen=True, slots=True)
class Order:
    """What to read.

    Attributes:
        url: From whom.
        streams: How many of each peer.
        policy: The fields of `Policy` that are not the default.
        limit: Seconds after which a stream that is still open hangs.
    """

    url: str
    streams: int
    policy: dict[str, Any]
    limit: float


@dataclass(slots=True)
class _Reading:
    peer: str
    begun: float = field(default_factory=time.monotonic)
    text: str = ""
    stream: Stream | None = None

    def took(self, piece: str, progress: Callable[[], None]) -> None:
        self.text += piece
        self.begun = time.monotonic()
        progress()

    def end(self, error: Exception | None = None, attempts: Counter[str] | None = None) -> None:
        partial = error.partial.text if isinstance(error, StreamFailed) else None
        self.stream = Stream(
            self.peer,
            self.text,
            error=type(error).__name__ if error else "",
            documented=error is None or isinstance(error, anthropic.APIError),
            partial=partial,
            silent=time.monotonic() - self.begun,
            attempts=dict(attempts or {}),
        )

    @property
    def result(self) -> Stream:
        """What was read; of a stream that did not end too."""
        return self.stream or Stream(self.peer, self.text, ended=False)


class Readers:
    """All streams of one order."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._all = [_Reading(peer) for peer in ("unbroken", "sdk") for _ in range(order.streams)]
        self._told = False

    async def read(self) -> list[Stream]:
        """Read them to their ends."""
        ours = [reading for reading in self._all if reading.peer == "unbroken"]
        theirs = [reading for reading in self._all if reading.peer == "sdk"]
        done = anyio.Event()
        async with _client(self._order.url) as first, _client(self._order.url) as second, create_task_group() as tasks:
            tasks.start_soon(self._together, self._sdk, second, theirs, done)
            with anyio.move_on_after(self._order.limit):
                await self._together(self._unbroken, first, ours, anyio.Event())
            with anyio.move_on_after(_GRACE):
                await done.wait()
            tasks.cancel_scope.cancel()
        return [reading.result for reading in self._all]

    async def _together(
        self,
        read: Callable[[AsyncAnthropic, _Reading], Coroutine[Any, Any, None]],
        client: AsyncAnthropic,
        readings: Sequence[_Reading],
        done: anyio.Event,
    ) -> None:
        async with create_task_group() as tasks:
            for reading in readings:
                tasks.start_soon(read, client, reading)
        done.set()

    def _progress(self) -> None:
        if not self._told and all(len(reading.text) >= MIDDLE for reading in self._all):
            self._told = True
            say({"middle": 1})

    async def _unbroken(self, client: AsyncAnthropic, reading: _Reading) -> None:
        error, report = None, Report()
        reading.begun = time.monotonic()
        policy = Policy(**self._order.policy)
        try:
            async with resilient_stream(
                client, model=_MODEL, max_tokens=8000, messages=_ASKED, policy=policy
            ) as stream:
                report = stream.report
                async for piece in stream.text_stream:
                    reading.took(piece, self._progress)
        except Exception as raised:
            error = raised
            report = getattr(raised, "report", report)
        reading.end(error, Counter(str(attempt.outcome) for attempt in report.attempts))

    async def _sdk(self, client: AsyncAnthropic, reading: _Reading) -> None:
        error = None
        reading.begun = time.monotonic()
        try:
            async with client.messages.stream(model=_MODEL, max_tokens=8000, messages=_ASKED) as stream:
                async for piece in stream.text_stream:
                    reading.took(piece, self._progress)
        except Exception as raised:
            error = raised
        reading.end(error)


_ASKED: Final[Any] = [{"role": "user", "content": "Tell me."}]


@asynccontextmanager
async def _client(url: str) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(base_url=url, api_key="test") as client:
        yield client


def say(what: dict[str, Any]) -> None:
    """Tell who started this process."""
    print(json.dumps(what), flush=True)


def connections() -> int:
    """How many TCP connections this process has open. (A resolver that does not answer keeps its own sockets.)"""
    lines = Path("/proc/self/net/tcp").read_text("utf-8").splitlines()[1:]
    inodes = {f"socket:[{line.split()[9]}]" for line in lines}
    found = 0
    for number in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # that of the listing itself is gone
            found += os.readlink(f"/proc/self/fd/{number}") in inodes
    return found


async def main(order: Order) -> None:
    """Read when told to."""
    say({"ready": 1})
    await anyio.to_thread.run_sync(sys.stdin.readline)
    streams = await Readers(order).read()
    for _ in range(10):
        await anyio.lowlevel.checkpoint()  # what was closed tells its transports so
    left = len(anyio.get_running_tasks()) - 1 + connections()
    say({"streams": [asdict(stream) for stream in streams], "left": left})
    sys.stdout.flush()
    os._exit(0)  # a resolver that does not answer holds its thread for longer than anybody waits


if __name__ == "__main__":
    anyio.run(main, Order(**json.loads(sys.argv[1])))
