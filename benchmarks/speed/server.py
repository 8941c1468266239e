"""The server, in a process of its own: it writes bytes that were encoded before, as fast as they are taken.

So that it is never what a measurement waits for, it is no HTTP server: it reads what the readers send, and knows
nothing else.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection
from random import Random
from typing import Any, Final, cast

from benchmarks.speed import answers
from benchmarks.speed.orders import MARKER, Order
from unbroken.testing.claude.carried import carried
from unbroken.testing.manners.manners import Manner, continue_answer
from unbroken.testing.script.script import Answer
from unbroken.testing.wire.http import LAST_CHUNK

__all__ = ["server"]

#: Bytes of one write, and how many may wait for the reader.
_SLICE: Final = 64 * 1024
_WAITING: Final = 4 * _SLICE
#: Between the last text and the failure, in seconds, so that the reader has taken what there is and waits.
_CALM: Final = 0.01
#: Closing sends RST and not FIN.
_RESET: Final = struct.pack("ii", 1, 0)
#: How many pieces a resume adds that is not about the gap.
_REST: Final = 100
_PIECE: Final = re.compile(r"\s*\S{1,5}")
_LENGTH: Final = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)

_requests: Final = count(1)
#: When which answer died, in ns.
_died: Final[dict[str, int]] = {}


class _Reader(asyncio.Protocol):
    """One reader's connection."""

    def __init__(self) -> None:
        self._received = b""
        self._taken = asyncio.Event()
        self._taken.set()
        self._answering: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_WAITING)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # the protocol's
        if self._answering is not None:
            self._answering.cancel()

    def pause_writing(self) -> None:
        self._taken.clear()

    def resume_writing(self) -> None:
        self._taken.set()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if end and length and len(body) >= int(length[1]):
            self._received = b""  # nobody sends a request before the last one was answered
            asked = time.monotonic_ns()
            self._answering = asyncio.create_task(self._answer(json.loads(body)["messages"], asked))

    async def _answer(self, messages: Sequence[dict[str, Any]], asked: int) -> None:
        order = Order.of(messages[0])
        self._transport.write(answers.started(f"req_{next(_requests):06}"))
        if len(messages) > 1:
            self._transport.write(_resumed(order, messages, asked))
        elif order.pace is not None:
            await self._at_a_pace(order.events, order.pace)
        elif order.hold is not None:
            await self._write(answers.said(answers.pieces(order.hold)))
            await asyncio.get_running_loop().create_future()
        elif order.failure is not None:
            self._transport.write(answers.said(_pieces(order)[: order.events // 2]))
            await asyncio.sleep(_CALM)
            self._die(order)
        else:
            await self._write(answers.whole(order.events))

    async def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            self._transport.write(left[:_SLICE])
            left = left[_SLICE:]
            await self._taken.wait()

    async def _at_a_pace(self, events: int, pace: float) -> None:
        began = time.monotonic()
        for n in range(events):
            await asyncio.sleep(max(0.0, began + n / pace - time.monotonic()))
            self._transport.write(answers.said([f"{time.monotonic_ns()} "]))
        self._transport.write(answers.ended(events))

    def _die(self, order: Order) -> None:
        _died[order.name] = time.monotonic_ns()
        match order.failure:
            case "error event":
                self._transport.write(answers.DIED)
            case "clean end":
                self._transport.write(LAST_CHUNK)
            case _:
                raw = self._transport.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                self._transport.abort()


def _resumed(order: Order, messages: Sequence[dict[str, Any]], asked: int) -> bytes:
    """The rest of an answer that died, as a model writes it that does as the request says."""
    text = _pieces(order)
    before = "".join(text[: order.events // 2])
    told = carried((Answer(before + MARKER),), messages)
    rest = f"{MARKER} is when the server did what it did."
    if order.family is not None:
        rest = "".join(text[order.events // 2 :][:_REST])
        said = continue_answer(before + rest, told.sent, echo=told.echo, manner=Manner.ECHO, rng=Random(0))
        return answers.said(_PIECE.findall(said)) + answers.ended(order.events)
    said = continue_answer(before + rest, told.sent, echo=told.echo, manner=Manner.ECHO, rng=Random(0))
    echoed, _, new = said.partition(MARKER)
    head, tail = answers.said(_PIECE.findall(echoed)), answers.said(_PIECE.findall(new)) + answers.ended(order.events)
    # Last of all: what it took to write the answer is the server's own delay.
    return head + answers.said([f"{MARKER}{_died[order.name]} {asked} {time.monotonic_ns()}"]) + tail


def _pieces(order: Order) -> list[str]:
    """The text of an answer, in its pieces."""
    if order.family is None:
        return answers.pieces(order.events)
    return answers.pieces_of(order.family, order.events)


async def _serve(ready: Connection) -> None:
    listening = await asyncio.get_running_loop().create_server(_Reader, "127.0.0.1", 0, backlog=1024)
    ready.send(listening.sockets[0].getsockname()[1])
    await listening.serve_forever()


def _run(ready: Connection) -> None:
    asyncio.run(_serve(ready))


@contextmanager
def server() -> Iterator[str]:
    """Run it; the URL that it answers at."""
    processes = get_context("spawn")
    ready, there = processes.Pipe(duplex=False)
    process = processes.Process(target=_run, args=(there,), daemon=True)
    process.start()
    there.close()
    try:
        yield f"http://127.0.0.1:{ready.recv()}"
    finally:
        process.terminate()
        process.join()
        ready.close()
