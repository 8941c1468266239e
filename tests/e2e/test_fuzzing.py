"""Any bytes: a whole stream, or an error that is documented; no hang, and nothing that grows with the attempts."""

from __future__ import annotations

import gc
import json
from contextlib import suppress
from typing import Any, Final

import anthropic
import anyio
import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unbroken import Health, Policy, resilient_stream


def frame(event: dict[str, Any]) -> bytes:
    """An event as the wire has it."""
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def start(index: int, **block: Any) -> bytes:
    """The start of a block."""
    return frame({"type": "content_block_start", "index": index, "content_block": block})


def delta(index: int, **change: Any) -> bytes:
    """A piece of a block."""
    return frame({"type": "content_block_delta", "index": index, "delta": change})


MESSAGE: Final = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-5-5",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
BEGIN: Final = frame({"type": "message_start", "message": MESSAGE})
TEXT: Final = start(0, type="text", text="")
HELLO: Final = delta(0, type="text_delta", text="Hello there, general.")
STOPPED: Final = {"stop_reason": "end_turn", "stop_sequence": None}
OVERLOADED: Final = frame({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
EVENTS: Final = (
    BEGIN,
    TEXT,
    HELLO,
    start(0, type="tool_use", id="t", name="n", input={}),
    start(1, type="server_tool_use", id="s", name="web_search", input={}),
    start(2, type="web_search_tool_result", tool_use_id="s", content=[]),
    start(3, type="hologram"),
    delta(0, type="input_json_delta", partial_json='{"a": 1}'),
    delta(0, type="citations_delta", citation={"type": "char_location"}),
    frame({"type": "content_block_stop", "index": 0}),
    frame({"type": "content_block_stop", "index": 1}),
    frame({"type": "content_block_stop", "index": 2}),
    frame({"type": "message_delta", "delta": STOPPED, "usage": {"output_tokens": 5}}),
    frame({"type": "message_stop"}),
    frame({"type": "ping"}),
    frame({"type": "hologram"}),
    OVERLOADED,
)

PIECES: Final = st.one_of(st.sampled_from(EVENTS), st.sampled_from(EVENTS), st.binary(max_size=40))
BODIES: Final = st.lists(st.lists(PIECES, max_size=12).map(b"".join), min_size=1, max_size=3)


async def read_bytes(bodies: list[bytes], attempts: int) -> None:
    """Read one stream whose responses have these bodies, over and over."""
    sent = 0

    def answer(request: httpx2.Request) -> httpx2.Response:
        nonlocal sent
        sent += 1
        body = bodies[(sent - 1) % len(bodies)]
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)

    transport = httpx2.MockTransport(answer)
    policy = Policy(initial_backoff=0, max_attempts=attempts, max_resumes=attempts)
    arguments: dict[str, Any] = {
        "model": "claude-opus-5-5",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "Hi"}],
        "policy": policy,
        "health": Health(max_retries=1_000, min_requests=1_000),
    }
    async with anthropic.AsyncAnthropic(
        api_key="test", http_client=anthropic.DefaultAsyncHttpxClient(transport=transport)
    ) as client:
        with anyio.fail_after(120):
            async with resilient_stream(client, **arguments) as stream:
                async for _ in stream:
                    pass
    assert sent <= 2 * attempts + 2


@settings(max_examples=200)
@given(bodies=BODIES)
def test_any_bytes_end_in_a_message_or_in_a_documented_error(bodies: list[bytes]) -> None:
    """`anthropic.APIError`, of which `StreamFailed` is one, or `ValueError` for tool input that is no JSON."""
    with suppress(anthropic.APIError, ValueError):
        anyio.run(read_bytes, bodies, 4)


@pytest.mark.parametrize("body", [BEGIN + TEXT + HELLO, BEGIN + OVERLOADED, b"\xff\xfe"])
def test_what_is_kept_does_not_grow_with_the_attempts(body: bytes) -> None:
    """Ten times the attempts leave no more objects behind."""

    def left_after(attempts: int) -> int:
        with suppress(anthropic.APIError):
            anyio.run(read_bytes, [body], attempts)
        gc.collect()
        return len(gc.get_objects())

    left_after(4)
    few = left_after(4)
    assert left_after(40) - few < 200
