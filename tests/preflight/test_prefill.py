"""An answer begun by the caller, where that is not possible."""

from __future__ import annotations

from typing import Any

import pytest

from preflighting import BUDGET, NEW, OLD, SEARCH, TOOL, UNKNOWN, call, found, held, text, thought, turns

USED = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
FORMAT = held({"type": "object", "additionalProperties": False})


@pytest.mark.parametrize("begun", ["I", [text("I")], "", []])
def test_a_model_without_prefill(begun: Any) -> None:
    """Even of nothing."""
    assert found("a", begun) == [("prefill_unsupported", "messages[1]")]


@pytest.mark.parametrize("begun", ["I think", [text("I"), text("think")], "", []])
def test_a_model_with_prefill(begun: Any) -> None:
    """It takes one."""
    assert found("a", begun, model=OLD) == []


@pytest.mark.parametrize(
    ("begun", "path"),
    [("I think ", "messages[1].content"), ([text("I"), text("think\n")], "messages[1].content[1].text")],
)
def test_white_space_at_the_end(begun: Any, path: str) -> None:
    """It is cut off by who sends it, not by the API."""
    assert found("a", begun, model=OLD) == [("prefill_trailing_white_space", path)]


def test_white_space_alone_is_told_of_once() -> None:
    """As white space at the end."""
    assert found("a", " ", model=OLD) == [("prefill_trailing_white_space", "messages[1].content")]


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"thinking": BUDGET}, "prefill_with_thinking"), (FORMAT, "prefill_with_output_format")],
)
def test_what_a_prefill_does_not_go_with(changes: dict[str, Any], code: str) -> None:
    """On a model that takes one by itself."""
    assert found("a", "I", model=OLD, **changes) == [(code, "messages[1]")]
    assert found("a", model=OLD, **changes) == []


def test_thinking_that_is_off_goes_with_it() -> None:
    """Only thinking that is on does not."""
    assert found("a", "I", model=OLD, thinking={"type": "disabled"}) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"messages": turns("a", [text("I search. "), USED]), "tools": [SEARCH]},
        {"messages": turns("a", "I search. "), "tools": [SEARCH]},
        {"messages": turns("a", "I search. "), "mcp_servers": [{"name": "tally"}]},
        {"messages": turns("a", [{"type": "compaction", "content": "b"}])},
        {"messages": turns("a", "I "), "fallback_credit_token": "t"},
        {"messages": turns("a", "I "), "thread": {"id": "t"}},
        {"messages": turns("a", "I"), "model": UNKNOWN},
        {"messages": turns(iter([text("a")]), "I ")},
    ],
)
def test_what_may_be_no_prefill_is_left_alone(changes: dict[str, Any]) -> None:
    """A turn that the model paused goes back as it was."""
    assert found(**changes) == []


def test_a_call_without_result_is_no_prefill() -> None:
    """It is told of as what it is."""
    codes = [code for code, _ in found("a", [call("t")], tools=[TOOL], model=NEW)]
    assert codes == ["tool_use_without_result"]


def test_thinking_at_the_end_is_told_of_too() -> None:
    """The turn is a prefill, and ends with what none may end with."""
    codes = [code for code, _ in found("a", [thought()])]
    assert codes == ["prefill_unsupported", "thinking_ends_turn"]
