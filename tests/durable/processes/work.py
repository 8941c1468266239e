"""What a worker does: it opens a journal, and does what it is told through a socket, all at the same time.

Each order has a number, and so has each line that is said of it: `{"of": 3, "done": ...}`. What is said is with the
kernel before anything else happens, so that nothing of it is lost with the process.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import traceback
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from tests.durable.processes.killing import Killing

from harness import _TLS, AT_ONCE
from unbroken import StreamFailed, StreamHost, attach, cancel, resilient_stream, run
from unbroken.api import durable as api_durable
from unbroken.api.host import StreamRecord
from unbroken.durable.claim import Claim
from unbroken.journal import SQLiteJournal

__all__ = ["Work", "journal_of"]


def journal_of(kind: str = "sqlite", **options: Any) -> Any:
    """A journal, not open yet."""
    if kind == "redis":
        from unbroken.journal.redis import RedisJournal

        return RedisJournal(**options)
    return SQLiteJournal(**options)


class Work:
    """One worker.

    Args:
        orders: `address` of the socket, `name`, `backend`, `journal` (as for `journal_of`), `url` of the server,
            `api_key`, `lease` of those who ask for a stream themselves, in seconds, or None for the usual one, and
            `kill` (as for `Killing`) or None, `log`, the file for what the library logs, or None, and
            `uid`, the user that it becomes, or None.
    """

    def __init__(self, orders: Mapping[str, Any]) -> None:
        self._orders = orders
        self._socket = socket.socket(socket.AF_UNIX)
        self._hosts: dict[str, StreamHost] = {}
        self._leaving: dict[str, anyio.Event] = {}

    def run(self) -> None:
        """Work, until the socket is closed."""
        self._socket.connect(self._orders["address"])
        self._say(name=self._orders["name"], pid=os.getpid())
        try:
            anyio.run(self._main, backend=self._orders["backend"])
        except BaseException:
            self._say(broken=traceback.format_exc())

    def _say(self, **said: Any) -> None:
        self._socket.sendall(json.dumps(said).encode() + b"\n")

    async def _main(self) -> None:
        orders = self._orders
        if orders["uid"] is not None:
            os.setgroups([])
            os.setuid(orders["uid"])
        if orders["log"]:
            handler = logging.FileHandler(orders["log"])
            handler.setFormatter(logging.Formatter("%(message)s %(args)s"))
            logging.getLogger("unbroken").addHandler(handler)
            logging.getLogger("unbroken").setLevel(logging.DEBUG)
        if orders["lease"]:
            api_durable.Claim = partial(Claim, lease=orders["lease"])  # type: ignore[assignment, misc]
        journal = journal_of(**orders["journal"])
        async with journal, _client(orders) as client, anyio.create_task_group() as group:
            self._journal = Killing(journal, **orders["kill"]) if orders["kill"] else journal
            self._client = client
            self._say(opened=True)
            buffered = b""
            while True:
                await anyio.wait_readable(self._socket)
                data = self._socket.recv(65536)
                if not data:
                    break
                *lines, buffered = (buffered + data).split(b"\n")
                for line in lines:
                    group.start_soon(self._do, json.loads(line))
            group.cancel_scope.cancel()

    async def _do(self, order: dict[str, Any]) -> None:
        number, what = order.pop("of"), order.pop("what")
        try:
            done = await getattr(self, f"_{what}")(number, **order)
        except Exception as error:
            self._say(of=number, failed=_told(error))
        else:
            self._say(of=number, done=done)

    # -- what can be told

    async def _host(
        self, number: int, *, name: str, policy: Mapping[str, Any], prepared: Any = None, **options: Any
    ) -> None:
        leaving = self._leaving[name] = anyio.Event()
        if prepared is not None:
            options["prepare"] = lambda record: self._prepare(number, record, prepared)
        host = StreamHost(self._journal, self._client, policy=replace(AT_ONCE, **policy), **options)
        async with host:
            self._hosts[name] = host
            self._say(of=number, entered=True)
            await leaving.wait()

    def _prepare(self, number: int, record: StreamRecord, prepared: Any) -> Any:
        self._say(of=number, record=plain(dict(record.arguments)))
        return prepared

    async def _leave(self, number: int, *, name: str) -> None:
        self._leaving[name].set()

    async def _start(self, number: int, *, name: str, stream_id: str, **arguments: Any) -> bool:
        return await self._hosts[name].start(stream_id, **arguments)

    async def _stream(
        self,
        number: int,
        *,
        stream_id: str,
        policy: Mapping[str, Any],
        leave_after: int | None = None,
        **arguments: Any,
    ) -> Any:
        """Read a stream as its caller."""
        types: list[str] = []
        async with resilient_stream(
            self._client,
            journal=self._journal,
            stream_id=stream_id,
            policy=replace(AT_ONCE, **policy),
            **arguments,
        ) as stream:
            self._say(of=number, role=stream.role)
            role = stream.role
            async for event in stream:
                if event.type in _OWN:
                    types.append(event.type)
                self._say(of=number, type=event.type, text=getattr(event, "text", None), position=stream.position)
                if stream.role != role:
                    role = stream.role
                    self._say(of=number, role=role)
                if leave_after is not None and len(types) >= leave_after:
                    return None
            message = await stream.get_final_message()
            return {
                "message": message.to_dict(mode="json"),
                "types": types,
                "role": stream.role,
                "outcome": stream.report.outcome,
                "requests": len(stream.report.attempts),
            }

    async def _entries(self, number: int, *, stream_id: str, after: str | None, owner: str | None = None) -> None:
        """Read a stream as anybody."""
        async for position, event in attach(self._journal, stream_id, after=after, owner=owner).entries:
            self._say(of=number, pair=[position, plain(event)])

    async def _run(self, number: int, *, requests: str, output: str, journal: str, **options: Any) -> int:
        """Answer the requests of a file."""
        answers = run(self._client, Path(requests), journal=journal, output=output, policy=AT_ONCE, **options)
        async with answers:
            async for answer in answers:
                self._say(of=number, answered=answer.custom_id)
        return answers.progress.done

    async def _cancel(self, number: int, *, stream_id: str) -> bool:
        return await cancel(self._journal, stream_id)

    async def _purge(self, number: int, *, stream_id: str) -> int:
        return int(await self._journal.purge(stream_id=stream_id))


_OWN = {
    *("message_start", "message_delta", "message_stop"),
    *("content_block_start", "content_block_delta", "content_block_stop"),
}


def plain(event: Any) -> Any:
    """A raw event as JSON has it."""
    return json.loads(json.dumps(event))


def _client(orders: Mapping[str, Any]) -> Any:
    from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient

    http_client = DefaultAsyncHttpxClient(verify=_TLS)
    return AsyncAnthropic(base_url=orders["url"], api_key=orders["api_key"], http_client=http_client)


def _told(error: Exception) -> dict[str, Any]:
    told: dict[str, Any] = {"type": type(error).__name__, "message": str(error)}
    if isinstance(error, StreamFailed):
        told |= {"code": error.diagnosis.code, "text": error.partial.text}
    return told
