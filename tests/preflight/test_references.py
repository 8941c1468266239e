"""References in a JSON Schema."""

from __future__ import annotations

from typing import Any

import pytest

from unbroken.preflight.references import cycle, resolve

SCHEMA: dict[str, Any] = {
    "$defs": {"a": {"type": "string"}, "b/c": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/a"}]}},
    "properties": {"x": {"$ref": "#/$defs/b~1c"}},
}


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("#", SCHEMA),
        ("#/$defs/a", {"type": "string"}),
        ("#/$defs/b~1c/anyOf/0", {"type": "null"}),
        ("#/$defs/b~1c/anyOf/9", None),
        ("#/$defs/b~1c/anyOf/x", None),
        ("#/$defs/z", None),
        ("#/$defs/a/type/more", None),
        ("#a", None),
        ("https://example.com/schema", None),
    ],
)
def test_what_a_reference_leads_to(reference: str, found: object) -> None:
    """Within the schema; None leads nowhere."""
    assert resolve(SCHEMA, reference) == found


TREE = {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}}}


@pytest.mark.parametrize(
    ("schema", "where"),
    [
        (SCHEMA, None),
        ({}, None),
        ({"$ref": "#/$defs/gone"}, None),
        ({"items": {"$ref": "#"}}, ".items.$ref"),
        ({"$ref": "#/$defs/tree", "$defs": {"tree": TREE}}, ".$defs.tree.properties.left.$ref"),
        (
            {
                "properties": {"a": {"$ref": "#/$defs/a"}},
                "$defs": {
                    "a": {"items": {"$ref": "#/$defs/b"}},
                    "b": {"anyOf": [{"$ref": "#/$defs/c"}, {"$ref": "#/$defs/b"}]},
                    "c": {},
                },
            },
            ".$defs.b.anyOf[1].$ref",
        ),
        # Both lead to one place, which leads nowhere.
        ({"anyOf": [{"$ref": "#/$defs/c"}, {"$ref": "#/$defs/c"}], "$defs": {"c": {}}}, None),
        # The root refers to a part of its definitions, and is no part of what it defines.
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {}}}, None),
        (
            {
                "$defs": {
                    "a": {"anyOf": [{"$ref": "#/$defs/b"}, {"$ref": "#/$defs/c"}]},
                    "b": {"items": {"$ref": "#/$defs/c"}},
                    "c": {},
                },
                "items": {"$ref": "#/$defs/a"},
            },
            None,
        ),
    ],
)
def test_where_a_schema_refers_to_itself(schema: dict[str, Any], where: str | None) -> None:
    """Directly, or over others; a definition that is used twice is not one that uses itself."""
    assert cycle(schema) == where
