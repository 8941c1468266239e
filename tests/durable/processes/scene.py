"""A journal and a server, with processes around them: where writers are killed, and others go on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from tests.corpus.grammar import request_for
from tests.durable.processes.fleet import Fleet, Told, Worker, eventually, fleet
from tests.durable.processes.judging import Log, assert_one_message, log_of
from tests.durable.processes.work import journal_of, plain

from harness import AT_ONCE, CONTINUE, Reading, client_of, read
from redis_server import RedisServer, needs_redis
from unbroken import attach
from unbroken.journal import Journal
from unbroken.testing import Answer, FaultServer, Script

__all__ = ["KINDS", "PACE", "REPLAY", "Scene", "scene"]

#: Of journals, for tests of each.
KINDS: Final = ["sqlite", pytest.param("redis", marks=needs_redis)]
#: As fast as events can be told apart: each is an append of its own, or nearly.
PACE: Final = 0.003
REPLAY: Final = {"allow_replay": True}


class Scene:
    """One journal, and one server.

    Args:
        fleet: Of the processes.
        server: What they ask.
        where: The journal, as `journal_of` takes it.
        journal: The same, open in the process of the test.
        client: Of the process of the test.
        model: Who is asked.
    """

    def __init__(
        self,
        fleet: Fleet,
        server: FaultServer,
        script: Script,
        where: Mapping[str, Any],
        journal: Journal,
        client: Any,
        model: str,
    ) -> None:
        self.fleet = fleet
        self.server = server
        #: What the server says.
        self.answer: Answer = script.turns[0]
        self.where = where
        self.journal = journal
        self.client = client
        self.model = model

    def worker(self, **options: Any) -> Worker:
        """Another process, which has the journal open."""
        return self.fleet.worker(self.where, self.server.url, **options)

    def asking(self, stream_id: str) -> dict[str, Any]:
        """What is asked for in a stream; its id is in the question."""
        question = [{"role": "user", "content": f"Tell me. [{stream_id}]"}]
        wanted = request_for(self.answer)
        api = "beta" if "betas" in wanted else "messages"
        return {"model": self.model, "max_tokens": 4096, "messages": question, "api": api, **wanted}

    async def write(self, worker: Worker, stream_id: str, **changes: Any) -> Told:
        """Have a process ask for a stream, and read it."""
        return await worker.tell(
            "stream", **{"stream_id": stream_id, "policy": REPLAY, **self.asking(stream_id), **changes}
        )

    async def read(self, stream_id: str, after: str | None = "0", pairs: list[Any] | None = None) -> list[Any]:
        """Positions and events, for anybody in this process."""
        pairs = [] if pairs is None else pairs
        async for position, event in attach(self.journal, stream_id, after=after).entries:
            pairs.append([position, plain(event)])
        return pairs

    async def ask(self, stream_id: str, **changes: Any) -> Reading:
        """Ask for a stream in this process, and read it."""
        asked = {"journal": self.journal, "stream_id": stream_id, "policy": replace(AT_ONCE, **REPLAY)}
        return await read(self.client, **{**asked, **self.asking(stream_id), **changes})

    async def server_saw_closed(self, number: int) -> None:
        """Return when the server has seen that a request was given up."""
        request = self.server.requests[number]
        await eventually(lambda: request.ended_at is not None)
        assert request.abandoned

    async def judge(self, stream_id: str) -> Log:
        """What must hold of every stream that has ended; its log."""
        try:
            return await assert_one_message(self.journal, stream_id, self.answer, self.server)
        except AssertionError as error:
            error.add_note(f"{stream_id}: {(await log_of(self.journal, stream_id)).kinds}")
            raise


@asynccontextmanager
async def scene(
    path: Path, answer: Answer | Script, model: str = CONTINUE, *, kind: str = "sqlite", **options: Any
) -> AsyncIterator[Scene]:
    """A server, and a journal in a directory.

    Args:
        path: The directory.
        answer: What the server says; it takes `PACE` for each event, where the answer has no pace of its own.
        model: Who is asked.
        kind: `"sqlite"`, or `"redis"` on a server of this scene's own.
        **options: Of the journal.
    """
    script = answer if isinstance(answer, Script) else Script([answer if answer.pace else replace(answer, pace=PACE)])
    with ExitStack() as stack:
        if kind == "redis":
            redis = RedisServer(path).start()
            stack.callback(redis.kill)
            where = {"kind": kind, "url": redis.url, "timeout": 10, **options}
        else:
            where = {"kind": kind, "path": str(path / "streams.db"), **options}
        async with (
            FaultServer(script) as server,
            client_of(server) as client,
            journal_of(**where) as journal,
            fleet() as made,
        ):
            yield Scene(made, server, script, where, journal, client, model)
