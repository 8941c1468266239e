"""JSON Schema, as far as a request needs it: the parts of a schema, and what is no schema at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

__all__ = ["TYPES", "Node", "invalid", "nodes", "parts"]

TYPES: Final = ("object", "array", "string", "integer", "number", "boolean", "null")

#: Where schemas stand in a schema.
_ONE: Final = (
    "items",
    "additionalProperties",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_LIST: Final = ("anyOf", "allOf", "oneOf", "prefixItems")
_NAMED: Final = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")


class Node(NamedTuple):
    """A schema, or a schema inside of one: its path, and itself."""

    path: str
    schema: Mapping[str, Any]


def nodes(schema: object, path: str, *, skip: tuple[str, ...] = ()) -> Iterator[Node]:
    """A schema and all schemas in it, each of them once.

    Args:
        schema: The schema; anything else has none.
        path: Its path.
        skip: Keywords that are not looked into.
    """
    seen: set[int] = set()
    waiting: list[tuple[str, Any]] = [(path, schema)]
    while waiting:
        where, inner = waiting.pop()
        if isinstance(inner, Mapping) and id(inner) not in seen:
            seen.add(id(inner))
            yield Node(where, inner)
            # Last in, first out: what comes first in the schema comes first here.
            waiting += reversed(list(_children(where, inner, skip)))


def parts(node: Node) -> Iterator[tuple[str, Any]]:
    """What stands directly in a schema where schemas stand, whatever it is: its path, and itself."""
    return _children(node.path, node.schema, ())


def _children(path: str, schema: Mapping[str, Any], skip: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for name, value in schema.items():
        if name in skip:
            continue
        if name in _ONE:
            yield f"{path}.{name}", value
        elif name in _LIST and isinstance(value, list | tuple):
            for i, inner in enumerate(value):
                yield f"{path}.{name}[{i}]", inner
        elif name in _NAMED and isinstance(value, Mapping):
            for key, inner in value.items():
                yield f"{path}.{name}.{key}", inner


# -- what each keyword has to be: the metaschema of draft 2020-12, in short


def _is_schema(value: object) -> bool:
    return isinstance(value, Mapping | bool)


def _are_schemas(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(map(_is_schema, value))


def _are_named_schemas(value: object) -> bool:
    return isinstance(value, Mapping) and all(map(_is_schema, value.values()))


def _is_string(value: object) -> bool:
    return isinstance(value, str)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_above_0(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _is_count(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 and value % 1 == 0


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)


def _are_names(value: object) -> bool:
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        return False
    return len(set(value)) == len(value)


def _are_types(value: object) -> bool:
    if isinstance(value, str):
        return value in TYPES
    return _are_names(value) and bool(value) and all(name in TYPES for name in value)  # type: ignore[attr-defined]


def _each(names: tuple[str, ...], test: Callable[[object], bool], wanted: str) -> dict[str, tuple[Any, str]]:
    return dict.fromkeys(names, (test, wanted))


_KEYWORDS: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "type": (_are_types, "one of JSON Schema's types, or a list of them"),
    "required": (_are_names, "a list of names, each of them once"),
    "enum": (_is_list, "a list"),
    "examples": (_is_list, "a list"),
    "multipleOf": (_is_above_0, "a number above 0"),
    **_each(_ONE, _is_schema, "a schema"),
    **_each(_LIST, _are_schemas, "a list of schemas"),
    **_each(_NAMED, _are_named_schemas, "an object of schemas"),
    **_each(("title", "description", "pattern", "format", "$ref", "$schema", "$comment"), _is_string, "a string"),
    **_each(("deprecated", "readOnly", "writeOnly", "uniqueItems"), _is_flag, "true or false"),
    **_each(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _is_number, "a number"),
    **_each(
        ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"),
        _is_count,
        "a whole number, not below 0",
    ),
}


def invalid(node: Node) -> Iterator[tuple[str, str]]:
    """The keywords of a schema that have no business to be what they are: their paths, and what they have to be."""
    for name, value in node.schema.items():
        known = _KEYWORDS.get(name)
        if known is not None and not known[0](value):
            yield f"{node.path}.{name}", known[1]
