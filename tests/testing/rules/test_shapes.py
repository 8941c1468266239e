"""Requests that are written down wrongly."""

from __future__ import annotations

from typing import Any

import pytest
from judging import CACHED, OLD, OPTIONAL, USER, call, says, text, thought, turns

from unbroken.testing import Answer, RawBlock

REJECTED: dict[str, tuple[dict[str, Any], str]] = {
    "no messages": ({"messages": None}, "messages: Field required"),
    "an empty conversation": ({"messages": []}, "messages: at least one message is required"),
    "an empty text": ({"messages": turns([text("")])}, "text content blocks must be non-empty"),
    "a blank text": ({"messages": turns("a", "b", " \n")}, "text content blocks must contain non-whitespace text"),
    "an empty turn": ({"messages": turns("a", [], "b")}, "messages.1: all messages must have non-empty content"),
    "a system message first": (
        {"messages": [{"role": "system", "content": "a"}, *turns("b")]},
        'first message must use the "user" role',
    ),
    "an unknown role": ({"messages": [{"role": "tool", "content": "a"}]}, "messages.0.role"),
    "content of a wrong kind": ({"messages": turns(3)}, "messages.0.content"),
    "a block without a type": ({"messages": turns([{"text": "a"}])}, "messages.0.content"),
    "a parameter that nobody knows": ({"fallback_models": []}, "fallback_models: Extra inputs are not permitted"),
    "a stream that is no boolean": ({"stream": "yes"}, "stream: Input should be a valid boolean"),
    "a blank stop sequence": ({"stop_sequences": ["\n"]}, "each stop sequence must contain non-whitespace"),
    "too many messages": ({"messages": [USER] * 100_001}, "messages: at most 100000 messages are allowed."),
    "a cache mark on a message": (
        {"messages": [{**USER, **CACHED}]},
        "messages.0.cache_control: Extra inputs are not permitted",
    ),
    "a user's message of a system message's kind": (
        {"messages": [{**USER, "clear_at": "never"}]},
        "messages.0.clear_at: Extra inputs are not permitted",
    ),
    "a result for nothing": (
        {"messages": turns([{"type": "tool_result", "content": "x"}])},
        "messages.0.content.0.tool_result.tool_use_id: Field required",
    ),
    "an image of nothing": (
        {"messages": turns([{"type": "image"}])},
        "messages.0.content.0.image.source: Field required",
    ),
    "a result of a search without a title": (
        {"messages": turns([{"type": "search_result", "source": "s", "content": []}])},
        "messages.0.content.0.search_result.title: Field required",
    ),
    "a user who thinks": (
        {"model": OPTIONAL, "messages": turns([thought(OPTIONAL), text("b")])},
        "`thinking` blocks are only allowed in assistant messages",
    ),
    "an assistant's document": (
        {"messages": turns("a", [{"type": "document", "source": {}}, text("b")], "c")},
        "messages.1.content.0: `document` blocks are not allowed in assistant messages",
    ),
    "a user's citations": (
        {"messages": turns([text("a", citations=[{"type": "char_location"}])])},
        "messages.0.content.0.text.citations",
    ),
    "thinking without a signature": (
        {"messages": turns("a", [{"type": "thinking", "thinking": "x"}, text("b")], "c")},
        "messages.1.content.0.thinking.signature: Field required",
    ),
    "a block of an unknown type": (
        {"messages": turns([{"type": "hologram"}])},
        "messages.0.content.0: Input tag 'hologram' found using 'type' does not match any of the expected tags",
    ),
    "a field too many in a block": (
        {"messages": turns("a", [text("b", index=0)], "c")},
        "messages.1.content.0.text.index: Extra inputs are not permitted",
    ),
    "a call whose input is text": (
        {"messages": turns("a", [call("t", input="{}")], "c")},
        "messages.1.content.0.tool_use.input: Input should be a valid dictionary",
    ),
    "a call without an id": (
        {"messages": turns("a", [call("t") | {"id": None}], "c")},
        "messages.1.content.0.tool_use.id: Field required",
    ),
    "a call whose id is a number": (
        {"messages": turns("a", [call("t") | {"id": 7}], "c")},
        "messages.1.content.0.tool_use.id: Input should be a valid string",
    ),
    "a text that is none": (
        {"messages": turns([text("a") | {"text": 3}])},
        "text: Input should be a valid string",
    ),
    "a user who calls a tool": ({"messages": turns([call("t")])}, "only allowed in assistant messages"),
    "MCP servers without their beta": ({"mcp_servers": []}, "mcp_servers: Extra inputs are not permitted"),
    "MCP servers with another beta": (
        {"mcp_servers": [], "betas": ("context-management-2025-06-27",)},
        "mcp_servers: Extra inputs are not permitted",
    ),
}


@pytest.mark.parametrize("name", REJECTED)
def test_it_is_rejected(name: str) -> None:
    """With words that say where and why."""
    changes, message = REJECTED[name]
    assert message in (says(**changes) or "")


ACCEPTED: dict[str, dict[str, Any]] = {
    "the assistant first": {"messages": turns("a", "b", "c")[1:]},
    "a blank text of the model's own": {"messages": turns("a", [text("b"), text("\n\n"), text("c")], "d")},
    "white space inside": {"messages": turns("Hi", "Sure ", "Go on. ")},
    "two user turns in a row": {"messages": [USER, USER]},
    "a system message for one turn": {
        "messages": [USER, {"role": "system", "content": "Be brief.", "clear_at": "next_user_message"}]
    },
    "a user's empty citations": {"messages": turns([text("a", citations=[])])},
    "a system prompt in blocks": {"system": [text("You are kind.", **CACHED)]},
    "nulls for what is not there": {"messages": turns("a", [text("b", citations=None)], "c")},
    "MCP servers with their beta": {"mcp_servers": [], "betas": ("mcp-client-2025-11-20",)},
    "a field of some beta": {"context_management": {}, "betas": ("context-management-2025-06-27",)},
    "a block that the script knows": {
        "messages": turns("a", [{"type": "hologram", "sides": 3}, text("b")], "c"),
        "answers": (Answer([RawBlock({"type": "hologram", "sides": 3})]),),
    },
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_it_is_accepted(name: str) -> None:
    """The strictness stops where the API's does."""
    assert says(**ACCEPTED[name]) is None


def test_what_only_the_new_version_rejects() -> None:
    """The same requests pass under the old one."""
    for name in ("an assistant's document", "a user's citations"):
        assert says(OLD, **REJECTED[name][0]) is None
