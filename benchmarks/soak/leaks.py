"""What a process holds (tasks, threads, sockets, objects, memory) and waits for. It reads Linux's `/proc`."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression
from typing import Any, Final

__all__ = ["TURNS", "Complaints", "Held", "Memory", "doing", "held", "kept_waiting", "resident"]

#: Whose objects are counted, and which: what belongs to one stream, request or connection.
_MODULES: Final = ("unbroken.engine.", "anthropic.lib.streaming", "httpcore2.", "aiohttp.")
_NAMES: Final = ("Stream", "Driver", "Attempt", "Dispatcher", "Exchange", "Manager", "Connection", "Response", "Step")

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds at one moment.

    Attributes:
        tasks: Tasks of its event loop.
        threads: Threads.
        files: File descriptors, those of sockets included.
        objects: Streams, requests, responses and connections, by class.
    """

    tasks: int
    threads: int
    files: int
    objects: Counter[str]

    def beyond(self, before: Held) -> dict[str, int]:
        """What there is more than before; empty if there is nothing."""
        more = {
            "tasks": self.tasks - before.tasks,
            "threads": self.threads - before.threads,
            "sockets and files": self.files - before.files,
            **(self.objects - before.objects),
        }
        return {name: count for name, count in more.items() if count > 0}


def held() -> Held:
    """What this process holds now, after the garbage collector."""
    gc.collect()
    objects: Counter[str] = Counter()
    for each in gc.get_objects():
        kind = type(each)
        if str(kind.__module__).startswith(_MODULES) and kind.__name__.endswith(_NAMES):
            objects[kind.__qualname__] += 1
    return Held(len(asyncio.all_tasks()), threading.active_count(), _files(), objects)


def doing(task: asyncio.Task[Any]) -> str:
    """What a task waits in: the names of its coroutines, from the outermost to the innermost."""
    names: list[str] = []
    coroutine: Any = task.get_coro()
    while (name := getattr(coroutine, "__qualname__", None)) is not None:
        names.append(name.rpartition("<locals>.")[2])
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "ag_await", None)
    return " > ".join(names)


def _files() -> int:
    """How many file descriptors are open; without that to `/dev/null` which libuv keeps for when there are no more."""
    count = 0
    for each in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists them
            count += os.readlink(each) != os.devnull
    return count


def resident() -> int:
    """How much memory this process has, in bytes."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE


def kept_waiting() -> float:
    """For how long this process could have run, and had no core because others had it, in seconds so far."""
    return int(Path("/proc/self/schedstat").read_text("ascii").split()[1]) / 1e9


@dataclass(slots=True)
class Memory:
    """The memory of a process over time.

    Attributes:
        before: Bytes before the first stream.
        most: The most that it was, in bytes.
        samples: Seconds, bytes after the garbage collector, and how many streams had ended by then.
    """

    before: int = field(default_factory=resident)
    most: int = 0
    samples: list[tuple[float, int, int]] = field(default_factory=list)

    def look(self, now: float, ended: int) -> None:
        """Look, about once a second; now and then without the garbage, which comes and goes."""
        self.most = max(self.most, resident())
        if not self.samples or now >= self.samples[-1][0] + COLLECTED_EVERY:
            gc.collect()
            self.samples.append((now, resident(), ended))

    def per_stream(self, since: float, until: float, streams: int) -> float | None:
        """By how many bytes it grew for each stream that ended in that time.

        Args:
            since: Where it begins, in the seconds of the samples.
            until: Where it ends.
            streams: How many streams are open at a time. None comes of it until they have been replaced `TURNS` times.
        """
        within = [each for each in self.samples if since <= each[0] <= until]
        if not within or within[-1][2] - within[0][2] < TURNS * streams:
            return None
        seconds, sizes, ended = zip(*within, strict=True)
        slope = linear_regression(seconds, sizes).slope
        return float(slope * (seconds[-1] - seconds[0]) / (ended[-1] - ended[0]))


#: Seconds between two full runs of the garbage collector, each of which takes a large process some tenths of one.
COLLECTED_EVERY: Final = 20.0
#: How often streams have to be replaced before a slope says more of them than of the allocator, which takes a few
#: megabytes more each time that more streams than ever are long.
TURNS: Final = 4


@dataclass(slots=True)
class Complaints:
    """What Python says on the way that nobody would hear: tasks whose exception was never read, unclosed sockets."""

    heard: Counter[str] = field(default_factory=Counter)

    def listen(self) -> None:
        """From now on, for this process and the running event loop."""
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self._hear(context["message"]))
        sys.unraisablehook = lambda raised: self._hear(f"{raised.exc_type.__name__}: {raised.exc_value}")

    def _hear(self, what: Any) -> None:
        self.heard[str(what)[:100]] += 1
