"""A message as events and as a body."""

from __future__ import annotations

from typing import Any

from unbroken.testing.claude.reply import Reply, folded
from unbroken.testing.claude.usage import Usage
from unbroken.testing.script.blocks import RawBlock

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
    plain = {"stop_reason": "end_turn", "stop_sequence": None, "usage": Usage(3, 5)}
    return Reply(**{"id": "msg_1", "model": "claude-opus-5", "blocks": (TEXT, CALL), **plain, **changes})


def test_blocks_are_put_together() -> None:
    """Texts, citations and inputs; an input that was cut is empty."""
    assert folded(TEXT) == {"type": "text", "text": "ab", "citations": [CITATION]}
    assert folded(CALL)["input"] == {"query": "x"}
    assert folded(RawBlock(CALL.start, CALL.deltas[:2]))["input"] == {}
    assert folded(RawBlock({"type": "text", "text": "", "citations": None}, TEXT.deltas))["citations"] == [CITATION]


def test_events() -> None:
    """From `message_start` to `message_stop`."""
    kinds = [event["type"] for event in reply().events()]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 2


def test_the_end() -> None:
    """Says why, in what container, and what was used; of a container only where there is one."""
    container = {"id": "container_1", "expires_at": "2026-12-01T00:00:00Z"}
    details = {"type": "refusal", "category": "bio", "explanation": None}
    usage = Usage(3, 5, thinking_tokens=2, result_tokens=7, server_tools=("web_search",))
    whole = reply(stop_reason="refusal", stop_details=details, container=container, usage=usage)
    *_, end, _ = whole.events()
    assert end["delta"] == {
        "stop_reason": "refusal",
        "stop_sequence": None,
        "stop_details": details,
        "container": container,
    }
    counted = {"web_search_requests": 1, "web_fetch_requests": 0}
    read = {"input_tokens": 10, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    output = {"output_tokens": 5, "output_tokens_details": {"thinking_tokens": 2}}
    assert end["usage"] == {**read, **output, "server_tool_use": counted}
    body = whole.message()
    assert (body["container"], body["stop_details"]) == (container, details)
    assert body["usage"]["server_tool_use"]["web_search_requests"] == 1
    *_, plain, _ = reply(blocks=(TEXT,)).events()
    assert plain["delta"].keys() == {"stop_reason", "stop_sequence", "stop_details"}
    assert plain["usage"] == {**read, "input_tokens": 3, "output_tokens": 5}
    assert "context_management" not in plain


def test_the_newest_models_say_more() -> None:
    """Of them a message has a container and diagnostics, even where there are none."""
    start, *_, end, _ = reply(model="claude-opus-5-5").events()
    assert start["message"].keys() - next(reply().events())["message"].keys() == {"container", "diagnostics"}
    assert end["delta"]["container"] is None
    assert reply(model="claude-opus-5-5").message().keys() - reply().message().keys() == {"container", "diagnostics"}
    assert start["message"]["usage"]["inference_geo"] == "global"
    assert next(reply(model="claude-haiku-4-5").events())["message"]["usage"]["inference_geo"] == "not_available"


def test_the_start_counts_what_is_written() -> None:
    """The first piece, and one token at least."""
    for piece, tokens in (("", 1), ("abc", 1), ("abcdefghi", 2), ("a" * 40, 5)):
        block = RawBlock({"type": "text", "text": ""}, [{"type": "text_delta", "text": piece}])
        assert next(reply(blocks=(block,)).events())["message"]["usage"]["output_tokens"] == tokens


def test_edits_of_the_context() -> None:
    """Who asks for them is told of none, and of the one time that the model was run."""
    *_, end, _ = reply(edits=True).events()
    assert end["context_management"] == {"applied_edits": []}
    (once,) = end["usage"]["iterations"]
    assert (once["type"], once["input_tokens"], once["output_tokens"]) == ("message", 3, 5)
    assert reply(edits=True).message()["context_management"] == {"applied_edits": []}
