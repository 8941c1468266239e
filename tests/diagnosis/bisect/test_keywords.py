"""Schemas as keywords."""

from __future__ import annotations

from typing import Any

from asking import schemas
from hypothesis import given

from unbroken.diagnosis.bisect.keywords import Keyword, keywords


def found(schema: dict[str, Any], *, strict: bool = False) -> list[str]:
    """The paths of the keywords, and behind an arrow what each needs."""
    return [
        ".".join(map(str, keyword.path)) + (f" -> {'.'.join(map(str, keyword.needs))}" if keyword.needs else "")
        for keyword in keywords(schema, strict=strict)
    ]


def test_every_way_to_hold_a_schema_is_followed() -> None:
    """By name, in a list, or one; a single `type` goes with its schema, a list of types is taken apart."""
    schema = {
        "type": "object",
        "title": "T",
        "properties": {"a": {"type": ["array", "null"], "items": {"pattern": "^a$"}}, "b": True},
        "patternProperties": {},
        "anyOf": [{"not": {"const": 1}}, False],
        "oneOf": [],
        "items": [{"enum": [1, 2]}],
        "additionalProperties": False,
    }
    assert found(schema) == [
        "title",
        "properties.a",
        "properties.a.type.0",
        "properties.a.type.1",
        "properties.a.items",
        "properties.a.items.pattern",
        "properties.b",
        "patternProperties",
        "anyOf.0",
        "anyOf.0.not",
        "anyOf.0.not.const",
        "anyOf.1",
        "oneOf",
        "items.0",
        "items.0.enum.0",
        "items.0.enum.1",
        "additionalProperties",
    ]


def test_where_it_is_strict_objects_stay_closed() -> None:
    """`additionalProperties: false` cannot be left out there; a schema in its place can."""
    schema = {"additionalProperties": False, "properties": {"a": {"additionalProperties": {}}}}
    assert found(schema, strict=True) == ["properties.a", "properties.a.additionalProperties"]


def test_what_is_needed_comes_first() -> None:
    """A required name after its property, a reference after what it refers to."""
    schema = {
        "required": ["a", "c"],
        "properties": {"a": {"$ref": "#/$defs/list~1of/items/0/title"}},
        "$defs": {"list/of": {"items": [{"title": "T"}]}},
    }
    assert found(schema) == [
        "properties.a",
        "required.0 -> properties.a",
        "required.1",
        "$defs.list/of",
        "$defs.list/of.items.0",
        "$defs.list/of.items.0.title",
        "properties.a.$ref -> $defs.list/of.items.0.title",
    ]


def test_a_reference_needs_the_nearest_thing_that_holds_what_it_refers_to() -> None:
    """What cannot be left out is there anyway; what is not in the schema is not needed."""
    defs = {"a": {"type": "string"}}
    for reference, needs in [("#/$defs/a/type", " -> $defs.a"), ("#/no", ""), ("#", ""), ("other.json", ""), (1, "")]:
        assert f"$ref{needs}" in found({"$ref": reference, "$defs": defs})


def test_references_that_refer_to_each_other_end() -> None:
    """A tree refers to itself; two references to one another are nonsense, and do no harm."""
    tree = {"$defs": {"tree": {"properties": {"left": {"$ref": "#/$defs/tree"}}}}}
    assert found(tree)[-1] == "$defs.tree.properties.left.$ref -> $defs.tree"
    assert found({"not": {"$ref": "#/if/$ref"}, "if": {"$ref": "#/not/$ref"}}) == [
        "not",
        "if",
        "if.$ref",
        "not.$ref -> if.$ref",
    ]


@given(schemas)
def test_what_holds_and_what_is_needed_always_come_first(schema: Any) -> None:
    """So that a beginning of the keywords is a schema."""
    seen: set[Any] = {None}
    for keyword in keywords(schema if isinstance(schema, dict) else {}, strict=False):
        assert isinstance(keyword, Keyword)
        assert {keyword.within, keyword.needs} <= seen
        seen.add(keyword.path)
