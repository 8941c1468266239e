"""Who writes and reads streams in the process of a test: processes, callers and readers, each in a task of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tests.corpus.grammar import SHAPES, request_for
from tests.durable.processes.work import plain

from harness import AT_ONCE, CONTINUE, PREFILL, Reading
from unbroken import StreamHost, attach, resilient_stream
from unbroken.journal import Journal

__all__ = ["ASKED", "LONG", "POLICY", "Caller", "Process", "Reader", "asking"]

#: What can be asked for: a model, and what it says.
ASKED: Final = {
    "text": (CONTINUE, SHAPES["text"]),
    "calls": (PREFILL, SHAPES["thinking and calls"]),
    "search": (CONTINUE, SHAPES["a search"]),
}
#: Nothing here ends because time passes, however slow the machine is.
LONG: Final = 3600.0
POLICY: Final = replace(AT_ONCE, allow_replay=True, journal_patience=LONG, idle_timeout=LONG, progress_timeout=LONG)


def asking(name: str) -> dict[str, Any]:
    """The request for an answer."""
    model, answer = ASKED[name]
    question = [{"role": "user", "content": f"Tell me. [{name}]"}]
    return {"model": model, "max_tokens": 4096, "messages": question, **request_for(answer)}


@dataclass(eq=False)
class Reader:
    """Who reads a stream, from somewhere on.

    Attributes:
        name: Of the stream.
        after: From where on.
        pairs: The positions and events that it has.
        ended: `"complete"`, or the name of what it raised; None: it reads still.
        task: What it reads in.
    """

    name: str
    after: str | None
    pairs: list[Any] = field(default_factory=list)
    ended: str | None = None
    task: Future[None] = field(default_factory=Future)

    async def read(self, journal: Journal) -> None:
        try:
            async for position, event in attach(journal, self.name, after=self.after).entries:
                self.pairs.append([position, plain(event)])
            self.ended = "complete"
        except Exception as error:
            self.ended = type(error).__name__


@dataclass(eq=False)
class Caller:
    """Who asks for a stream in a process, and reads it.

    Attributes:
        name: Of the stream.
        reading: What it has.
        positions: Of the events that it has.
        ended: As for a reader.
        task: What it reads in.
    """

    name: str
    reading: Reading = field(default_factory=Reading)
    positions: list[str | None] = field(default_factory=list)
    ended: str | None = None
    task: Future[None] = field(default_factory=Future)

    async def read(self, process: Process) -> None:
        try:
            async with resilient_stream(
                process.client, **asking(self.name), policy=POLICY, journal=process.journal, stream_id=self.name
            ) as stream:
                async for event in stream:
                    self.reading.events.append(event)
                    if self.positions[-1:] != [stream.position]:
                        self.positions.append(stream.position)
                self.reading.message = await stream.get_final_message()
                self.reading.partial, self.reading.report = stream.partial, stream.report
            self.ended = "complete"
        except Exception as error:
            self.ended = type(error).__name__


@dataclass(eq=False)
class Process:
    """A process, in this one.

    Attributes:
        journal: As it has that.
        client: Of the API.
        host: Its host.
        closing: What is closed when it ends, the last first.
        callers: Who asks there.
    """

    journal: Any
    client: Any
    host: StreamHost
    closing: list[Callable[[], object]] = field(default_factory=list)
    callers: list[Caller] = field(default_factory=list)
