"""What of a message each platform sends."""

from __future__ import annotations

import pytest

from unbroken.testing.claude.reply import Reply
from unbroken.testing.claude.usage import Usage
from unbroken.testing.script.blocks import RawBlock
from unbroken.testing.wire.shapes import BEDROCK_SHAPE, FOUNDRY_SHAPE, NEWEST_SHAPE, VERTEX_SHAPE, Shape

CODE = {"type": "code_execution_20260120", "tool_id": "srvtoolu_1"}


def call(caller: object) -> RawBlock:
    return RawBlock({"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}, "caller": caller})


REPLY = Reply(
    "msg_1", "claude-opus-5-5", (call({"type": "direct"}), call(CODE)), "tool_use", None, Usage(3, 5, thinking_tokens=2)
)


def test_the_claude_api_sends_everything() -> None:
    """An event and a message stay as they are."""
    assert [NEWEST_SHAPE.event(event) for event in REPLY.events()] == list(REPLY.events())
    assert NEWEST_SHAPE.message(REPLY.message()) == REPLY.message()


@pytest.mark.parametrize("shape", [BEDROCK_SHAPE, FOUNDRY_SHAPE, VERTEX_SHAPE])
def test_other_platforms_leave_out_what_is_new(shape: Shape) -> None:
    """Fields that are null, where it ran, and that the model itself called; who else called is told."""
    start, *rest = [shape.event(event) for event in REPLY.events()]
    message = shape.message(REPLY.message())
    for told in (start["message"], message):
        assert not {"container", "diagnostics", "stop_details"} & told.keys()
        assert "inference_geo" not in told["usage"]
    blocks = [event["content_block"] for event in rest if event["type"] == "content_block_start"]
    assert [block.get("caller") for block in (*blocks, *message["content"])] == [None, CODE] * 2


def test_what_is_counted_at_the_end() -> None:
    """Vertex AI counts the output alone."""
    *_, end, _ = REPLY.events()
    assert VERTEX_SHAPE.event(end)["usage"] == {"output_tokens": 5}
    assert BEDROCK_SHAPE.event(end)["usage"].keys() >= {"input_tokens", "output_tokens"}


def test_a_refusal_is_explained_everywhere() -> None:
    """Only what is null is left out."""
    refused = Reply("msg_1", "m", (), "refusal", None, Usage(3, 5), stop_details={"type": "refusal"})
    *_, end, _ = refused.events()
    assert VERTEX_SHAPE.event(end)["delta"]["stop_details"] == {"type": "refusal"}


@pytest.mark.parametrize(("shape", "prefix"), [(BEDROCK_SHAPE, "msg_bdrk_01"), (VERTEX_SHAPE, "msg_vrtx_01")])
def test_ids(shape: Shape, prefix: str) -> None:
    """They name the platform."""
    assert shape.message_id(7).startswith(prefix)
