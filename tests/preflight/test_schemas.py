"""Schemas that the output, or a strict tool's input, is held to."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, Field

from preflighting import an_object, found, held
from unbroken.preflight import check

WRONG: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    # a property, and what is found below it
    ({"type": "int"}, [("schema_invalid", ".type")]),
    ({"$ref": "https://example.com/size"}, [("schema_reference", ".$ref")]),
    ({"$ref": "#/$defs/gone"}, [("schema_reference", ".$ref")]),
    ({"$ref": "#size"}, []),
    ({"$ref": "#"}, [("schema_recursive", ".$ref")]),
    ({"type": "object"}, [("schema_additional_properties", "")]),
    ({"type": ["object", "null"]}, [("schema_additional_properties", "")]),
    ({"type": "object", "additionalProperties": True}, [("schema_additional_properties", "")]),
    ({"type": "object", "additionalProperties": {"type": "string"}}, [("schema_additional_properties", "")]),
    ({"type": "integer", "minimum": 1}, [("schema_constraint", ".minimum")]),
    ({"type": "string", "maxLength": 5}, [("schema_constraint", ".maxLength")]),
    ({"type": "array", "items": {"type": "string"}, "minItems": 2}, [("schema_constraint", ".minItems")]),
    ({"oneOf": [{"type": "string"}]}, [("schema_one_of", ".oneOf")]),
    ({"enum": ["a", ["b"]]}, [("schema_enum", ".enum")]),
    ({"allOf": [{"$ref": "#/$defs/a"}]}, [("schema_all_of_reference", ".allOf")]),
    ({"type": "string", "pattern": r"(?=a)"}, [("schema_pattern", ".pattern")]),
    ({"type": "string", "pattern": r"(a)\1"}, [("schema_pattern", ".pattern")]),
    ({"type": "string", "format": "color"}, [("schema_format", ".format")]),
    ({"type": "array", "prefixItems": [{"type": "string"}]}, [("schema_keyword", ".prefixItems")]),
    ({"type": "array", "items": {"not": {"type": "null"}}}, [("schema_keyword", ".items.not")]),
]


def within(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that a property is a part of."""
    return {**an_object(size=schema), "$defs": {"a": {"type": "string"}}}


@pytest.mark.parametrize(("schema", "expected"), WRONG)
def test_what_is_not_supported_is_found(schema: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    """In the form of the output, by either name."""
    path = "output_config.format.schema.properties.size"
    assert found(**held(within(schema))) == [(code, path + rest) for code, rest in expected]
    wanted = {"type": "json_schema", "schema": within(schema)}
    path = "output_format.schema.properties.size"
    assert found(output_format=wanted) == [(code, path + rest) for code, rest in expected]


@pytest.mark.parametrize(("schema", "expected"), WRONG[1:])
def test_a_strict_tool_is_held_to_the_same(schema: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    """A tool that is not strict may use all of JSON Schema."""
    tool = {"name": "look", "input_schema": within(schema), "strict": True}
    path = "tools[0].input_schema.properties.size"
    assert found(tools=[tool]) == [(code, path + rest) for code, rest in expected]
    assert found(tools=[{**tool, "strict": False}]) == []


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"type": "string", "format": "date-time"}, "minItems": 1},
        {"type": "array", "items": {"type": "string", "pattern": "^a+$"}, "minItems": 0},
        {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}], "default": None, "description": "d"},
        {"allOf": [{"type": "string"}]},
        {"enum": ["a", 1, None]},
        {"const": "a"},
        {"type": "integer", "format": "int32"},
    ],
)
def test_what_is_supported_is_left_alone(schema: dict[str, Any]) -> None:
    """All of the page's list."""
    assert found(**held(within(schema))) == []


class Node(BaseModel):
    """A tree."""

    size: int = Field(ge=0)
    children: list[Node] = []


class Plain(BaseModel):
    """No tree."""

    size: int = Field(ge=0)
    name: str | None = None


def test_a_type_becomes_a_schema_in_the_sdk() -> None:
    """Which leaves out what is not supported, but not what refers to itself."""
    assert found(output_format=Node) == [
        ("schema_recursive", "output_format.$defs.Node.properties.children.items.$ref")
    ]
    for fine in (Plain, int, list[Plain]):
        assert found(output_format=fine) == []


def a_tool(number: int, **schema: Any) -> dict[str, Any]:
    """A strict one."""
    return {"name": f"tool{number}", "input_schema": {**an_object(), **schema}, "strict": True}


@pytest.mark.parametrize(
    ("code", "path", "many", "fewer"),
    [
        ("schema_strict_tools", "tools", [a_tool(i) for i in range(21)], [a_tool(i) for i in range(20)]),
        (
            "schema_optional",
            "tools[0].input_schema",
            [a_tool(i, properties={str(j): {"type": "string"} for j in range(5)}) for i in range(5)],
            [a_tool(i, properties={str(j): {"type": "string"} for j in range(6)}) for i in range(4)],
        ),
        (
            "schema_unions",
            "tools[0].input_schema",
            [a_tool(0, **an_object(**{f"p{i}": {"type": ["string", "null"]} for i in range(17)}))],
            [a_tool(j, **an_object(**{f"p{i}": {"anyOf": [{"type": "string"}]} for i in range(8)})) for j in range(2)],
        ),
    ],
)
def test_the_limits_of_all_schemas_together(
    code: str, path: str, many: list[dict[str, Any]], fewer: list[dict[str, Any]]
) -> None:
    """One more than the page allows is found, and no more is not."""
    assert found(tools=many) == [(code, path)]
    assert found(tools=fewer) == []


def test_odd_schemas_have_no_names() -> None:
    """Where properties are no object, there is nothing to count."""
    codes = {finding.code for finding in check({**held(an_object()), "tools": [a_tool(0, properties=3, required=3)]})}
    assert "schema_optional" not in codes


def test_one_schema_with_all_that_a_request_may_have_is_too_complex() -> None:
    """16 unions or 24 optional properties; one less of either is not known to be too many."""
    code = [("schema_too_complex", "tools[0].input_schema")]
    for count in (16, 15):
        unions = an_object(**{f"p{i}": {"type": ["string", "null"]} for i in range(count)})
        assert found(tools=[a_tool(0, **unions)]) == (code if count == 16 else [])
    for count in (24, 23):
        optional = {f"p{i}": {"type": "string"} for i in range(count)}
        assert found(tools=[a_tool(0, properties=optional)]) == (code if count == 24 else [])


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        (an_object(a=True), "properties.a"),
        (an_object(a={"type": "array", "items": True}), "properties.a.items"),
        (an_object(a={"anyOf": [{"type": "null"}, True]}), "properties.a.anyOf[1]"),
    ],
)
def test_what_lets_anything_pass_is_no_part_of_it(schema: dict[str, Any], path: str) -> None:
    """In a tool that is not strict it is."""
    tool = {"name": "tool0", "input_schema": schema}
    assert found(tools=[{**tool, "strict": True}]) == [("schema_true", f"tools[0].input_schema.{path}")]
    assert found(tools=[tool]) == []
