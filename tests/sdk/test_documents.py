"""Whether a text is the document that was asked for: held against a pydantic type, a JSON schema, or JSON alone."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

import anthropic
import pytest
from pydantic import BaseModel

from unbroken.sdk.documents import validator

SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"place": {"type": "string"}, "degrees": {"type": "integer"}},
    "required": ["place", "degrees"],
    "additionalProperties": False,
}
FORMAT: Final = {"type": "json_schema", "schema": SCHEMA}
#: Both places in which a schema can stand.
DEMANDS: Final[list[dict[str, Any]]] = [
    {"output_format": FORMAT},
    {"output_config": {"effort": "low", "format": FORMAT}},
]

WHOLE: Final = '{"place": "a lighthouse", "degrees": 21}'
#: No JSON at all: empty, cut off, two glued, fenced, with words before it.
BROKEN: Final = ["", WHOLE[:20], WHOLE + WHOLE, f"```json\n{WHOLE}\n```", f"Here it is: {WHOLE}"]
#: JSON, but not of the schema.
OTHER: Final = ["{}", "[]", "null", '{"place": "a lighthouse", "degrees": "warm"}', '{"place": 1, "degrees": 21}']


class Weather(BaseModel):
    """What the schema describes."""

    place: str
    degrees: int


def check_of(request: dict[str, Any]) -> Callable[[str], bool]:
    """The validator of a request that demands a document."""
    is_document = validator({"model": "claude-opus-5-5", **request})
    assert is_document is not None
    return is_document


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"output_config": None},
        {"output_config": {"effort": "low"}},
        {"output_config": {"format": None}},
        {"output_config": anthropic.omit},
        {"output_format": None},
        {"output_format": anthropic.omit},
        {"output_format": anthropic.NOT_GIVEN},
    ],
    ids=range(8),
)
def test_a_request_that_demands_no_document_has_no_validator(request_: dict[str, Any]) -> None:
    """Nor one in which the SDK's own marks stand for nothing."""
    assert validator(request_) is None


@pytest.mark.parametrize(
    ("demanded", "document"),
    [(Weather, WHOLE), (list[Weather], f"[{WHOLE}]"), (dict[str, int], '{"degrees": 21}'), (int, " 21\n")],
    ids=repr,
)
def test_a_type_takes_what_the_sdk_would_parse(demanded: Any, document: str) -> None:
    """A pydantic model, or whatever else pydantic has a schema for."""
    assert check_of({"output_format": demanded})(document)


@pytest.mark.parametrize("text", [*BROKEN, *OTHER])
def test_a_type_takes_nothing_else(text: str) -> None:
    """Neither text that is no JSON, nor JSON that is none of that type."""
    assert not check_of({"output_format": Weather})(text)


@pytest.mark.parametrize("demand", DEMANDS, ids=["output_format", "output_config"])
def test_a_schema_is_held_against_where_jsonschema_is_installed(demand: dict[str, Any]) -> None:
    """All of the schema, in either place."""
    pytest.importorskip("jsonschema")
    is_document = check_of(demand)
    assert is_document(WHOLE)
    assert [text for text in BROKEN + OTHER if is_document(text)] == []


@pytest.mark.parametrize("demand", DEMANDS, ids=["output_format", "output_config"])
def test_without_jsonschema_a_text_has_to_be_json(monkeypatch: pytest.MonkeyPatch, demand: dict[str, Any]) -> None:
    """Two documents in one are still told from one."""
    monkeypatch.setitem(sys.modules, "jsonschema.validators", None)
    is_document = check_of(demand)
    assert is_document(WHOLE)
    assert [text for text in BROKEN if is_document(text)] == []
    assert [text for text in OTHER if is_document(text)] == OTHER


@pytest.mark.parametrize("demanded", [{"type": "json_schema"}, {"type": "json_schema", "schema": None}], ids=repr)
def test_a_format_without_a_schema_demands_json(demanded: dict[str, Any]) -> None:
    """As a format of tomorrow may, whether or not `jsonschema` is installed."""
    is_document = check_of({"output_format": demanded})
    assert is_document(WHOLE)
    assert [text for text in BROKEN if is_document(text)] == []
