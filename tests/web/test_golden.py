"""The golden files: what each wire makes of each stream. `golden.py` says how they are written anew."""

from __future__ import annotations

from itertools import chain
from typing import Final

import pytest
from tests.web.golden import FOLDER, WIRES, as_text, path_of, read, sections
from tests.web.messages import STREAMS
from tests.web.wires import body_of

from unbroken.core.message.blocks import is_known


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("name", STREAMS)
def test_a_wire_says_what_it_always_said(name: str, wire: str) -> None:
    """To the byte."""
    assert as_text(body_of(WIRES[wire](), read(name))) == sections(name)[wire]


def test_every_stream_has_its_file() -> None:
    """And no file is left of one that is not there any more."""
    assert sorted(FOLDER.glob("*.txt")) == sorted(map(path_of, STREAMS))


def test_all_that_a_message_can_have_is_in_them() -> None:
    """Every type of block, of delta and of citation, and every reason to stop, also such as nobody knows."""
    events = [event for name in STREAMS for _, event in read(name).entries]
    blocks = {event["content_block"]["type"] for event in events if event["type"] == "content_block_start"}
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    reasons = {event["delta"].get("stop_reason") for event in events if event["type"] == "message_delta"}
    assert blocks >= _BLOCKS
    assert [each for each in blocks if not is_known(each)] == ["hologram"]
    assert {delta["type"] for delta in deltas} == _DELTAS
    assert reasons == _REASONS


_BLOCKS: Final = {
    *("text", "thinking", "redacted_thinking", "tool_use", "server_tool_use", "mcp_tool_use"),
    *("web_search_tool_result", "code_execution_tool_result", "mcp_tool_result", "compaction", "fallback"),
}
_DELTAS: Final = set(
    chain(
        ("text_delta", "thinking_delta", "signature_delta", "input_json_delta", "citations_delta"),
        ("compaction_delta", "colour_delta"),
    )
)
_REASONS: Final = {"end_turn", "tool_use", "max_tokens", "stop_sequence", "pause_turn", "refusal"}
