"""The bare SDK as the oracle of what a body says: bodies by the grammar, mutated, read by it and by `resilient_stream`.

`python -m tests.e2e.sdk_oracle 20000 [SEED]` reads so many. What a mutation means stands in `MUTATIONS`; where the two
may differ, its `Rule` says why. Everything else is a problem.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import warnings
from collections import Counter
from collections.abc import AsyncIterator, Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final

import anthropic
import httpx2

from unbroken import Health, Policy, resilient_stream

Event = dict[str, Any]


class Rule(Enum):
    """What is demanded of a body with such a mutation; the last that one has decides."""

    SAME = "read as the SDK reads the reference"
    """The mutation means nothing, or what it hides would be lost by the SDK without a word. The reference says what it
    means; both are whole, or neither is."""
    OR_FAILS = "read as the SDK reads it, or a named failure"
    """A shape of no meaning: what the SDK makes of it is an accident."""
    GRAMMAR = "grammar"
    """Events out of order. Which of them are an error is for `core/splicing/splicer.py`; differences are counted."""


@dataclass
class Frame:
    """One frame: as it is sent, as the SDK is to read it (None: not at all), and whether it is still the grammar's."""

    wire: bytes
    reference: bytes | None
    untouched: bool = False


@dataclass
class Body:
    """A body, and what was done to it."""

    sent: bytes
    reference: bytes
    unspoilt: bytes
    rule: Rule
    mutations: list[str]
    seed: int


# -- bodies by the grammar

WORDS: Final = (
    "The",
    "quick",
    "brown fox",
    "jumps",
    "12.50",
    "lazy",
    "dogs.",
    "—",
    "界面",
    "añ",
    "👩‍🚀",
    "x\n\n",
    "**b**",
    "1e5",
)
#: More than Python's own parser takes.
DEEP: Final = b"[" * 5_000 + b"]" * 5_000
NASTY: Final[list[Any]] = [
    None, True, 0, -1, 3, 2**70, 0.5, 1e300, "", "x", "12", "\ud800", [], ["x"], [None], {}, {"type": "x"}, {"a": [1]},
]  # fmt: skip


def encode(event: Event, name: str | None = "") -> bytes:
    """A frame; its name is the event's type, unless another one is given. None: no name."""
    called = event.get("type") if name == "" else name
    head = b"" if called is None else f"event: {called}\n".encode()
    return head + b"data: " + json.dumps(event, ensure_ascii=True).encode() + b"\n\n"


def message(rng: random.Random) -> list[Event]:
    """The events of one message."""
    start = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-5-5", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 1},
    }  # fmt: skip
    events: list[Event] = [{"type": "message_start", "message": start}]
    reason = "end_turn"
    for index in range(rng.randint(1, 4)):
        kind = rng.choice(["text", "text", "text", "thinking", "tool_use", "server", "hologram"])
        if kind == "tool_use":
            reason = "tool_use"
        events += block(rng, index, kind)
    usage = {"output_tokens": rng.randint(1, 400)}
    events.append({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage})
    events.append({"type": "message_stop"})
    return events


