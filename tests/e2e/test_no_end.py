"""A peer that never gets further: whatever it writes before each of its failures, the requests come to an end."""

from __future__ import annotations

from typing import Any, Final

import anthropic
import httpx2
import pytest
from builders import message_start

from unbroken import Health, Hedging, Policy, StreamFailed, resilient_stream
from unbroken.core.wire.frames import encode

OVERLOADED: Final = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
THINKING: Final = {"type": "thinking", "thinking": "", "signature": ""}
THOUGHT: Final = {"type": "thinking_delta", "thinking": "Hm"}
SIGNED: Final = {"type": "signature_delta", "signature": "c2ln"}
CALL: Final = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
SEARCH: Final = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
MCP: Final = {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "look", "server_name": "s", "input": {}}
TEXT: Final = {"type": "text_delta", "text": "Hello there, this is"}
HALF: Final = {"type": "input_json_delta", "partial_json": '{"a'}
WHOLE: Final = {"type": "input_json_delta", "partial_json": "{}"}


def block(start: dict[str, Any], *deltas: dict[str, Any], index: int = 0, closed: bool = True) -> list[dict[str, Any]]:
    """The events of one block."""
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        *([{"type": "content_block_stop", "index": index}] if closed else []),
    ]


#: What comes before each failure.
WRITTEN: Final[dict[str, list[dict[str, Any]]]] = {
    "nothing": [],
    "a thought without a signature": block(THINKING, THOUGHT),
    "a thought": block(THINKING, THOUGHT, SIGNED),
    "half a thought": block(THINKING, THOUGHT, closed=False),
    "a thought that nobody can read": block({"type": "redacted_thinking", "data": "x"}),
    "text in a thought": block(THINKING, TEXT, closed=False),
    "text in a call": block(CALL, TEXT, closed=False),
    "half a call": block(CALL, HALF, closed=False),
    "half a call that is closed": block(CALL, HALF),
    "a block that nobody knows": block({"type": "hologram", "x": 1}),
    "text in one": block({"type": "hologram", "x": 1}, TEXT, closed=False),
    "a search without its result": block(SEARCH, WHOLE),
    "a call of a server without its result": block(MCP, WHOLE),
    "a compaction": block({"type": "compaction", "content": None}, {"type": "compaction_delta", "content": "abc"}),
    "a file": block({"type": "container_upload", "file_id": "file_1"}),
    "blanks": block({"type": "text", "text": ""}, {"type": "text_delta", "text": "  \n"}),
    "an empty text": block({"type": "text", "text": ""}),
    "half a text": block({"type": "text", "text": ""}, TEXT, closed=False),
    "a text": block({"type": "text", "text": ""}, TEXT),
    "a delta of no block": [{"type": "content_block_delta", "index": 3, "delta": TEXT}],
    "the end of no block": [{"type": "content_block_stop", "index": 0}],
    "counts": [{"type": "message_delta", "delta": {"stop_reason": None}, "usage": {"output_tokens": 3}}],
    "a thought and blanks": block(THINKING, THOUGHT)
    + block({"type": "text", "text": ""}, {"type": "text_delta", "text": "\n"}, index=1),
    "a thought and half a text": block(THINKING, THOUGHT, SIGNED)
    + block({"type": "text", "text": ""}, TEXT, index=1, closed=False),
}


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
@pytest.mark.parametrize("hedging", [None, Hedging(delay=0)], ids=["one", "race"])
@pytest.mark.parametrize("ending", [[OVERLOADED], []], ids=["error", "end"])
@pytest.mark.parametrize("written", WRITTEN)
async def test_the_requests_come_to_an_end(written: str, ending: list[dict[str, Any]], hedging: Hedging | None) -> None:
    """No more than `max_attempts` in a row without anything new, or `max_resumes` in all, on each route."""
    policy = Policy(initial_backoff=0, max_backoff=0, hedging=hedging, max_resumes=8)
    body = b"".join(map(encode, [message_start(), *WRITTEN[written], *ending]))
    sent = 0

    def answer(_: httpx2.Request) -> httpx2.Response:
        nonlocal sent
        sent += 1
        assert sent < 1_000
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)

    transport = httpx2.MockTransport(answer)
    client = anthropic.AsyncAnthropic(
        api_key="test", max_retries=0, http_client=anthropic.DefaultAsyncHttpxClient(transport=transport)
    )
    models = ["claude-opus-5-5", "claude-sonnet-5"] if hedging else ["claude-opus-5-5"]
    async with client:
        with pytest.raises((StreamFailed, anthropic.APIError)):
            async with resilient_stream(
                client,
                model=models[0],
                fallback_models=models[1:],
                max_tokens=1_000,
                messages=[{"role": "user", "content": "Hi"}],
                policy=policy,
                health=Health(min_requests=1_000_000, max_retries=1_000),
            ) as stream:
                await stream.get_final_message()
    assert sent <= len(models) * (policy.max_attempts + policy.max_resumes)
