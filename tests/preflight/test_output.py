"""The form, the effort and the speed that are asked for."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from preflighting import NEW, OLD, UNKNOWN, an_object, found, held, text, turns

SCHEMA = an_object(size={"type": "integer"})
FORMAT = {"type": "json_schema", "schema": SCHEMA}
CITED = {"type": "document", "source": {}, "citations": {"enabled": True}}


class Size(BaseModel):
    """What is asked for."""

    size: int


def effort(level: str, **more: Any) -> dict[str, Any]:
    """A level of effort."""
    return {"output_config": {"effort": level}, **more}


WRONG: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    # what is changed, and what is found
    ({**held(SCHEMA), "output_format": Size}, [("output_format_twice", "output_format")]),
    ({"output_config": {"format": {"type": "json"}}}, [("output_format_invalid", "output_config.format.type")]),
    (
        {"output_config": {"format": {"type": "json_schema"}}},
        [("output_format_invalid", "output_config.format.schema")],
    ),
    ({"output_format": {"schema": SCHEMA}}, [("output_format_invalid", "output_format.type")]),
    (
        {**held(SCHEMA), "messages": turns([CITED, text("a")])},
        [("output_format_with_citations", "messages[0].content[0].citations")],
    ),
    (
        {
            "output_format": Size,
            "messages": turns(
                [text("a"), {**CITED, "type": "search_result", "source": "", "title": "t", "content": []}]
            ),
        },
        [("output_format_with_citations", "messages[0].content[1].citations")],
    ),
    (effort("low", model=OLD), [("effort_unsupported", "output_config.effort")]),
    (effort("max", model="claude-opus-4-5"), [("effort_unsupported", "output_config.effort")]),
    (effort("huge"), [("effort_unsupported", "output_config.effort")]),
    (effort("huge", model=UNKNOWN), [("effort_unsupported", "output_config.effort")]),
    (
        effort("max", model="claude-opus-5", thinking={"type": "disabled"}),
        [("effort_without_thinking", "output_config.effort")],
    ),
    (
        effort("xhigh", model="claude-sonnet-5-5", thinking={"type": "between_tools"}),
        [("effort_without_thinking", "output_config.effort")],
    ),
    ({"speed": "fast", "model": OLD}, [("speed_unsupported", "speed")]),
]


@pytest.mark.parametrize(("changes", "expected"), WRONG)
def test_what_is_wrong_is_found(changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    """At its place, and nothing else."""
    assert found(**changes) == expected


RIGHT: list[dict[str, Any]] = [
    held(SCHEMA),
    {"output_format": Size},
    {"output_format": FORMAT},
    {"output_config": {}},
    {"output_config": None},
    {"output_config": {"effort": None, "format": None}},
    {"messages": turns([CITED, text("a")])},
    {**held(SCHEMA), "messages": turns([{**CITED, "citations": {"enabled": False}}, text("a")])},
    effort("high"),
    effort("high", model=UNKNOWN),
    effort("max", model="claude-opus-5"),
    effort("high", model="claude-opus-5", thinking={"type": "disabled"}),
    effort("max", thinking={"type": "adaptive"}, model=NEW),
    {"speed": "fast", "model": NEW},
    {"speed": "standard", "model": OLD},
    {"speed": "fast", "model": UNKNOWN},
]


@pytest.mark.parametrize("changes", RIGHT)
def test_what_is_right_is_left_alone(changes: dict[str, Any]) -> None:
    """A finding is an accusation."""
    assert found(**changes) == []
