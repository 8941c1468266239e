"""Tools and schemas that the API does not take."""

from __future__ import annotations

from typing import Any

import pytest
from judging import OPTIONAL, SEARCH, TOOL, says

CLOSED = {"type": "object", "additionalProperties": False}


def tool(**changes: Any) -> dict[str, Any]:
    """A request that offers one tool, with changes; None leaves a field out."""
    changed = {**TOOL, **changes}
    return {"tools": [{name: value for name, value in changed.items() if value is not None}]}


def taking(**schema: Any) -> dict[str, Any]:
    """A request with a tool whose input has this in its schema."""
    return tool(input_schema={"type": "object", **schema})


TOOLS: dict[str, tuple[dict[str, Any], str]] = {
    "a tool that is a text": ({"tools": ["look"]}, "tools.0: Input should be a valid dictionary"),
    "no name": (tool(name=None), "tools.0.custom.name: Field required"),
    "a name with a space": (
        tool(name="look up", type="custom"),
        "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
    ),
    "no schema": (tool(input_schema=None), "tools.0.custom.input_schema: Field required"),
    "a schema that is true": (tool(input_schema=True), "tools.0.custom.input_schema: Input should be an object"),
    "a schema without a type": (tool(input_schema={}), "tools.0.custom.input_schema.type: Field required"),
    "a schema of texts": (tool(input_schema={"type": "string"}), "input_schema.type: Input should be 'object'"),
    "alternatives at the top": (
        taking(anyOf=[{"required": ["at"]}]),
        "tools.0.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level",
    ),
    "a property with a dollar": (
        taking(properties={"$at": {}}),
        "input_schema.properties: Property keys should match pattern '^[a-zA-Z0-9_.-]{1,64}$'",
    ),
    "what is no schema": (
        taking(properties={"at": {"type": "text"}}),
        "tools.0.custom.input_schema: JSON schema is invalid. It must match JSON Schema draft 2020-12",
    ),
    "properties that are no object": (taking(properties=[]), "JSON schema is invalid"),
    "twenty-one strict tools": (
        {"tools": [{"name": f"look{n}", "input_schema": CLOSED, "strict": True} for n in range(21)]},
        "tools: at most 20 tools may be strict. Found 21.",
    ),
}

HERE = "#/properties/a/$defs"
CIRCLE = {"d": {"anyOf": [{"$ref": f"{HERE}/e"}]}, "e": {"items": {"$ref": f"{HERE}/d"}}}
#: What a schema that is held to may not have.
HELD: dict[str, tuple[dict[str, Any], str]] = {
    "what is no schema": ({"type": "text"}, "JSON schema is invalid."),
    "an open object": ({"type": "object"}, "For 'object' type, 'additionalProperties' must be explicitly set to false"),
    "an open object or null": ({"type": ["object", "null"]}, "'additionalProperties' must be explicitly set to false"),
    "a constraint": ({"type": "integer", "minimum": 1}, "For 'integer' type, property 'minimum' is not supported"),
    "two items": ({"type": "array", "minItems": 2}, "'minItems' values other than 0 or 1 are not supported"),
    "oneOf": ({"oneOf": [{"type": "null"}]}, "Schema type 'oneOf' is not supported"),
    "an enum of lists": ({"enum": [[1]]}, "Complex types within enums are not supported"),
    "a reference in allOf": (
        {"allOf": [{"$ref": "#/$defs/b"}]},
        "'allOf' with '$ref' is not supported",
    ),
    "a reference out of it": ({"$ref": "other.json"}, "External $ref 'other.json' is not supported"),
    "a reference to nothing": ({"$ref": "#/$defs/c"}, "$ref '#/$defs/c' does not exist"),
    "a reference to the whole": ({"$ref": "#"}, "Recursive schemas are not supported"),
    "a reference to itself": ({"$ref": "#/properties/a"}, "Recursive schemas are not supported"),
    "anything at all": ({"type": "array", "items": True}, "Schema 'true' is not supported"),
    "too many unions": (
        {"anyOf": [{"type": ["string", "null"]} for _ in range(16)]},
        "too many parameters with union types (17 parameters",
    ),
    "too many optional properties": (
        {**CLOSED, "properties": {f"p{n}": {"type": "string"} for n in range(25)}},
        "too many optional parameters",
    ),
    "all the unions that there may be": (
        {"anyOf": [{"type": ["string", "null"]} for _ in range(15)]},
        "Schema is too complex for compilation.",
    ),
    "a circle": ({"items": {"$ref": f"{HERE}/d"}, "$defs": CIRCLE}, "Recursive schemas are not supported"),
}


def held(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that has this one in it."""
    return {**CLOSED, "properties": {"a": schema}, "$defs": {"b": {"type": "string"}}}


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_is_rejected(name: str) -> None:
    """With words that say where and why."""
    changes, message = TOOLS[name]
    assert message in (says(model=OPTIONAL, **changes) or "")


@pytest.mark.parametrize("name", HELD)
def test_a_schema_that_the_output_cannot_be_held_to_is_rejected(name: str) -> None:
    """In a form by either name, and as a strict tool's; another tool may have it, if it is a schema."""
    schema, message = HELD[name]
    form = {"type": "json_schema", "schema": held(schema)}
    by_either_name = [
        says(output_config={"format": form}),
        says(output_format=form, betas=("structured-outputs-2025-11-13",)),
        says(**tool(input_schema=held(schema), strict=True)),
    ]
    assert all(message in (said or "") for said in by_either_name)
    loose = says(**tool(input_schema=held(schema), strict=False))
    assert loose is None or name == "what is no schema"


ACCEPTED: dict[str, dict[str, Any]] = {
    "a tool of the API's own": {"tools": [SEARCH]},
    "alternatives below the top": taking(properties={"at": {"oneOf": [{"type": "null"}, True]}}),
    "properties of any names below the top": taking(properties={"at": {"properties": {"$at": {}}}}),
    "a reference to a definition": tool(input_schema=held({"$ref": "#/$defs/b"}), strict=True),
    "a place in a list": tool(input_schema=held({"anyOf": [{"type": "null"}, {"$ref": "#/$defs"}]}), strict=True),
    "one item": tool(input_schema=held({"type": "array", "minItems": 1, "items": {"enum": [1, None]}}), strict=True),
    "twenty strict tools": {"tools": [{"name": f"look{n}", "input_schema": CLOSED, "strict": True} for n in range(20)]},
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_it_is_accepted(name: str) -> None:
    """The strictness stops where the API's does."""
    assert says(**ACCEPTED[name]) is None
