"""In which forms a request can be resumed: by model, request, what was delivered and what the caller prefers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from builders import block_start, block_stop, message_start, open_text, partial
from conversation import (
    ANY,
    HAIKU,
    HELD,
    JSON_FORMAT,
    OPUS,
    REDACTED,
    REQUEST,
    SEARCH,
    THINKS,
    THOUGHT,
    THOUGHT_AND_USED,
    USED,
    USED_THEN_TEXT,
    WEATHER,
)

from unbroken.core.message.partial import Partial
from unbroken.core.plan.route_forms import starts_over
from unbroken.core.requests.forms import Form, forms, is_structured
from unbroken.core.requests.resume import compose
from unbroken.core.requests.resume_state import ResumeState

FORMS = [
    # what, model, request, held, own thinking, the forms of "auto"
    ("a model that takes a prefill", HAIKU, {}, HELD, True, ["prefill", "continue"]),
    ("one that does not", OPUS, {}, HELD, True, ["continue"]),
    ("prefill needs thinking off", HAIKU, THINKS, HELD, True, ["continue"]),
    ("disabled is off", HAIKU, {"thinking": {"type": "disabled"}}, HELD, True, ["prefill", "continue"]),
    ("no thinking said: the model's default", HAIKU, {"thinking": None}, HELD, True, ["prefill", "continue"]),
    ("a document is gone on with, or begun anew", HAIKU, JSON_FORMAT, HELD, True, ["continue", "restart"]),
    ("so is a typed answer", OPUS, {"output_format": dict}, HELD, True, ["continue", "restart"]),
    (
        "other output settings do not matter",
        HAIKU,
        {"output_config": {"effort": "low"}},
        HELD,
        True,
        ["prefill", "continue"],
    ),
    ("a forced tool is the API's own prefill", HAIKU, {"tool_choice": {"type": "any"}}, HELD, True, ["continue"]),
    ("so is a named one", HAIKU, {"tool_choice": {"type": "tool", "name": "w"}}, HELD, True, ["continue"]),
    ("a free choice is none", HAIKU, {"tool_choice": {"type": "auto"}}, HELD, True, ["prefill", "continue"]),
    ("own thinking is kept, then left out", OPUS, {}, THOUGHT, True, ["continue", "continue_without_thinking"]),
    ("redacted thinking too", OPUS, {}, REDACTED, True, ["continue", "continue_without_thinking"]),
    ("another's thinking is left out", OPUS, {}, THOUGHT, False, ["continue_without_thinking"]),
    ("a result with no text behind it is gone on from", HAIKU, {}, USED, True, ["continue"]),
    ("with text it can be a prefill", HAIKU, {}, USED_THEN_TEXT, True, ["prefill", "continue"]),
    ("a document is not begun anew: its tools would be used again", HAIKU, JSON_FORMAT, USED, True, ["continue"]),
    ("thinking before a pair", OPUS, {}, THOUGHT_AND_USED, True, ["continue", "continue_without_thinking"]),
    ("another's thinking before a pair", OPUS, {}, THOUGHT_AND_USED, False, ["continue_without_thinking"]),
    ("any tool was used already", HAIKU, ANY, USED_THEN_TEXT, True, ["prefill", "continue"]),
    ("so was the one that was named", HAIKU, SEARCH, USED_THEN_TEXT, True, ["prefill", "continue"]),
    ("but not another", HAIKU, WEATHER, USED_THEN_TEXT, True, ["continue"]),
    ("after thinking there is no prefill", HAIKU, {}, THOUGHT, True, ["continue", "continue_without_thinking"]),
]


@pytest.mark.parametrize(
    ("model", "request_", "held", "own", "expected"), [row[1:] for row in FORMS], ids=[r[0] for r in FORMS]
)
def test_the_forms_in_their_order(
    model: Any, request_: dict[str, Any], held: Partial, own: bool, expected: list[Form]
) -> None:
    """By the model and the request, best first."""
    assert forms({**REQUEST, **request_}, model, ResumeState.of(held), "auto", own_thinking=own) == expected


PREFERENCES = [
    # preference, model, request, the forms
    ("never", HAIKU, {}, []),
    ("never", HAIKU, JSON_FORMAT, []),
    ("restart", HAIKU, {}, ["restart"]),
    ("continue", HAIKU, {}, ["continue"]),
    ("continue", HAIKU, JSON_FORMAT, ["continue", "restart"]),
    ("restart", HAIKU, JSON_FORMAT, ["restart"]),
    ("prefill", HAIKU, JSON_FORMAT, ["restart"]),
    ("prefill", HAIKU, {}, ["prefill"]),
    ("prefill", HAIKU, THINKS, []),
    ("prefill", OPUS, {"thinking": {"type": "disabled"}}, ["prefill"]),  # the caller knows better than the table
]


@pytest.mark.parametrize(("preference", "model", "request_", "expected"), PREFERENCES)
def test_the_policys_preference(preference: str, model: Any, request_: dict[str, Any], expected: list[Form]) -> None:
    """Said once, it is kept to; where it cannot be, there is no form."""
    assert forms({**REQUEST, **request_}, model, ResumeState.of(HELD), preference, own_thinking=True) == expected


#: What can be delivered beside text and thinking, and calls of the caller's.
BESIDE = (
    "web_search_tool_result",
    "code_execution_tool_result",
    "mcp_tool_result",
    "container_upload",
    "compaction",
    "fallback",
    "mcp_tool_listing",
)


@pytest.mark.parametrize("text", ["", "The", "A sentence that is long enough."])
@pytest.mark.parametrize("type", BESIDE)
def test_what_is_neither_text_nor_thinking_is_never_brought_again_by_a_restart(type: str, text: str) -> None:
    """Whatever it is, and wherever its call stands: what follows it is asked for."""
    held = partial(message_start(), block_start(0, type), block_stop(0), *(open_text(text, index=1) if text else ()))
    assert not starts_over(ResumeState.of(held))
    for preference in ("auto", "continue", "prefill", "restart"):
        for request in (REQUEST, {**REQUEST, **JSON_FORMAT}):
            assert "restart" not in forms(request, HAIKU, ResumeState.of(held), preference, own_thinking=True)
    sent = compose(REQUEST, ResumeState.of(held), "continue", model=OPUS)[0]["messages"][-2]["content"]
    assert sent[0] == {"type": type, **held.blocks[0].start}


def test_a_server_side_tool_is_never_used_again_by_a_restart() -> None:
    """Where only that is wanted there is no form left."""
    for request in (REQUEST, {**REQUEST, **JSON_FORMAT}):
        assert forms(request, HAIKU, ResumeState.of(USED_THEN_TEXT), "restart", own_thinking=True) == []


def test_a_model_that_was_found_to_reject_prefill_is_asked_to_continue() -> None:
    """The API's word is above the table's."""
    assert forms(REQUEST, replace(HAIKU, prefill=False), ResumeState.of(HELD), "auto", own_thinking=True) == [
        "continue"
    ]


def test_whether_the_answer_is_one_document() -> None:
    """By the SDK's `output_format` or by the API's own field."""
    assert is_structured({"output_format": dict})
    assert is_structured(JSON_FORMAT)
    assert not is_structured({"output_format": None, "output_config": {"format": None}})
    assert not is_structured({"output_config": None})
