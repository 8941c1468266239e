"""What the engine's tests share: a request, a server with a client, one stream read to its end, and what must hold."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import anyio.lowlevel
import trio.testing
from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient

from unbroken import Partial, Policy, Report, ResilientStream, resilient_stream
from unbroken.testing import Answer, FaultServer, Script

#: A model that goes on from a prefill, and one that has to be asked to continue (and thinks whenever it likes).
PREFILL: Final = "claude-haiku-4-5"
CONTINUE: Final = "claude-opus-5-5"

#: No wait between attempts, for tests that are not about waiting.
AT_ONCE: Final = Policy(initial_backoff=0)

#: Made once: reading the system's certificates takes longer than a whole stream over loopback.
_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def ask(**changes: Any) -> dict[str, Any]:
    """The arguments of a plain request, with `changes`."""
    return {
        "model": CONTINUE,
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": "Tell me."}],
        "policy": AT_ONCE,
        **changes,
    }


@asynccontextmanager
async def client_of(server: FaultServer, **options: Any) -> AsyncIterator[AsyncAnthropic]:
    """An SDK client of this server; afterwards no connection may be open."""
    http_client = DefaultAsyncHttpxClient(verify=_TLS)
    async with AsyncAnthropic(base_url=server.url, api_key="test", http_client=http_client, **options) as client:
        yield client
    await all_closed(server)


@asynccontextmanager
async def serving(script: Script | Answer | str, **options: Any) -> AsyncIterator[tuple[FaultServer, AsyncAnthropic]]:
    """A server in this event loop, and an SDK client of it."""
    async with FaultServer(script) as server, client_of(server, **options) as client:
        yield server, client


def _patience(virtual: float) -> float:
    """Seconds to wait for what takes no time: exact where time is virtual, and else only the end of what hangs."""
    is_virtual = trio.lowlevel.in_trio_run() and isinstance(trio.lowlevel.current_clock(), trio.testing.MockClock)
    return virtual if is_virtual else 120


async def all_closed(server: FaultServer) -> None:
    """Wait until no connection is open; a leak fails, and does not hang."""
    with anyio.fail_after(_patience(5)):
        await server.all_closed()


async def until(condition: Callable[[], bool]) -> None:
    """Let others run until it is so; what never becomes so fails, and does not hang."""
    with anyio.fail_after(_patience(10)):
        while not condition():
            await anyio.lowlevel.checkpoint()


def tasks() -> set[tuple[int, str | None]]:
    """Every task of this event loop."""
    return {(task.id, task.name) for task in anyio.get_running_tasks()}


@dataclass
class Reading:
    """What one stream gave to who read it to the end."""

    events: list[Any] = field(default_factory=list)
    message: Any = None
    snapshot: Any = None
    partial: Partial = field(default_factory=Partial)
    report: Report = field(default_factory=Report)

    @property
    def text(self) -> str:
        """All text that was streamed."""
        return "".join(event.text for event in self.events if event.type == "text")

    @property
    def types(self) -> list[str]:
        """The types of the API's own events: without the SDK's `text`, `thinking` and the like."""
        own = ("message_start", "message_delta", "message_stop")
        return [e.type for e in self.events if e.type in own or e.type.startswith("content_block_")]

    @property
    def outcomes(self) -> list[str]:
        """How each attempt ended."""
        return [str(attempt.outcome) for attempt in self.report.attempts]

    @property
    def forms(self) -> list[str]:
        """In which form each attempt asked."""
        return [attempt.form for attempt in self.report.attempts]

    @property
    def codes(self) -> list[str]:
        """The codes of the notices."""
        return [notice.code for notice in self.report.notices]


async def read(client: Any, **changes: Any) -> Reading:
    """Read one stream to its end, event by event."""
    async with resilient_stream(client, **ask(**changes)) as stream:
        return await read_on(stream)


async def read_on(stream: ResilientStream[Any]) -> Reading:
    """Read a stream that is open to its end, event by event."""
    reading = Reading()
    async for event in stream:
        reading.events.append(event)
    reading.message = await stream.get_final_message()
    reading.snapshot = stream.current_message_snapshot
    reading.partial = stream.partial
    reading.report = stream.report
    return reading


def assert_unbroken(reading: Reading, answer: Answer | str, *, stop_reason: str = "end_turn", stops: int = 1) -> None:
    """One message, whole and in order: what every reader is promised, whatever happened on the way.

    Args:
        reading: What the reader got.
        answer: What the model wanted to write.
        stop_reason: Why the message ends.
        stops: How many `message_stop` there are; 0 only for a clean end of file after `stop_reason`.
    """
    text = answer if isinstance(answer, str) else answer.text
    assert reading.text == text
    types = reading.types
    assert types[0] == "message_start"
    assert types.count("message_start") == 1
    assert types.count("message_delta") == 1
    assert types.count("message_stop") == stops
    assert types[-1] == ("message_stop" if stops else "message_delta")
    blocks = _assert_blocks_in_order(reading.events)
    assert reading.message.stop_reason == stop_reason
    assert reading.message.content == reading.snapshot.content == blocks
    assert reading.message == reading.snapshot
    # SDK 1.0 writes what it has parsed into a block.
    plain = [{name: value for name, value in b.to_dict().items() if name != "parsed_output"} for b in blocks]
    assert reading.partial.to_message().to_dict()["content"] == plain
    assert reading.report.outcome == "complete"
    last = [attempt for attempt in reading.report.attempts if attempt.outcome != "lost"][-1]
    assert last.outcome in ("complete", "truncated", *_AFTER_THE_END)


#: What the last attempt may have died of when the message was already whole.
_AFTER_THE_END: Final = (
    "overloaded",
    "server_error",
    "rate_limited",
    "timed_out",
    "connection",
    "malformed",
    "stalled",
)


def _assert_blocks_in_order(events: list[Any]) -> list[Any]:
    """Each block starts once, grows, and stops once, before the next; returns the whole blocks."""
    blocks: list[Any] = []
    grown = ""
    is_open = False
    for event in events:
        match event.type:
            case "content_block_start":
                assert not is_open
                assert event.index == len(blocks)
                is_open, grown = True, ""
            case "content_block_delta":
                assert is_open
                assert event.index == len(blocks)
                grown += getattr(event.delta, "text", "") or getattr(event.delta, "thinking", "")
            case "text" | "thinking":
                assert event.snapshot == grown
            case "content_block_stop":
                assert is_open
                assert event.index == len(blocks)
                block = event.content_block
                if block.type in ("text", "thinking"):
                    assert getattr(block, block.type) == grown
                blocks.append(block)
                is_open = False
    assert not is_open
    return blocks
