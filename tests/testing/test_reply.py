"""A message as events and as a body."""

from __future__ import annotations

from typing import Any

from unbroken.testing.blocks import RawBlock
from unbroken.testing.reply import Reply, folded

CITATION = {"type": "page_location", "cited_text": "a"}
TEXT = RawBlock(
    {"type": "text", "text": "", "citations": []},
    [
        {"type": "text_delta", "text": "a"},
        {"type": "text_delta", "text": "b"},
        {"type": "citations_delta", "citation": CITATION},
        {"type": "some_future_delta"},
    ],
)
CALL = RawBlock(
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
    [{"type": "input_json_delta", "partial_json": piece} for piece in ("", '{"query"', ': "x"}')],
)


def reply(**changes: Any) -> Reply:
    plain = {"stop_reason": "end_turn", "stop_sequence": None, "input_tokens": 3, "output_tokens": 5}
    return Reply(**{"id": "msg_1", "model": "m", "blocks": (TEXT, CALL), **plain, **changes})


def test_blocks_are_put_together() -> None:
    """Texts, citations and inputs; an input that was cut is empty."""
    assert folded(TEXT) == {"type": "text", "text": "ab", "citations": [CITATION]}
    assert folded(CALL)["input"] == {"query": "x"}
    assert folded(RawBlock(CALL.start, CALL.deltas[:2]))["input"] == {}
    assert folded(RawBlock({"type": "text", "text": "", "citations": None}, TEXT.deltas))["citations"] == [CITATION]


def test_events() -> None:
    """From `message_start` to `message_stop`, with a ping after the first block has begun."""
    kinds = [event["type"] for event in reply().events()]
    assert kinds[:3] == ["message_start", "content_block_start", "ping"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 2


def test_the_end() -> None:
    """Says why, in what container, and which of the API's own tools were called how often; only where there is any."""
    container = {"id": "container_1", "expires_at": "2026-12-01T00:00:00Z"}
    details = {"type": "refusal", "category": "bio", "explanation": None}
    whole = reply(stop_reason="refusal", stop_details=details, container=container)
    *_, end, _ = whole.events()
    assert end["delta"] == {
        "stop_reason": "refusal",
        "stop_sequence": None,
        "stop_details": details,
        "container": container,
    }
    assert end["usage"]["server_tool_use"] == {"web_search_requests": 1, "web_fetch_requests": 0}
    body = whole.message()
    assert (body["container"], body["stop_details"]) == (container, details)
    assert body["usage"]["server_tool_use"]["web_search_requests"] == 1
    *_, plain, _ = reply(blocks=(TEXT,)).events()
    assert plain["delta"].keys() == {"stop_reason", "stop_sequence"}
    assert plain["usage"] == {"output_tokens": 5}
