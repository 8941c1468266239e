"""A transport that plays a recorded body, breaks it off, and goes on as a model would.

The first request gets the recorded bytes, up to the cut. What the fault server would answer, each later request gets,
in the words of the recording's platform: it is judged by the server's rules, and by preflight, against what either
says of the request that was recorded.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from random import Random
from typing import Any, Final, Literal, TypeAlias

import httpx2

from corpus import Recording
from unbroken.preflight import check
from unbroken.testing import Answer, ErrorEvent, Manner, RawBlock, RedactedThinking, Text, Thinking
from unbroken.testing.claude.carried import carried, ending_text, turns_of
from unbroken.testing.claude.model import reply
from unbroken.testing.claude.reply import folded
from unbroken.testing.rules.incoming import Incoming
from unbroken.testing.rules.validation import _RULES
from unbroken.testing.script.blocks import Block
from unbroken.testing.wire.calls import route
from unbroken.testing.wire.dialects import BEDROCK, FIRST_PARTY, FOUNDRY, VERTEX, Dialect

__all__ = ["DIALECTS", "FAULTS", "Cut", "Fault", "Playback", "answer_of"]

Fault: TypeAlias = Literal["reset", "end", "error"]
FAULTS: Final[tuple[Fault, ...]] = ("reset", "end", "error")

DIALECTS: Final[Mapping[str, Dialect]] = {"azure": FOUNDRY, "bedrock": BEDROCK, "vertex": VERTEX}
_THINKING: Final = ("thinking", "redacted_thinking")
_ROOM: Final = 10**6


@dataclass(frozen=True)
class Cut:
    """Where a body breaks off, and how, and how it is gone on with.

    Attributes:
        frames: How many frames arrive whole.
        inside: How many bytes of the next one arrive too.
        fault: A reset of the connection, a clean end of the body, or an `error` event.
        manner: How the model goes on.
        form: `Policy.resume`.
    """

    frames: int
    inside: int = 0
    fault: Fault = "reset"
    manner: Manner = Manner.ECHO
    form: Literal["auto", "continue"] = "auto"

    def __str__(self) -> str:
        inside = f"+{self.inside}b" if self.inside else ""
        return f"{self.frames}{inside} {self.fault} {self.form}/{self.manner}"


def answer_of(recording: Recording, manner: Manner = Manner.ECHO, *, signs: bool = True) -> Answer:
    """The recorded answer, as a script has it.

    Args:
        recording: What was recorded.
        manner: How it is gone on with.
        signs: Whether the fault server signs its thinking; else it is as it was recorded.
    """
    blocks: list[Block] = []
    stop: dict[str, Any] = {}
    # What never ended is half a call, which `max_tokens` cut, and which nobody is to get.
    ended = {event["index"] for event in recording.events if event.get("type") == "content_block_stop"}
    for event in recording.events:
        match event.get("type"):
            case "message_start" if event["message"].get("stop_reason"):
                blocks += [RawBlock(block) for block in event["message"]["content"]]
                stop = event["message"]
            case "content_block_start" if event["index"] in ended:
                blocks.append(RawBlock(event["content_block"], []))
            case "content_block_delta" if event["index"] in ended and isinstance(blocks[-1], RawBlock):
                blocks[-1] = replace(blocks[-1], deltas=[*blocks[-1].deltas, event["delta"]])
            case "message_delta":
                stop = {**stop, **event["delta"]}
    return Answer(
        [_scripted(block, signs=signs) for block in blocks if isinstance(block, RawBlock)],
        manner=manner,
        stop_reason=stop.get("stop_reason"),
        stop_details=stop.get("stop_details"),
        container=stop.get("container"),
    )


def _scripted(block: RawBlock, *, signs: bool) -> Block:
    """A block as a script has it: text is cut and gone on with, thinking is signed, all else stays as it was."""
    match block.start.get("type"):
        case "text":
            whole = folded(replace(block, start={"text": "", **block.start}))
            return Text(whole["text"], whole.get("citations") or ())
        case "thinking" if signs:
            return Thinking(folded(replace(block, start={"thinking": "", **block.start}))["thinking"])
        case "redacted_thinking" if signs:
            return RedactedThinking()
        case _:
            return block


@dataclass
class Playback:
    """What is played to one client for one stream.

    Attributes:
        recording: What is played.
        cut: Where it breaks off; None: it does not.
        requests: The bodies of all requests that came.
        objections: What the fault server's rules, and preflight, say of the requests that go on, and not of the one
            that was recorded.
    """

    recording: Recording
    cut: Cut | None = None
    whole: Mapping[str, Any] | None = None
    requests: list[dict[str, Any]] = field(default_factory=list)
    objections: list[str] = field(default_factory=list)

    async def respond(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request."""
        call = route(request.url.path, dict(request.headers), json.loads(request.content))
        assert call is not None, request.url.path
        body = call.body
        self.requests.append(body)
        if not body.get("stream"):
            return httpx2.Response(200, headers={"request-id": "req_whole"}, json=dict(self.whole or {}))
        if len(self.requests) == 1:
            return self._response(self._recorded())
        for told in (_server, _preflight):
            known = Counter(told(self.requests[0], call.version, call.betas, self._recorded_answers))
            new = Counter(told(body, call.version, call.betas, self._recorded_answers)) - known
            self.objections += new.elements()
        if body["messages"] == self.requests[0]["messages"]:
            return self._response(self._again())
        return self._response(self._continued(body))

    def _response(self, content: AsyncIterator[bytes]) -> httpx2.Response:
        return httpx2.Response(200, headers=self.recording.headers, content=content)

    @cached_property
    def _answers(self) -> tuple[Answer, ...]:
        return (answer_of(self.recording, self.cut.manner if self.cut else Manner.ECHO),)

    @cached_property
    def _recorded_answers(self) -> tuple[Answer, ...]:
        return (answer_of(self.recording, signs=False),)

    @property
    def _dialect(self) -> Dialect:
        return DIALECTS.get(self.recording.platform, FIRST_PARTY)

    async def _recorded(self) -> AsyncIterator[bytes]:
        if self.cut is None:
            yield self.recording.body
            return
        frames = self.recording.frames
        yield b"".join(frames[: self.cut.frames])
        if self.cut.inside:
            yield frames[self.cut.frames][: self.cut.inside]
        match self.cut.fault:
            case "reset":
                raise httpx2.ReadError("the connection was reset")
            case "error":
                yield self._dialect.error_frame(ErrorEvent("overloaded_error"), "req_1", Random(str(self.cut)))
            case "end":
                pass

    async def _again(self) -> AsyncIterator[bytes]:
        """The same request is answered with the same message."""
        yield self.recording.body

    async def _continued(self, body: dict[str, Any]) -> AsyncIterator[bytes]:
        assert self.cut is not None
        first = self.requests[0]["messages"]
        prefill = ending_text(first) or ""
        asked = carried(self._answers, _without(first, body["messages"]), prefill)
        if not _ends_in_text(body["messages"]):
            # Behind a tool's result something new begins: there is no word, and no sentence, to begin again.
            asked = replace(asked, answer=replace(asked.answer, manner=Manner.ECHO))
        rng = Random(f"{self.recording.id}/{self.cut}/{len(self.requests)}")
        # How much may be written was decided when the answer was recorded.
        free = {name: value for name, value in body.items() if name != "stop_sequences"} | {"max_tokens": _ROOM}
        message = reply(free, asked, rng, id=self._dialect.shape.message_id(len(self.requests)))
        for event in self._dialect.events(message.events(), rng):
            yield self._dialect.frame(event, rng)


