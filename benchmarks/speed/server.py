"""What the server answers, in a process of its own: bytes that were encoded before, as fast as they are taken."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, count, repeat
from multiprocessing.connection import Connection
from random import Random
from typing import Any, Final

from benchmarks.children import Child, obey
from benchmarks.server import Response, Server
from benchmarks.speed import answers
from benchmarks.speed.orders import MARKER, Failure, Order
from benchmarks.stamps import stamped
from unbroken.testing.claude.carried import carried
from unbroken.testing.manners.manners import Manner, continue_answer
from unbroken.testing.script.faults.fault import End
from unbroken.testing.script.script import Answer
from unbroken.testing.wire.http import LAST_CHUNK, HttpRequest

__all__ = ["server"]

#: Bytes of one write.
_SLICE: Final = 64 * 1024
#: Between the last text and the failure, in seconds, so that the reader has taken what there is and waits.
_CALM: Final = 0.01
#: What is sent when a stream dies, and how its connection ends.
_DEATHS: Final[dict[Failure, tuple[bytes, End]]] = {
    "error event": (answers.DIED, End.KEEP),
    "clean end": (LAST_CHUNK, End.KEEP),
    "reset": (b"", End.RESET),
}
#: How many pieces a resume adds that is not about the gap.
_REST: Final = 100
_PIECE: Final = re.compile(r"\s*\S{1,5}")

_requests: Final = count(1)
#: When which answer died, in ns.
_died: Final[dict[str, int]] = {}


def answer(http: HttpRequest) -> Response:
    """What a reader ordered."""
    asked = time.monotonic_ns()
    body = json.loads(http.body)
    messages = body["messages"]
    order = Order.of(messages[0])
    if order.pace is not None:
        return stamped(body["model"], order.events, 1 / order.pace)
    begun = answers.started(f"req_{next(_requests):06}")
    if len(messages) > 1:
        return Response(chain([begun], _resumed(order, messages, asked)))
    if order.hold is not None:
        return Response(chain([begun + answers.said(answers.pieces(order.hold))], repeat(b"")), every=1.0)
    if order.failure is not None:
        last, end = _DEATHS[order.failure]
        return Response(_dying(order, begun, last), _CALM, end)
    return Response(chain([begun], _sliced(answers.whole(order.events))))


def _sliced(data: bytes) -> Iterator[bytes]:
    return (data[at : at + _SLICE] for at in range(0, len(data), _SLICE))


def _dying(order: Order, begun: bytes, last: bytes) -> Iterator[bytes]:
    yield begun + answers.said(_pieces(order)[: order.events // 2])
    _died[order.name] = time.monotonic_ns()
    if last:
        yield last


def _resumed(order: Order, messages: Sequence[dict[str, Any]], asked: int) -> Iterator[bytes]:
    """The rest of an answer that died, as a model writes it that does as the request says; composed when it is due."""
    text = _pieces(order)
    before = "".join(text[: order.events // 2])
    told = carried((Answer(before + MARKER),), messages)
    rest = f"{MARKER} is when the server did what it did."
    if order.family is not None:
        rest = "".join(text[order.events // 2 :][:_REST])
        said = continue_answer(before + rest, told.sent, echo=told.echo, manner=Manner.ECHO, rng=Random(0))
        yield answers.said(_PIECE.findall(said)) + answers.ended(order.events)
        return
    said = continue_answer(before + rest, told.sent, echo=told.echo, manner=Manner.ECHO, rng=Random(0))
    echoed, _, new = said.partition(MARKER)
    head, tail = answers.said(_PIECE.findall(echoed)), answers.said(_PIECE.findall(new)) + answers.ended(order.events)
    # Last of all: what it took to write the answer is the server's own delay.
    yield head + answers.said([f"{MARKER}{_died[order.name]} {asked} {time.monotonic_ns()}"]) + tail


def _pieces(order: Order) -> list[str]:
    """The text of an answer, in its pieces."""
    if order.family is None:
        return answers.pieces(order.events)
    return answers.pieces_of(order.family, order.events)


async def serve(pipe: Connection) -> None:
    """A process that serves: ask for its `url`."""
    async with Server(answer) as running:

        async def url() -> str:
            return running.url

        await obey(pipe, {"url": url})


@contextmanager
def server() -> Iterator[str]:
    """Run it; the URL that it answers at."""
    with Child(serve) as process:
        yield process.ask("url")
