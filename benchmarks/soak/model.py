"""The server's side of the soak: what a request gets, written as the fault server writes it."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, cycle, repeat
from random import Random
from typing import Any, Final

from benchmarks.server import Response
from benchmarks.soak.mishaps import SHARE, Mishap, draw
from benchmarks.soak.stories import PIECES, Soaked, stamps_asked, story_asked
from benchmarks.stamps import stamped
from unbroken.testing.claude.carried import carried
from unbroken.testing.claude.model import reply
from unbroken.testing.rules.validation import KNOWN_MODELS, validate
from unbroken.testing.script.faults import Status
from unbroken.testing.script.faults.fault import End
from unbroken.testing.script.script import Answer
from unbroken.testing.server.response_writer import ResponseWriter
from unbroken.testing.wire.http import LAST_CHUNK, HttpRequest, chunk, frame
from unbroken.testing.wire.record import Connection, Request

__all__ = ["PINGS_EVERY", "REFUSED_FOR", "Asked", "Model"]

#: Seconds between two pings of a stream that brings nothing else.
PINGS_EVERY: Final = 1.0
#: Seconds for which a port is closed.
REFUSED_FOR: Final = 0.25

_PING: Final = chunk(frame({"type": "ping"}))
#: How a delta's frame begins, and within how many bytes of its chunk.
_DELTA: Final = b"event: content_block_delta\n"
_NAMED: Final = len(_DELTA) + len(b"ffff\r\n")
_NOBODY: Final = Connection(0, 0.0)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for a story.

    Attributes:
        at: When it came, in monotonic seconds, which all processes of a machine share.
        begun: How many characters of the story it brought.
        mishap: The kind of what went wrong with it; None: nothing did.
    """

    at: float
    begun: int
    mishap: str | None


@dataclass(slots=True)
class Model:
    """Answers requests of the soak, and breaks a share of them.

    Attributes:
        seed: Everything follows from it, and from what a request is the how-manieth of its question.
        every: Seconds between two events of an answer.
        share: The share of requests that go wrong.
        requests: How many came.
        mishaps: How many of each kind were drawn.
        rejected: What the API would not have accepted of them, by its message. It has to stay empty.
        asked: The requests that were accepted, by the number of their story.
    """

    seed: int
    every: float
    share: float = SHARE
    requests: int = 0
    mishaps: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    asked: dict[int, list[Asked]] = field(default_factory=dict)

    def __call__(self, http: HttpRequest) -> Response:
        """What a request gets."""
        self.requests += 1
        body: dict[str, Any] = json.loads(http.body)
        prompt = str(body["messages"][0]["content"])
        stamps = stamps_asked(prompt)
        if stamps is not None:
            return stamped(body["model"], stamps, self.every)
        story = story_asked(prompt, self.seed)
        if story is None:
            raise ValueError(f"not a question of the soak: {prompt!r}")
        return self._respond(http, body, story)

    def _respond(self, http: HttpRequest, body: dict[str, Any], story: Soaked) -> Response:
        asked = self.asked.setdefault(story.number, [])
        rng = Random(f"{self.seed} {story.number} {len(asked) + 1}")
        answers = (Answer(story.text, manner=story.manner, pieces=PIECES),)
        request = _request(http, body, self.requests)
        wrong = validate(body, http.headers.get("anthropic-version"), models=KNOWN_MODELS, answers=answers)
        if wrong is not None:
            self.rejected[wrong.message] += 1
            pieces, end = _written(request, None, Status(wrong.status, wrong.type, wrong.message))
            return Response(pieces, end=end)
        begun = carried(answers, body["messages"])
        message = reply(body, begun, rng, id=f"msg_{self.requests:08d}")
        mishap = draw(rng, message, self.share)
        asked.append(Asked(time.monotonic(), len(begun.sent), None if mishap is None else mishap.kind))
        if mishap is None:
            pieces, end = _written(request, message)
            return Response(pieces, self.every, end)
        self.mishaps[mishap.kind] += 1
        return self._break(request, message, mishap)

    def _break(self, request: Request, message: Any, mishap: Mishap) -> Response:
        if mishap.fault is None:
            return Response(repeat(b""), self.every)
        pieces, end = _written(request, message, mishap.fault)
        match mishap.after:
            case "end":
                return Response(pieces, self.every, end)
            case "refusal":
                return Response(pieces, self.every, end, refuse=REFUSED_FOR)
            case "silence":
                return Response(chain(_unended(pieces), repeat(b"")), self.every)
            case "pings":
                pause = [b""] * max(1, round(PINGS_EVERY / self.every) - 1)
                return Response(chain(_unended(pieces), cycle([*pause, _PING])), self.every)


class _Writing:
    """A connection that only keeps what is written to it."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    async def send(self, data: bytes) -> None:
        self.pieces.append(data)


def _written(request: Request, message: Any, *faults: Any) -> tuple[Iterator[bytes], End]:
    """A response as the fault server plays it, in pieces of one text delta each, and how its connection ends."""
    writing = _Writing()
    # All that it does with a stream is send.
    writer = ResponseWriter(writing, request, faults=faults)  # type: ignore[arg-type]
    end = _at_once(writer.error(*faults) if message is None else writer.events(message))
    return _in_time(writing.pieces), end


def _at_once(playing: Coroutine[Any, Any, End]) -> End:
    """Run what never waits."""
    try:
        playing.send(None)
    except StopIteration as ended:
        return ended.value  # type: ignore[no-any-return]
    playing.close()
    raise RuntimeError("a response of the soak waits for nothing but its turn")


def _in_time(written: Sequence[bytes]) -> Iterator[bytes]:
    """What is sent together: all up to the first delta, each other delta, and what ends the message."""
    together, begun = b"", False
    for data in written:
        if _DELTA in data[:_NAMED]:
            if begun:
                yield together
                together = b""
            begun = True
        together += data
    if together:
        yield together


def _unended(pieces: Iterator[bytes]) -> Iterator[bytes]:
    return (piece.removesuffix(LAST_CHUNK) for piece in pieces)


def _request(http: HttpRequest, body: dict[str, Any], number: int) -> Request:
    path, _, query = http.target.partition("?")
    return Request(
        number=number,
        id=f"req_{number:08d}",
        method=http.method,
        path=path,
        query=query,
        headers=http.headers,
        raw=http.body,
        body=body,
        connection=_NOBODY,
        arrived_at=0.0,
    )
