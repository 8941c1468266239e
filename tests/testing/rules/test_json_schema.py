"""Schemas in a request."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from unbroken.testing.rules import json_schema
from unbroken.testing.rules.json_schema import is_schema, resolve, within


def test_all_schemas_in_a_schema_are_found() -> None:
    """By name, in lists and alone; neither what is no schema, nor what is left out."""
    parts: dict[str, Any] = {
        "properties": {"a": {"const": 1}, "b": True},
        "anyOf": [{"const": 2}, False],
        "items": {"const": 3},
        "$defs": {"c": {"const": 4}},
        "enum": [{"const": 5}],
        "prefixItems": {"const": 6},
        "patternProperties": [{"const": 7}],
    }
    assert sorted(part["const"] for part in within(parts) if "const" in part) == [1, 2, 3, 4]
    assert {4} == {1, 2, 3, 4} - {part.get("const") for part in within(parts, without=frozenset({"$defs"}))}


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("#/$defs/a~1b~0/0", {"const": 1}),
        ("#/$defs/a~1b~0/1", None),
        ("#/$defs/a~1b~0/x", None),
        ("#/$defs/none", None),
        ("#/$defs/none/further", None),
    ],
)
def test_a_pointer_leads_to_a_part_or_to_nothing(pointer: str, found: Any) -> None:
    """Its slashes and tildes are escaped."""
    schema = {"$defs": {"a/b~": [{"const": 1}]}}
    assert resolve(schema, pointer) == found
    assert resolve(schema, "#") == schema


@pytest.fixture
def without_jsonschema(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The extra is not installed."""
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    json_schema._metaschema.cache_clear()
    json_schema._is_valid.cache_clear()
    yield
    json_schema._metaschema.cache_clear()
    json_schema._is_valid.cache_clear()


def test_without_jsonschema_everything_is_a_schema(without_jsonschema: None) -> None:
    """As far as one can tell."""
    assert is_schema({"type": "text"})


def test_what_is_too_deep_is_not_judged() -> None:
    """The server answers all the same."""
    pytest.importorskip("jsonschema")
    schema: dict[str, Any] = {"type": "text"}
    assert not is_schema(schema)
    for _ in range(400):
        schema = {"items": schema}
    assert is_schema(schema)
