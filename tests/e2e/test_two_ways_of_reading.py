"""By text alone or by typed events, from server-sent events or binary frames: every reader gets the same message.

Text is read without making a single one of the SDK's types, and typed events are made in runs; the two must never tell
the reader different things. Here each fault is read in every way, by a client of each kind of frame.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import product
from typing import Any, Final

import anthropic
import pytest
from anthropic import AsyncAnthropicBedrock

from harness import all_closed, ask, client_of
from unbroken import Policy, resilient_stream
from unbroken.sdk import typed_events as typed
from unbroken.testing import (
    AFTER_CONTENT,
    AFTER_MESSAGE_START,
    Answer,
    CutFrame,
    Drop,
    EndOfFile,
    ErrorEvent,
    Fault,
    FaultServer,
    Reset,
    Script,
    Text,
    Thinking,
    ToolUse,
    after_characters,
    after_fraction,
)

ONCE: Final = Policy(initial_backoff=0)

LOOK: Final = {"name": "look", "input_schema": {"type": "object"}}

ANSWERS: Final[dict[str, Answer]] = {
    "text": Answer("The same words, one by one or all at once: naïve, 灯台 and 🕯️, and then no more."),
    "thinking": Answer([Thinking("Which words, and how many?"), Text("A few words, and a few more of them.")]),
    "a call": Answer([Text("Let me look at the map first. "), ToolUse("look", {"where": "north", "far": [1, 2.5]})]),
}
FAULTS: Final[dict[str, list[Fault]]] = {
    "none": [],
    "an error": [ErrorEvent("overloaded_error", at=after_fraction(0.4))],
    "a reset in the first word": [Reset(at=after_characters(2))],
    "half a frame": [CutFrame(at=after_fraction(0.6), end="drop")],
    "twice": [Drop(at=after_characters(9)), EndOfFile(at=after_fraction(0.9))],
    "before and after": [Reset(at=AFTER_MESSAGE_START), EndOfFile(at=AFTER_CONTENT)],
}


@asynccontextmanager
async def server_sent_events(script: Script) -> AsyncIterator[tuple[Any, str]]:
    """A client of the first-party API, and a model."""
    async with FaultServer(script) as server, client_of(server) as client:
        yield client, "claude-opus-5-5"


@asynccontextmanager
async def binary_frames(script: Script) -> AsyncIterator[tuple[Any, str]]:
    """A client of Bedrock, and a model under its name there."""
    async with FaultServer(script, api_keys={"test"}) as server:
        async with AsyncAnthropicBedrock(base_url=server.url, api_key="test", aws_region="us-east-1") as client:
            yield client, "anthropic.claude-opus-5-5"
        await all_closed(server)


CLIENTS: Final = {"server-sent events": server_sent_events, "binary frames": binary_frames}


async def by_text(stream: Any) -> str:
    """Piece by piece."""
    return "".join([piece async for piece in stream.text_stream])


async def by_events(stream: Any) -> str:
    """From the SDK's own text events; each one's snapshot is what has come so far."""
    text, in_block = "", ""
    async for event in stream:
        if event.type == "content_block_start":
            in_block = ""
        elif event.type == "text":
            text += event.text
            in_block += event.text
            assert event.snapshot == in_block
    return text


async def by_final_text(stream: Any) -> str:
    """All at once."""
    text: str = await stream.get_final_text()
    return text


async def by_turns(stream: Any) -> str:
    """Two pieces of text, then typed events, and the rest as text again."""
    pieces = stream.text_stream
    text = await anext(pieces) + await anext(pieces)
    async for event in stream:
        if event.type == "text":
            text += event.text
            break
    return text + "".join([piece async for piece in pieces])


WAYS: Final[dict[str, Callable[[Any], Awaitable[str]]]] = {
    "text": by_text,
    "events": by_events,
    "final text": by_final_text,
    "by turns": by_turns,
}


@pytest.mark.sample
@pytest.mark.asyncio
@pytest.mark.parametrize(("answer", "fault", "frames"), list(product(ANSWERS, FAULTS, CLIENTS)))
async def test_every_way_of_reading_tells_the_same(answer: str, fault: str, frames: str) -> None:
    """The text, and afterwards the message with all of its blocks, its usage and its stop reason."""
    wanted, messages = ANSWERS[answer], []
    tools = {"tools": [LOOK]} if answer == "a call" else {}
    for way in WAYS.values():
        async with CLIENTS[frames](Script(wanted, faults=FAULTS[fault])) as (client, model):
            async with resilient_stream(client, **ask(model=model, policy=ONCE, **tools)) as stream:
                assert await way(stream) == wanted.text
                messages.append((await stream.get_final_message()).to_dict() | {"id": "a new one each time"})
    assert messages == [messages[0]] * len(WAYS)


@pytest.mark.asyncio
@pytest.mark.parametrize("way", ["text", "final text"])
async def test_text_is_read_without_the_sdks_types(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one is made, although the answer was cut and joined."""

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("a type was made")

    monkeypatch.setattr(typed, "TypedEvents", never)
    monkeypatch.setattr("unbroken.engine.stream.TypedEvents", never)
    monkeypatch.setattr(anthropic.Stream, "__stream__", never)
    script = Script(ANSWERS["text"], faults=[Reset(at=after_fraction(0.5))])
    async with server_sent_events(script) as (client, model):
        monkeypatch.setattr(anthropic.BaseModel, "construct", never)
        async with resilient_stream(client, **ask(model=model, policy=ONCE)) as stream:
            assert await WAYS[way](stream) == ANSWERS["text"].text