def _ends_in_text(messages: Sequence[dict[str, Any]]) -> bool:
    """Whether the turn that is gone on with ends in a text."""
    spoken = [turn for turn in turns_of(messages) if turn["role"] == "assistant"]
    return bool(spoken) and spoken[-1]["content"][-1].get("type") == "text"


def _without(first: Sequence[dict[str, Any]], messages: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """The messages without the blocks of a paused turn, which are no part of the answer that goes on from it."""
    if not first or first[-1]["role"] != "assistant" or not isinstance(first[-1]["content"], list):
        return messages
    paused = [block for block in first[-1]["content"] if block.get("type") != "text"]
    n = len(first) - 1
    content = [block for block in turns_of(messages[n : n + 1])[0]["content"] if block not in paused]
    return [*messages[:n], {"role": "assistant", "content": content}, *messages[n + 1 :]]


def _server(body: dict[str, Any], version: str | None, betas: Sequence[str], answers: tuple[Answer, ...]) -> list[str]:
    """What the fault server's rules say of a request, by the first rule of each kind to object."""
    asked = Incoming(body, version or "2023-06-01", betas, False, answers, ())
    return [f"server: {message}" for rule in _RULES for message in rule(asked)]


def _preflight(
    body: dict[str, Any], version: str | None, betas: Sequence[str], answers: tuple[Answer, ...]
) -> list[str]:
    found = check({**body, "betas": list(betas)}, version=version)
    return [f"preflight: {f.code} at {f.path}" for f in found if f.severity == "error"]