def block(rng: random.Random, index: int, kind: str) -> list[Event]:
    """The events of one block."""
    pieces = [f" {rng.choice(WORDS)}" for _ in range(rng.randint(1, 5))]
    deltas: list[Event] = []
    opened: Event
    match kind:
        case "text":
            opened = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in pieces]
            if rng.random() < 0.2:
                opened["citations"] = []
                deltas.insert(0, {"type": "citations_delta", "citation": {"type": "char_location", "cited_text": "x"}})
        case "thinking":
            opened = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
            deltas.append({"type": "signature_delta", "signature": "c2ln"})
        case "tool_use":
            opened = {"type": "tool_use", "id": f"toolu_{index}", "name": "f", "input": {}}
            text = json.dumps({"a": pieces, "n": [0.10, 12345678901234567890]})
            cut = rng.randint(1, len(text))
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", text[:cut], text[cut:])]
        case "server":
            opened = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
        case _:
            opened = {"type": "hologram", "depth": 3}
    began = {"type": "content_block_start", "index": index, "content_block": opened}
    grown = [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    return [began, *grown, {"type": "content_block_stop", "index": index}]


# -- mutations


def _some(rng: random.Random, frames: list[Frame]) -> int:
    return rng.randrange(len(frames))


def _pick(rng: random.Random, frames: list[Frame], *types: str) -> tuple[int, Event] | None:
    """One of the frames that nothing was done to, and its event; of one of these types, if any are given."""
    found = [(at, json.loads(frame.wire.partition(b"data: ")[2])) for at, frame in enumerate(frames) if frame.untouched]
    fitting = [(at, event) for at, event in found if not types or event["type"] in types]
    if not fitting:
        return None
    at, event = rng.choice(fitting)
    frames[at].untouched = False
    return at, event


def foreign(rng: random.Random, frames: list[Frame]) -> bool:
    """A gateway's own frame."""
    wire = rng.choice(
        [
            b"event: keepalive\ndata: {}\n\n", b"event: PING\ndata: {}\n\n", b"event: heartbeat\ndata: null\n\n",
            b'event: x\ndata: {"type": 3}\n\n', b"event: metadata\ndata: plain text\n\n",
            b"event: data\ndata: [DONE]\n\n",
            b": keep-alive\n\n", b":\n", b"id: 7\n\n", b"retry: 3000\n\n",
            b'event: ping\ndata: {"type": "ping"}\n\n',
            b"event: ping\n\n", b"data: [DONE]\n\n", b"data\n\n", b"\n\n\n", b"foo: bar\n\n",
            b"event: usage\ndata: [1, 2]\n\n",
            b"data: {\"choices\": []}\n\n", b'data: {"type": "ping"}\n\n',
        ]
    )  # fmt: skip
    frames.insert(_some(rng, frames), Frame(wire, None))
    return True


def future(rng: random.Random, frames: list[Frame]) -> bool:
    """An event of a type of tomorrow."""
    type_ = rng.choice(["message_metadata", "content_block_meta", "hologram"])
    wire = encode({"type": type_, "x": 1})
    frames.insert(_some(rng, frames), Frame(wire, wire))
    return True


def comment_within(rng: random.Random, frames: list[Frame]) -> bool:
    """A keep-alive between the lines of a frame, with a blank line or without."""
    if (found := _pick(rng, frames)) is None:
        return False
    at, _ = found
    comment = rng.choice([b": keep-alive\n\n", b": keep-alive\n", b":\n\n:\n\n", b"\n"])
    frames[at].wire = frames[at].wire.replace(b"\ndata: ", b"\n" + comment + b"data: ", 1)
    return True


def nameless(rng: random.Random, frames: list[Frame]) -> bool:
    """Only the data says what it is."""
    if (found := _pick(rng, frames)) is None:
        return False
    frames[found[0]].wire = encode(found[1], None)
    return True


def renamed(rng: random.Random, frames: list[Frame]) -> bool:
    """The frame has another name than the event."""
    if (found := _pick(rng, frames)) is None:
        return False
    frames[found[0]].wire = encode(found[1], rng.choice(["message", "data", "content_block_delta", "delta"]))
    return True


def typeless(rng: random.Random, frames: list[Frame]) -> bool:
    """Only the name says what it is."""
    if (found := _pick(rng, frames)) is None:
        return False
    at, event = found
    frames[at].wire = encode({name: value for name, value in event.items() if name != "type"}, event["type"])
    return True


def numbers(rng: random.Random, frames: list[Frame]) -> bool:
    """An index or a count as a float, or as a string."""
    if (found := _pick(rng, frames)) is None:
        return False
    at, event = found
    written = rng.choice([float, str, lambda n: f"{n}.0"])
    if "index" in event:
        event["index"] = written(event["index"])
    usage = event.get("usage") or (event.get("message") or {}).get("usage") or {}
    for name in usage:
        usage[name] = written(usage[name])
    frames[at].wire = encode(event)
    return True


def no_usage(rng: random.Random, frames: list[Frame]) -> bool:
    """Nothing was counted."""
    if (found := _pick(rng, frames, "message_start", "message_delta")) is None:
        return False
    at, event = found
    holder = event.get("message", event)
    holder["usage"] = {}
    frames[at].reference = encode(event)
    if rng.random() < 0.5:
        holder["usage"] = None
    else:
        del holder["usage"]
    frames[at].wire = encode(event)
    return True


def no_text(rng: random.Random, frames: list[Frame]) -> bool:
    """A block that starts without the text that it starts with."""
    if (found := _pick(rng, frames, "content_block_start")) is None:
        return False
    at, event = found
    block_ = event["content_block"]
    if (name := block_["type"]) not in ("text", "thinking"):
        return False
    if rng.random() < 0.5:
        block_[name] = None
    else:
        del block_[name]
    frames[at].wire = encode(event)
    return True


def several_lines(rng: random.Random, frames: list[Frame]) -> bool:
    """JSON over several data lines, without the space, with other fields between."""
    if (found := _pick(rng, frames)) is None:
        return False
    at, event = found
    colon = rng.choice(["data:", "data: "])
    lines = [f"{colon}{line}" for line in json.dumps(event, indent=1).split("\n")]
    lines.insert(
        rng.randint(0, len(lines)), rng.choice([": c", "id: 3", "retry: 10", "foo", f"event: {event['type']}"])
    )
    frames[at].wire = "\n".join([f"event:{event['type']}", *lines, "", ""]).encode()
    return True


def line_ends(rng: random.Random, frames: list[Frame]) -> bool:
    """CR or CRLF, for some frames."""
    end = rng.choice([b"\r", b"\r\n"])
    for frame in frames:
        if rng.random() < 0.5:
            frame.untouched = False
            frame.wire = frame.wire.replace(b"\n", end)
    return True


def byte_order_mark(_: random.Random, frames: list[Frame]) -> bool:
    """Before the first line."""
    frames.insert(0, Frame(b"\xef\xbb\xbf", b""))
    return True


def halves(rng: random.Random, frames: list[Frame]) -> bool:
    """A character that is cut in two deltas."""
    if (found := _pick(rng, frames, "content_block_delta")) is None:
        return False
    at, event = found
    fields = {"text_delta": "text", "thinking_delta": "thinking"}
    if (name := fields.get(event["delta"]["type"])) is None:
        return False
    said = event["delta"][name]
    cut = (f"{said}\ud83d", f"\ude00{said}")
    pieces = [encode({**event, "delta": {**event["delta"], name: text}}) for text in cut]
    whole = encode({**event, "delta": {**event["delta"], name: f"{said}\U0001f600{said}"}})
    frames[at : at + 1] = [Frame(pieces[0], whole), Frame(pieces[1], None)]
    return True


def half(rng: random.Random, frames: list[Frame]) -> bool:
    """Half of a character whose other half never comes."""
    if (found := _pick(rng, frames, "content_block_delta")) is None:
        return False
    at, event = found
    for name in ("text", "thinking", "partial_json"):
        if name in event["delta"]:
            event["delta"][name] += rng.choice(["\ud83d", "\ude00", "\ud83dx"])
            frames[at].wire = frames[at].reference = encode(event)
            return True
    return False


def junk(rng: random.Random, frames: list[Frame]) -> bool:
    """A field is gone, or holds anything."""
    if (found := _pick(rng, frames)) is None:
        return False
    at, event = found
    holder: Any = event
    while True:
        name = rng.choice(list(holder))
        if isinstance(holder[name], dict) and holder[name] and rng.random() < 0.7:
            holder = holder[name]
            continue
        break
    if rng.random() < 0.3:
        del holder[name]
    else:
        holder[name] = deepcopy(rng.choice(NASTY))
    called = frames[at].wire.partition(b"\n")[0].removeprefix(b"event: ").decode()
    frames[at].wire = encode(event, called)
    # Without a type of its own it is `typeless`.
    frames[at].reference = encode(event if event.get("type") is not None else {**event, "type": called}, called)
    return True


def retyped(rng: random.Random, frames: list[Frame]) -> bool:
    """A delta of a kind that its block does not have, or a block of another type."""
    if (found := _pick(rng, frames, "content_block_delta", "content_block_start")) is None:
        return False
    at, event = found
    if event["type"] == "content_block_start":
        event["content_block"]["type"] = rng.choice(["text", "thinking", "tool_use", "hologram", "redacted_thinking"])
    else:
        event["delta"] = rng.choice(
            [
                {"type": "text_delta", "text": "XX"}, {"type": "thinking_delta", "thinking": "XX"},
                {"type": "input_json_delta", "partial_json": "[1]"}, {"type": "signature_delta", "signature": "XX"},
                {"type": "citations_delta", "citation": {}}, {"type": "hologram_delta", "text": "XX"},
            ]
        )  # fmt: skip
    frames[at].wire = frames[at].reference = encode(event)
    return True


def called_a_ping(rng: random.Random, frames: list[Frame]) -> bool:
    """The SDK drops by its name what may be the answer's."""
    if (found := _pick(rng, frames)) is None:
        return False
    frames[found[0]].wire = frames[found[0]].reference = encode(found[1], "ping")
    return True


def error_event(rng: random.Random, frames: list[Frame]) -> bool:
    """It says what went wrong, by its name or by its type."""
    told = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    wire = rng.choice(
        [encode(told), encode(told, None), encode(told, "x"), b"event: error\n\n", b"event: error\ndata: x\n\n"]
    )
    frames.insert(_some(rng, frames), Frame(wire, encode(told)))
    return True


def broken(rng: random.Random, frames: list[Frame]) -> bool:
    """No JSON, no UTF-8, nested without end."""
    wire = rng.choice(
        [
            b'event: content_block_delta\ndata: {"type":"content_block_delta","in\n\n', b"event: x\ndata: \xff\n\n",
            b'event: content_block_delta\ndata: {"type":"content_block_delta","x":' + DEEP + b"}\n\n",
            b"event: message_stop\ndata: null\n\n", b'data: {"type":\n\n', b'event: x\ndata: {"a\n\n',
        ]
    )  # fmt: skip
    frames.insert(_some(rng, frames), Frame(wire, wire))
    return True


def dropped(rng: random.Random, frames: list[Frame]) -> bool:
    """An event is missing."""
    del frames[_some(rng, frames)]
    return bool(frames)


def doubled(rng: random.Random, frames: list[Frame]) -> bool:
    """An event comes twice."""
    at = _some(rng, frames)
    frames.insert(at, replace(frames[at], untouched=False))
    return True


def swapped(rng: random.Random, frames: list[Frame]) -> bool:
    """Two events have changed places."""
    at, other = _some(rng, frames), _some(rng, frames)
    frames[at], frames[other] = frames[other], frames[at]
    return True


def late(rng: random.Random, frames: list[Frame]) -> bool:
    """An event comes later."""
    frames.insert(_some(rng, frames), frames.pop(_some(rng, frames)) if len(frames) > 1 else frames[0])
    return True


def renumbered(rng: random.Random, frames: list[Frame]) -> bool:
    """An event is of another block."""
    kinds = ("content_block_delta", "content_block_start", "content_block_stop")
    if (found := _pick(rng, frames, *kinds)) is None:
        return False
    at, event = found
    event["index"] = rng.choice([0, 1, 2, 7, -1])
    frames[at].wire = frames[at].reference = encode(event)
    return True


MUTATIONS: Final[dict[Callable[[random.Random, list[Frame]], bool], Rule]] = {
    foreign: Rule.SAME,
    future: Rule.SAME,
    comment_within: Rule.SAME,
    nameless: Rule.SAME,
    renamed: Rule.SAME,
    typeless: Rule.SAME,
    numbers: Rule.SAME,
    no_usage: Rule.SAME,
    no_text: Rule.SAME,
    several_lines: Rule.SAME,
    line_ends: Rule.SAME,
    byte_order_mark: Rule.SAME,
    halves: Rule.SAME,
    half: Rule.OR_FAILS,
    junk: Rule.OR_FAILS,
    retyped: Rule.OR_FAILS,
    called_a_ping: Rule.OR_FAILS,
    error_event: Rule.OR_FAILS,
    broken: Rule.OR_FAILS,
    dropped: Rule.GRAMMAR,
    doubled: Rule.GRAMMAR,
    swapped: Rule.GRAMMAR,
    late: Rule.GRAMMAR,
    renumbered: Rule.GRAMMAR,
}
_ORDER: Final = list(Rule)


def make(seed: int) -> Body:
    """The body of that seed: the same one always."""
    rng = random.Random(seed)
    frames = [Frame(wire, wire, untouched=True) for wire in map(encode, message(rng))]
    unspoilt = b"".join(frame.wire for frame in frames)
    rule, done = Rule.SAME, []
    for mutation in rng.choices(list(MUTATIONS), k=rng.choice([0, 1, 1, 1, 2, 2, 3])):
        if mutation(rng, frames):
            rule = max(rule, MUTATIONS[mutation], key=_ORDER.index)
            done.append(mutation.__name__)
    sent = b"".join(frame.wire for frame in frames)
    reference = b"".join(frame.reference or b"" for frame in frames)
    if rng.random() < 0.25:
        sent = sent[: rng.randrange(len(sent) + 1)]
        done.append("cut")
    return Body(sent, reference, unspoilt, rule, done, seed)


# -- reading


@dataclass
class Reading:
    """What a reader was given."""

    blocks: list[Event] = field(default_factory=list)
    text: str = ""
    stop_reason: str | None = None
    stopped: bool = False
    whole: bool = False
    error: Exception | None = None
    calls: list[Event] = field(default_factory=list)
    ended_by_calls: bool = False


class _Pieces(httpx2.AsyncByteStream):
    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


class Readers:
    """Reads bodies by both, over one client."""

    def __init__(self) -> None:
        self._body: list[bytes] = []
        self._client = anthropic.AsyncAnthropic(
            api_key="test",
            max_retries=0,
            http_client=anthropic.DefaultAsyncHttpxClient(transport=httpx2.MockTransport(self._answer)),
        )
        self._request: dict[str, Any] = {
            "model": "claude-opus-5-5",
            "max_tokens": 1_000,
            "messages": [{"role": "user", "content": "Hi"}],
        }
        self._health = Health(min_requests=1_000_000, max_retries=1_000)

    def _answer(self, _: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=_Pieces(self._body))

    async def by_the_sdk(self, body: bytes) -> Reading:
        """The bare SDK."""
        self._body = [body]
        reading = Reading()
        try:
            async with self._client.messages.stream(**self._request) as stream:
                async for event in stream:
                    _note(reading, event)
                _end(reading, await stream.get_final_message())
        except Exception as error:
            reading.error = error
        return reading

    async def by_unbroken(self, body: bytes, rng: random.Random) -> Reading:
        """One attempt of ours, by either way of reading, in pieces of any size."""
        cuts = sorted(rng.choices(range(len(body) + 1), k=rng.choice([0, 1, 5])))
        self._body = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
        reading, typed = Reading(), rng.random() < 0.5
        policy = Policy(resume="never", max_attempts=1, initial_backoff=0)
        stream = None
        try:
            async with resilient_stream(self._client, **self._request, policy=policy, health=self._health) as stream:
                if typed:
                    async for event in stream:
                        _note(reading, event)
                else:
                    async for text in stream.text_stream:
                        reading.text += text
                _end(reading, await stream.get_final_message())
        except Exception as error:
            reading.error = error
        if stream is not None:
            stream.report.cost()
            stream.report.to_json().encode()
            partial = stream.partial
            assert type(partial).from_json(partial.to_json().encode().decode()).to_json() == partial.to_json()
            reading.stopped = partial.complete
            reading.ended_by_calls = any(notice.code == "tool_use_finished" for notice in stream.report.notices)
            if reading.error is not None:
                reading.text = partial.text
                reading.calls = [call.content() for call in partial.whole_calls if _is_json("".join(call.pieces))]
        return reading

    async def aclose(self) -> None:
        """Close the client."""
        await self._client.close()


def _is_json(text: str) -> bool:
    """Whether a call's input is whole. Half a one is closed like any other when `max_tokens` cuts it."""
    try:
        json.loads(text or "{}")
    except ValueError:
        return False
    return True


def _note(reading: Reading, event: Any) -> None:
    match event.type:
        case "content_block_delta" if event.delta.type == "text_delta":
            reading.text += event.delta.text
        case "content_block_stop" if getattr(getattr(event, "content_block", None), "type", "") == "tool_use":
            reading.calls.append(_plain(_dict(event.content_block)))
        case "message_stop":
            reading.stopped = True
        case "message_delta" if event.delta.stop_reason:
            reading.stopped = True


def _dict(model: Any) -> Event:
    with warnings.catch_warnings():
        # Of pydantic's, about values of types that nobody expects.
        warnings.simplefilter("ignore")
        return model.to_dict(mode="python")  # type: ignore[no-any-return]


def _end(reading: Reading, message: Any) -> None:
    told = _dict(message)
    reading.whole = True
    reading.stop_reason = told.get("stop_reason") or None
    reading.blocks = [_plain(block) for block in told["content"]]
    reading.calls = [block for block in reading.blocks if block["type"] == "tool_use"]


def _plain(block: Event) -> Event:
    """A block, with what is not there as what is empty."""
    plain = {name: value for name, value in block.items() if value not in (None, [], "")}
    plain.pop("parsed_output", None)
    return plain


# -- the verdict


def _until_its_end(body: bytes) -> bytes:
    """The body without what comes behind its stop reason, but for the end of the message."""
    until = body.find(b'"delta": {"stop_reason": "')
    end = body.find(b"\n\n", until) + 2
    return body if until < 0 or not end else body[:end] + encode({"type": "message_stop"})


async def judge(readers: Readers, body: Body) -> str | None:
    """What is wrong with how the body was read; None: nothing."""
    ours = await readers.by_unbroken(body.sent, random.Random(body.seed))
    told = [await readers.by_the_sdk(body.reference)]
    if told[0].error is not None and body.rule is not Rule.SAME:
        # The SDK tripped. What the model wrote is still known; and an error behind the whole of it takes nothing back.
        told.append(await readers.by_the_sdk(body.unspoilt))
        told.append(await readers.by_the_sdk(_until_its_end(body.reference)))
    if ours.error is not None and not _is_documented(ours.error):
        return f"no error that is documented: {ours.error!r}"
    if ours.error is None and not ours.stopped:
        return "a success without a stop"
    wrong = [_compare(ours, each, body) for each in told]
    return None if None in wrong else wrong[0]


def _is_documented(error: Exception) -> bool:
    of_a_tool = isinstance(error, ValueError) and "tool parameter JSON" in str(error)
    return isinstance(error, anthropic.APIError) or of_a_tool


def _compare(ours: Reading, told: Reading, body: Body) -> str | None:
    """What there is in ours that there is not in the SDK's, or the other way round; None: nothing that is wrong."""
    if any(_plain(call) not in told.calls for call in ours.calls):
        return f"a call that the SDK does not have: {ours.calls} for {told.calls}"
    if ours.error is not None:
        if body.rule is Rule.SAME and "cut" not in body.mutations and told.error is None and told.stopped:
            return f"a failure where the SDK has none: {getattr(ours.error, 'last', ours.error)!r}"
        if not told.text.startswith(ours.text):
            return f"text that the SDK does not have: {ours.text!r} for {told.text!r}"
    elif ours.ended_by_calls:
        # The attempt died after whole calls, which end the turn (promises.md). A text may have been cut by that.
        if not told.text.startswith(ours.text):
            return f"text that the SDK does not have: {ours.text!r} for {told.text!r}"
    elif ours.blocks != told.blocks:
        return f"other blocks than the SDK's: {ours.blocks} for {told.blocks}"
    elif ours.text != told.text:
        return f"another text: {ours.text!r} for {told.text!r}"
    elif ours.stop_reason != told.stop_reason:
        return f"another stop_reason: {ours.stop_reason} for {told.stop_reason}"
    return None


async def run(
    count: int, seed: int = 0, progress: Callable[[int], object] = lambda done: None
) -> tuple[Counter[str], list[tuple[Body, str]], list[tuple[Body, str]]]:
    """Read so many bodies.

    Args:
        count: How many.
        seed: That of the first; the next has the next.
        progress: Called with how many are done, after every five hundred.

    Returns:
        How often each mutation was tried; the problems; and the differences that come of grammar alone.
    """
    readers = Readers()
    tried: Counter[str] = Counter()
    problems: list[tuple[Body, str]] = []
    of_grammar: list[tuple[Body, str]] = []
    for each in range(seed, seed + count):
        body = make(each)
        tried.update(body.mutations)
        wrong = await judge(readers, body)
        if wrong is not None:
            (of_grammar if body.rule is Rule.GRAMMAR else problems).append((body, wrong))
        if (each - seed + 1) % 500 == 0:
            progress(each - seed + 1)
    await readers.aclose()
    return tried, problems, of_grammar


def main() -> None:
    """`COUNT [SEED]`: print what is wrong; the exit status says whether anything is."""
    count, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        say = lambda done: print(f"{done:7,} of {count:,} bodies", file=sys.stderr, flush=True)  # noqa: E731
        tried, problems, of_grammar = asyncio.run(run(count, seed, say))
    for name, times in tried.most_common():
        print(f"{times:7,} {name}")
    for what, found in (("grammar", of_grammar), ("PROBLEM", problems)):
        for body, wrong in found[:40]:
            print(f"{what} seed {body.seed} {'+'.join(body.mutations)}: {wrong[:400]}")
        print(f"{len(found):,} of {count:,}: {what}")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
