"""Which kinds of content blocks there are: a row for each, and what the SDK's own union says of it."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from anthropic.types import ContentBlock, RawContentBlockDelta
from anthropic.types.beta import BetaContentBlock, BetaRawContentBlockDelta

from unbroken.core.message.blocks import CALLS, SERVER_USES, THINKING, is_known, is_result, used_by
from unbroken.core.wire.deltas import DELTAS


def types_of(union: Any) -> set[str]:
    """The `type` of every member of one of the SDK's unions."""
    members = get_args(get_args(union)[0])
    return {get_args(member.model_fields["type"].annotation)[0] for member in members}


#: The types of the SDK's that an answer is not resumed from, blocks and deltas.
NOT_KNOWN: frozenset[str] = frozenset()


@pytest.mark.parametrize("union", [ContentBlock, BetaContentBlock], ids=["messages", "beta"])
def test_the_blocks_of_the_sdk_are_known(union: Any) -> None:
    """A type that a new SDK brings is a decision, and has its line in `blocks.py` or here."""
    assert {type_ for type_ in types_of(union) if not is_known(type_)} <= NOT_KNOWN


@pytest.mark.parametrize("union", [RawContentBlockDelta, BetaRawContentBlockDelta], ids=["messages", "beta"])
def test_the_deltas_of_the_sdk_are_known(union: Any) -> None:
    """As those of a block of the SDK's that grows."""
    assert types_of(union) - set(DELTAS) <= NOT_KNOWN


KINDS = [
    # type, known, a result
    ("text", True, False),
    *((type_, True, False) for type_ in ("container_upload", "compaction", "fallback", "mcp_tool_listing")),
    *((type_, True, False) for type_ in (*THINKING, *CALLS, *SERVER_USES)),
    ("web_search_tool_result", True, True),
    ("mcp_tool_result", True, True),
    ("something_new_tool_result", True, True),
    ("hologram", False, False),
    ("tool_result_of_something", False, False),
    ("None", False, False),
]


@pytest.mark.parametrize(("type_", "known", "result"), KINDS)
def test_what_is_known_of_a_type(type_: str, known: bool, result: bool) -> None:
    """Results are known by the end of their name: whatever the tool, they go back as they came."""
    assert (is_known(type_), is_result(type_)) == (known, result)


IDENTITIES = [
    ({"type": "server_tool_use", "id": "srvtoolu_1"}, "srvtoolu_1"),
    ({"type": "mcp_tool_use", "id": "mcptoolu_1"}, "mcptoolu_1"),
    ({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1"}, "srvtoolu_1"),
    ({"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1"}, "mcptoolu_1"),
    ({"type": "tool_use", "id": "toolu_1"}, None),
    ({"type": "text", "text": "Hi"}, None),
    ({"type": "hologram", "id": "h_1"}, None),
    ({}, None),
]


@pytest.mark.parametrize(("block", "identity"), IDENTITIES)
def test_what_pairs_a_call_with_its_result(block: dict[str, Any], identity: str | None) -> None:
    """Only calls that the server answers have a pair in the message."""
    assert used_by(block) == identity
