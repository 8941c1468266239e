"""What the Messages API rejects of schemas: those of tools, and those that it holds the model to.

The limits of the latter are those of the structured-outputs page, July to October 2026, and of recorded answers.
Patterns and formats are not judged: nothing says for certain what is answered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from unbroken.testing.rules.incoming import Incoming
from unbroken.testing.rules.json_schema import Schema, held, is_schema, of_tools, resolve, within

__all__ = ["held_to", "tools"]

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_PROPERTY: Final = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_UNIONS: Final = ("oneOf", "allOf", "anyOf")
#: Constraints on numbers, on strings and on arrays.
_CONSTRAINTS: Final = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "maxItems"}
)
_DEFINITIONS: Final = frozenset({"$defs", "definitions"})
_MOST_STRICT_TOOLS: Final = 20
_MOST_OPTIONAL: Final = 24
_MOST_UNIONS: Final = 16


def tools(request: Incoming) -> Iterator[str]:
    """Tools that are none, names that they cannot have, and schemas that are none of an object.

    The fields: the SDK's types/tool_param.py, 2.12.0. The words: github.com/home-assistant/core/issues/147760 of names,
    github.com/n8n-io/n8n/issues/30590 of properties, github.com/anthropics/claude-code/issues/40075 and issues/63673 of
    schemas.
    """
    for i, tool in enumerate(request.body.get("tools") or ()):
        if not isinstance(tool, dict):
            yield f"tools.{i}: Input should be a valid dictionary"
    for path, tool in of_tools(request):
        name, schema = tool.get("name"), tool.get("input_schema")
        if not isinstance(name, str):
            yield f"{path}.name: Field required"
        elif not _NAME.fullmatch(name):
            yield f"{path}.name: String should match pattern '^{_NAME.pattern}$'"
        if isinstance(schema, dict):
            yield from _input(f"{path}.input_schema", schema)
        else:
            yield f"{path}.input_schema: " + ("Field required" if schema is None else "Input should be an object")


def _input(path: str, schema: Schema) -> Iterator[str]:
    if schema.get("type") != "object":
        yield f"{path}.type: " + ("Input should be 'object'" if "type" in schema else "Field required")
    if any(name in schema for name in _UNIONS):
        yield f"{path}: input_schema does not support oneOf, allOf, or anyOf at the top level"
    properties = schema.get("properties")
    if isinstance(properties, dict) and not all(map(_PROPERTY.fullmatch, properties)):
        yield f"{path}.properties: Property keys should match pattern '^{_PROPERTY.pattern}$'"
    if not is_schema(schema):
        yield (
            f"{path}: JSON schema is invalid. It must match JSON Schema draft 2020-12 "
            "(https://json-schema.org/draft/2020-12). Learn more about tool use at "
            "https://docs.claude.com/en/docs/tool-use."
        )


def held_to(request: Incoming) -> Iterator[str]:
    """Schemas to which the model cannot be held, and too many strict tools.

    The words of `oneOf` and of constraints: github.com/vercel/ai/pull/16612, github.com/agentjido/req_llm/issues/302.
    """
    strict = sum(tool.get("strict") is True for tool in request.body.get("tools") or ())
    if strict > _MOST_STRICT_TOOLS:
        yield f"tools: at most {_MOST_STRICT_TOOLS} tools may be strict. Found {strict}."
    yield from _sizes([schema for _, schema in held(request)])
    for path, schema in held(request):
        if not is_schema(schema):
            yield f"{path}: JSON schema is invalid. It must match JSON Schema draft 2020-12."
        for message in _references(schema):
            yield f"{path}: {message}"
        for part in within(schema):
            for message in _limits(part):
                yield f"{path}: {message}"


def _sizes(schemas: Sequence[Schema]) -> Iterator[str]:
    """Too many unions or optional properties in all, or in one; the words for optional ones are not known."""
    sizes = [(sum(map(_is_union, within(schema))), sum(map(_optional, within(schema)))) for schema in schemas]
    unions, optional = (sum(each) for each in zip(*sizes, strict=True)) if sizes else (0, 0)
    if unions > _MOST_UNIONS:
        yield (
            f"Schemas contains too many parameters with union types ({unions} parameters with type arrays or anyOf). "
            "This causes exponential compilation cost. Reduce the number of nullable or union-typed parameters (limit: "
            f"{_MOST_UNIONS} parameters with unions)."
        )
    if optional > _MOST_OPTIONAL:
        yield (
            f"Schemas contains too many optional parameters ({optional}), which would make grammar compilation "
            "inefficient. Reduce the number of optional parameters in your tool schemas (limit: "
            f"{_MOST_OPTIONAL})."
        )
    if any(of == _MOST_UNIONS or others == _MOST_OPTIONAL for of, others in sizes):
        yield ("Schema is too complex for compilation. Try reducing the number of tools or simplifying tool schemas.")


def _is_union(part: Schema) -> bool:
    return "anyOf" in part or isinstance(part.get("type"), list)


def _optional(part: Schema) -> int:
    properties, required = part.get("properties"), part.get("required")
    return len(set(properties) - set(_list(required))) if isinstance(properties, dict) else 0


def _references(schema: Schema) -> Iterator[str]:
    """References that lead out of the schema, to nothing in it, or in circles."""
    found = _references_in(schema)
    lead_to = {each: resolve(schema, each) for each in found if each == "#" or each.startswith("#/")}
    for reference in found:
        if not reference.startswith("#"):
            yield f"External $ref '{reference}' is not supported"
        elif lead_to.get(reference, schema) is None:
            yield f"$ref '{reference}' does not exist"
    try:
        TopologicalSorter({each: _references_in(target, _DEFINITIONS) for each, target in lead_to.items()}).prepare()
    except CycleError:
        yield "Recursive schemas are not supported"


def _references_in(schema: object, without: frozenset[str] = frozenset()) -> list[str]:
    parts = within(schema, without=without)
    return sorted({part["$ref"] for part in parts if isinstance(part.get("$ref"), str)})


def _limits(part: Schema) -> Iterator[str]:
    kind = part.get("type")
    if "object" in (kind if isinstance(kind, list) else [kind]) and part.get("additionalProperties") is not False:
        yield "For 'object' type, 'additionalProperties' must be explicitly set to false"
    for name in part:
        if name in _CONSTRAINTS:
            yield f"For '{kind}' type, property '{name}' is not supported"
    if part.get("minItems", 0) not in (0, 1):
        yield f"For '{kind}' type, 'minItems' values other than 0 or 1 are not supported"
    anything = [*_values(part.get("properties")), part.get("items"), *_list(part.get("anyOf"))]
    if any(each is True for each in anything):
        yield "Schema 'true' is not supported"
    if "oneOf" in part:
        yield "Schema type 'oneOf' is not supported"
    if any(isinstance(value, dict | list) for value in _list(part.get("enum"))):
        yield "Complex types within enums are not supported"
    if any(isinstance(each, dict) and "$ref" in each for each in _list(part.get("allOf"))):
        yield "'allOf' with '$ref' is not supported"


def _values(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else []


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
