"""The conversation without the thinking of finished turns."""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import pytest

from unbroken.core.requests.history import without_past_thinking

THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "S"}
SEALED = {"type": "redacted_thinking", "data": "X"}
TEXT = {"type": "text", "text": "Hello."}
CALL = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "1"}]}
SAID = {"role": "user", "content": "go on"}


def turn(*blocks: Any) -> dict[str, Any]:
    """The assistant's."""
    return {"role": "assistant", "content": list(blocks)}


ROWS = [
    # the messages, what is left of them
    pytest.param([SAID, turn(THOUGHT, TEXT), SAID], [SAID, turn(TEXT), SAID], id="a turn that is finished"),
    pytest.param([SAID, turn(SEALED, THOUGHT, TEXT), SAID], [SAID, turn(TEXT), SAID], id="redacted"),
    pytest.param([SAID, turn(THOUGHT), SAID], [SAID, SAID], id="nothing but thinking"),
    pytest.param([SAID, turn(THOUGHT, CALL), RESULT], [SAID, turn(THOUGHT, CALL), RESULT], id="the turn at hand"),
    pytest.param(
        [SAID, turn(THOUGHT, CALL), RESULT, turn(TEXT), SAID, turn(THOUGHT, CALL), RESULT],
        [SAID, turn(CALL), RESULT, turn(TEXT), SAID, turn(THOUGHT, CALL), RESULT],
        id="both",
    ),
    pytest.param(
        [SAID, turn(THOUGHT, CALL), {"role": "user", "content": [*RESULT["content"], TEXT]}],
        [SAID, turn(CALL), {"role": "user", "content": [*RESULT["content"], TEXT]}],
        id="a result with words",
    ),
    pytest.param([turn(THOUGHT, TEXT)], [turn(THOUGHT, TEXT)], id="nobody asks"),
    pytest.param(
        [{"role": "assistant", "content": "Hi"}, SAID], [{"role": "assistant", "content": "Hi"}, SAID], id="text"
    ),
    pytest.param([{"role": "user", "content": None}, SAID], [{"role": "user", "content": None}, SAID], id="no content"),
    pytest.param([], [], id="empty"),
]


@pytest.mark.parametrize(("messages", "left"), ROWS)
def test_only_the_thinking_of_finished_turns_is_left_out(messages: list[Any], left: list[Any]) -> None:
    """Nothing of the caller's is changed."""
    kept = deepcopy(messages)
    assert without_past_thinking(messages) == left
    assert messages == kept


def test_blocks_may_be_objects_of_the_sdks() -> None:
    """As an answer gives them back."""
    text = SimpleNamespace(type="text", text="Hello.")
    messages = [SAID, {"role": "assistant", "content": (SimpleNamespace(type="thinking"), text)}, SAID]
    assert without_past_thinking(messages) == [SAID, turn(text), SAID]
