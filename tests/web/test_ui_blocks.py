"""Content blocks as chunks."""

from __future__ import annotations

from typing import Any

import pytest
from builders import block_start, delta
from tests.web.messages import STREAMS
from tests.web.wires import chunks_of

from unbroken.web.ui_blocks import Calls, Chunk, shown


def of(start: dict[str, Any], *deltas: dict[str, Any]) -> list[Chunk]:
    """The chunks of one whole block."""
    block = shown(0, start["content_block"], Calls())
    chunks = list(block.start())
    for each in deltas:
        chunks += block.grow(each["delta"])
    return chunks + list(block.stop())


def kinds(stream: str, *kinds: str) -> list[Chunk]:
    """The chunks of these types in a stream."""
    return [chunk for chunk in chunks_of(STREAMS[stream]) if chunk["type"].startswith(kinds)]


def test_text() -> None:
    """Its pieces as they came; an empty one is none."""
    assert of(block_start(0, "text"), delta(0, "text_delta", ""), delta(0, "text_delta", "In March.")) == [
        {"type": "text-start", "id": "0"},
        {"type": "text-delta", "id": "0", "delta": "In March."},
        {"type": "text-end", "id": "0"},
    ]


def test_citations() -> None:
    """Each is a source, with an id of its own, also those that the block begins with; what is none is passed over."""
    place = {"type": "char_location", "cited_text": "a lamp", "document_index": 0, "document_title": "Ledger"}
    begun = block_start(0, "text", text="", citations=[place])
    chunks = of(begun, delta(0, "citations_delta", place), delta(0, "citations_delta", "page 3"))
    assert [chunk["sourceId"] for chunk in chunks if chunk["type"] == "source-document"] == ["0.0", "0.1"]


def test_thinking_ends_with_its_signature() -> None:
    """What is sent back needs it; thinking that was given up has none."""
    begun = delta(0, "thinking_delta", "When?"), delta(0, "signature_delta", "sig")
    assert of(block_start(0, "thinking"), *begun) == [
        {"type": "reasoning-start", "id": "0"},
        {"type": "reasoning-delta", "id": "0", "delta": "When?"},
        {"type": "reasoning-end", "id": "0", "providerMetadata": {"anthropic": {"signature": "sig"}}},
    ]
    assert of(block_start(0, "thinking"), begun[0])[-1] == {"type": "reasoning-end", "id": "0"}
    unknown = {"delta": {"type": "mood_delta", "mood": "grey"}}
    assert of(block_start(0, "thinking"), unknown) == of(block_start(0, "thinking"))


def test_redacted_thinking_has_its_data() -> None:
    """Nobody can read it, and it can be sent back."""
    assert of(block_start(0, "redacted_thinking")) == [
        {"type": "reasoning-start", "id": "0", "providerMetadata": {"anthropic": {"redactedData": "secret"}}},
        {"type": "reasoning-end", "id": "0"},
    ]


def test_a_call() -> None:
    """Its input as it is written, and then whole."""
    tool = {"toolCallId": "toolu_1", "toolName": "weather", "dynamic": True}
    pieces = (delta(0, "input_json_delta", piece) for piece in ("", '{"at": "Rua', ' Point"}'))
    assert of(block_start(0, "tool_use"), *pieces) == [
        {"type": "tool-input-start", **tool},
        {"type": "tool-input-delta", "toolCallId": "toolu_1", "inputTextDelta": '{"at": "Rua'},
        {"type": "tool-input-delta", "toolCallId": "toolu_1", "inputTextDelta": ' Point"}'},
        {"type": "tool-input-available", **tool, "input": {"at": "Rua Point"}},
    ]


@pytest.mark.parametrize("written", ['{"at": "Rua', '{"lat": NaN}', "[" * 300])
def test_an_input_that_is_none_is_an_error(written: str) -> None:
    """`max_tokens` may cut it; what JavaScript cannot read is none either. Nobody calls a tool with a half of it."""
    *_, last = of(block_start(0, "tool_use"), delta(0, "input_json_delta", written))
    assert (last["type"], last["input"]) == ("tool-input-error", written)


def test_a_call_with_its_input_at_once_and_one_without() -> None:
    """What is written counts; else what it began with; else nothing at all."""
    assert kinds("a call with an input at once", "tool-input-available")[0]["input"] == {"when": "March"}
    assert kinds("a call without an input", "tool-input-available")[0]["input"] == {}
    begun = of(block_start(0, "tool_use", input=None))
    assert begun[-1]["input"] == {}


def test_half_a_call_is_an_error_as_soon_as_something_follows() -> None:
    """It never gets its stop; a front end that waits for all calls is not left waiting."""
    for stream in ("a call given up", "a call given up at the end"):
        assert [chunk["type"] for chunk in kinds(stream, "tool-input")][:3] == [
            "tool-input-start",
            "tool-input-delta",
            "tool-input-error",
        ]


def test_a_tool_that_the_server_runs() -> None:
    """Its call and its result are one part, which the front end runs nothing for."""
    call, *_, available, result = kinds("a search", "tool")
    assert {each["toolCallId"] for each in (call, available, result)} == {call["toolCallId"]}
    assert all(each["providerExecuted"] and each["dynamic"] for each in (call, available, result))
    assert result["type"] == "tool-output-available"
    assert [page["url"] for page in result["output"]] == ["https://example.com/0", "https://example.com/1"]


def test_a_tool_that_has_failed() -> None:
    """The API's own say a code, those of MCP servers what they like."""
    (failed,) = kinds("a failed search", "tool-output")
    assert (failed["type"], failed["errorText"]) == ("tool-output-error", "unavailable")
    good, bad = kinds("tools of a server", "tool-output")
    assert good["output"] == [{"type": "text", "text": "Seven."}]
    assert bad["errorText"] == '[{"type": "text", "text": "No keys."}]'


def test_a_tool_of_an_mcp_server_says_whose_it_is() -> None:
    """As the AI SDK's own provider does."""
    call = kinds("tools of a server", "tool-input-start")[0]
    assert call["providerMetadata"] == {"anthropic": {"type": "mcp-tool-use", "serverName": "tally"}}


def test_a_call_whose_result_never_came() -> None:
    """It is an error when the message ends; not where the result comes in the next one."""
    assert kinds("a search without a result", "tool-output")[0]["type"] == "tool-output-error"
    assert kinds("a pause", "tool-output") == []
    assert kinds("a result given up", "tool-output")[0]["type"] == "tool-output-error"


def test_a_result_whose_call_is_elsewhere_brings_one() -> None:
    """The AI SDK's reader stops at a result without a call."""
    available, output = kinds("a result that comes first", "tool")
    assert (available["type"], available["toolName"]) == ("tool-input-available", "web_search")
    assert output["type"] == "tool-output-available"


def test_what_has_no_part_of_its_own_comes_as_it_is() -> None:
    """Also what nobody knows yet."""
    (compaction,) = kinds("a block of a compaction", "custom")
    assert compaction["kind"] == "anthropic.compaction"
    assert compaction["providerMetadata"] == {"anthropic": {"content": "They spoke of lighthouses."}}
    (hologram,) = kinds("a block that nobody knows", "custom")
    assert hologram["providerMetadata"] == {"anthropic": {"id": "holo_1", "shape": {"sides": 3}}}


def test_an_unfinished_block_of_that_kind_is_not_shown() -> None:
    """Nor is half a result."""
    for start in (block_start(0, "hologram"), block_start(0, "web_search_tool_result")):
        block = shown(0, start["content_block"], Calls())
        assert [*block.start(), *block.grow({"type": "x_delta"}), *block.give_up()] == []
