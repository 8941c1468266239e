"""JSON Schema, judged by the library that implements it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from unbroken.preflight.json_schema import Node, invalid, nodes

DEEP = {
    "type": "object",
    "properties": {"a": {"items": {"type": "string"}}, "b": True},
    "$defs": {"c": {"anyOf": [{"type": "null"}, {"not": {}}]}},
    "additionalProperties": False,
    "required": ["a"],
}


def test_every_schema_in_a_schema_is_seen_once() -> None:
    """With its path, in the order in which it is written."""
    assert [path for path, _ in nodes(DEEP, "s")] == [
        "s",
        "s.properties.a",
        "s.properties.a.items",
        "s.$defs.c",
        "s.$defs.c.anyOf[0]",
        "s.$defs.c.anyOf[1]",
        "s.$defs.c.anyOf[1].not",
    ]
    assert [path for path, _ in nodes(DEEP, "s", skip=("$defs", "properties"))] == ["s"]


@pytest.mark.parametrize("odd", [None, 3, [], True, {"properties": 3}, {"anyOf": 3}])
def test_what_is_no_schema_has_none_in_it(odd: Any) -> None:
    """A schema of wrong keywords has but itself."""
    assert len(list(nodes(odd, "s"))) == isinstance(odd, dict)


def test_a_schema_that_holds_itself_comes_to_an_end() -> None:
    """No JSON is like that, but Python can be."""
    loop: dict[str, Any] = {"type": "array"}
    loop["items"] = loop
    assert len(list(nodes(loop, "s"))) == 1


def test_a_very_deep_schema_is_no_recursion() -> None:
    """Ten thousand levels."""
    deep: dict[str, Any] = {}
    for _ in range(10_000):
        deep = {"items": deep}
    assert sum(1 for _ in nodes(deep, "s")) == 10_001


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ({"type": "int"}, ["s.type"]),
        ({"type": []}, ["s.type"]),
        ({"type": ["string", "string"]}, ["s.type"]),
        ({"type": ["string", 3]}, ["s.type"]),
        ({"type": ["string", "null"]}, []),
        ({"required": "a", "enum": "a"}, ["s.required", "s.enum"]),
        ({"required": ["a", "a"]}, ["s.required"]),
        ({"items": [{}]}, ["s.items"]),
        ({"exclusiveMinimum": True}, ["s.exclusiveMinimum"]),
        (
            {"minLength": -1, "maxLength": 1.5, "minItems": 2.0, "maxItems": float("inf")},
            ["s.minLength", "s.maxLength", "s.maxItems"],
        ),
        ({"multipleOf": 0}, ["s.multipleOf"]),
        ({"description": None}, ["s.description"]),
        ({"anyOf": []}, ["s.anyOf"]),
        ({"properties": {"a": "string"}}, ["s.properties"]),
        ({"uniqueItems": 1}, ["s.uniqueItems"]),
    ],
)
def test_keywords_that_are_not_what_they_have_to_be(schema: dict[str, Any], paths: list[str]) -> None:
    """Each with its path."""
    assert [path for path, _ in invalid(Node("s", schema))] == paths


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.sampled_from([1.5, 2.0, "a", "string", "object"])
    | st.lists(st.sampled_from(["a", "string", 3]), max_size=2)
)
KEYWORDS = st.sampled_from(
    [
        *("type", "required", "enum", "examples", "multipleOf", "items", "anyOf", "prefixItems", "properties", "$defs"),
        *("not", "additionalProperties", "title", "pattern", "uniqueItems", "minimum", "maxItems", "default", "const"),
    ]
)
SCHEMAS = st.recursive(VALUES, lambda inner: st.dictionaries(KEYWORDS, inner | st.lists(inner, max_size=2), max_size=3))


@given(SCHEMAS.filter(lambda schema: isinstance(schema, dict)))
def test_what_is_held_against_a_schema_is_what_the_metaschema_holds_against_it(schema: dict[str, Any]) -> None:
    """For any keywords with any values: neither more nor less."""
    complaints = [path for node in nodes(schema, "s") for path, _ in invalid(node)]
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError:
        assert complaints
    else:
        assert complaints == []
