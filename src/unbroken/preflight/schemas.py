"""Schemas that the output, or a strict tool's input, is held to: what they may use of JSON Schema.

The limits are those of the structured-outputs page (July to October 2026). A type given as `output_format` becomes a
schema in the SDK, which leaves out what is not supported; but not what refers to itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from .json_schema import invalid, nodes, parts
from .references import cycle, resolve
from .request import Request, get
from .rule import Complaint, Rule, rule
from .strict_schemas import STRICT, all_schemas, formats, of_type, schemas

__all__ = ["RULES"]

#: Keywords that the page has under "not supported", and what it calls them.
_CONSTRAINTS: Final = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "maxItems"}
)
#: Keywords that it does not name at all.
_UNNAMED: Final = frozenset(
    {
        "contains",
        "dependentRequired",
        "dependentSchemas",
        "else",
        "if",
        "maxProperties",
        "minProperties",
        "not",
        "patternProperties",
        "prefixItems",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
        "uniqueItems",
    }
)
_FORMATS: Final = frozenset(
    {"date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid"}
)
#: Look-around, back references, word boundaries.
_HARD: Final = re.compile(r"\(\?[=!<]|\\[1-9bB]")
_ANCHOR: Final = re.compile("#[^/]")


@rule("schema_invalid", "Correct it: the API takes JSON Schema draft 2020-12.", "output_config", "output_format")
def schema_invalid(request: Request) -> Iterator[Complaint]:
    """A schema for the output that is no JSON Schema; those of tools have a rule of their own.

    Source: structured-outputs page, JSON Schema limitations: "you'll receive a 400 error with details".
    """
    for schema in formats(request):
        for node in nodes(schema.schema, schema.path):
            for path, wanted in invalid(node):
                yield path, f"The keyword has to be {wanted}."


@rule("schema_recursive", "Write the levels out, as many as are needed.", *STRICT)
def schema_recursive(request: Request) -> Iterator[Complaint]:
    """A schema that refers to itself.

    Source: structured-outputs page, not supported: "Recursive schemas".
    """
    for path, schema in [*schemas(request), *of_type(request)]:
        where = cycle(schema)
        if where is not None:
            yield f"{path}{where}", "The schema refers to itself."


@rule("schema_reference", "Put what it refers to into the schema's `$defs`.", *STRICT)
def schema_reference(request: Request) -> Iterator[Complaint]:
    """A reference out of the schema, or to nothing in it.

    One to an `$anchor` is let pass: nobody says what becomes of it.

    Source: structured-outputs page, not supported: "External `$ref`".
    """
    for schema in schemas(request):
        for node in nodes(schema.schema, schema.path):
            target = node.schema.get("$ref")
            if not isinstance(target, str) or _ANCHOR.match(target):
                continue
            if resolve(schema.schema, target) is None:
                yield f"{node.path}.$ref", "The reference leads out of the schema, or to nothing in it."


@rule(
    "schema_additional_properties",
    "Give every object `additionalProperties: false`.",
    *STRICT,
)
def schema_additional_properties(request: Request) -> Iterator[Complaint]:
    """An object that does not rule out further properties.

    Source: structured-outputs page: `additionalProperties` "must be set to `false` for objects".
    """
    for node in all_schemas(request):
        type_ = node.schema.get("type")
        is_object = type_ == "object" or (isinstance(type_, list) and "object" in type_)
        if is_object and node.schema.get("additionalProperties") is not False:
            yield node.path, "The object does not set `additionalProperties` to false."


@rule(
    "schema_constraint",
    "Leave it out, say it in the `description`, and check it when the answer is there.",
    *STRICT,
)
def schema_constraint(request: Request) -> Iterator[Complaint]:
    """A limit on a number, on the length of a string or on the items of an array.

    Source: structured-outputs page, not supported: numerical and string constraints, "array constraints beyond
    `minItems` of 0 or 1".
    """
    for node in all_schemas(request):
        for name, value in node.schema.items():
            if name in _CONSTRAINTS or (name == "minItems" and value not in (0, 1)):
                yield f"{node.path}.{name}", f"`{name}` is not supported in a schema that is held to."


@rule("schema_one_of", "Use `anyOf`.", *STRICT)
def schema_one_of(request: Request) -> Iterator[Complaint]:
    """`oneOf`.

    Source: "output_format.schema: Schema type 'oneOf' is not supported" (github.com/vercel/ai/pull/16612).
    """
    for node in all_schemas(request):
        if "oneOf" in node.schema:
            yield f"{node.path}.oneOf", "`oneOf` is not supported in a schema that is held to."


@rule("schema_enum", "List strings, numbers, true, false or null only.", *STRICT)
def schema_enum(request: Request) -> Iterator[Complaint]:
    """An `enum` of lists or objects.

    Source: structured-outputs page, not supported: "Complex types within enums".
    """
    for node in all_schemas(request):
        values = node.schema.get("enum")
        if isinstance(values, list | tuple) and any(isinstance(value, list | tuple | Mapping) for value in values):
            yield f"{node.path}.enum", "The `enum` has lists or objects among its values."


@rule(
    "schema_all_of_reference",
    "Write out what is referred to, or leave `allOf` out.",
    *STRICT,
)
def schema_all_of_reference(request: Request) -> Iterator[Complaint]:
    """A reference in `allOf`.

    Source: structured-outputs page: "`allOf` with `$ref` not supported".
    """
    for node in all_schemas(request):
        parts = node.schema.get("allOf")
        if isinstance(parts, list | tuple) and any(get(part, "$ref") is not None for part in parts):
            yield f"{node.path}.allOf", "There is a `$ref` in `allOf`."


@rule(
    "schema_pattern",
    "Write a simpler pattern, without look-around, back references and word boundaries.",
    *STRICT,
    severity="warning",
)
def schema_pattern(request: Request) -> Iterator[Complaint]:
    """A pattern with look-around, back references or word boundaries.

    Source: structured-outputs page, pattern support: these are not supported, and "may result in 400 errors".
    """
    for node in all_schemas(request):
        pattern = node.schema.get("pattern")
        if isinstance(pattern, str) and _HARD.search(pattern):
            yield f"{node.path}.pattern", "The pattern uses what is not supported in a schema that is held to."


@rule(
    "schema_format",
    "Leave the format out, or say it in the `description`.",
    *STRICT,
    severity="warning",
)
def schema_format(request: Request) -> Iterator[Complaint]:
    """A format of a string that the page does not list.

    Source: structured-outputs page, supported string formats; the SDK's `lib/_parse/_transform.py`, 2.12.0, moves
    others to the description.
    """
    for node in all_schemas(request):
        format_ = node.schema.get("format")
        if node.schema.get("type") == "string" and isinstance(format_, str) and format_ not in _FORMATS:
            yield f"{node.path}.format", "The format is not among those that are supported."


@rule(
    "schema_keyword",
    "Leave it out, or say it in the `description`.",
    *STRICT,
    severity="warning",
)
def schema_keyword(request: Request) -> Iterator[Complaint]:
    """A keyword that is not among the supported ones.

    Source: structured-outputs page, JSON Schema limitations, which does not name it.
    """
    for node in all_schemas(request):
        for name in node.schema:
            if name in _UNNAMED:
                yield f"{node.path}.{name}", f"`{name}` is not among the keywords that are supported."


@rule("schema_true", "Say what it may be, at least its type.", *STRICT)
def schema_true(request: Request) -> Iterator[Complaint]:
    """A part of a schema that is `true`, and so lets anything pass.

    Source: recorded: a 400 for such a part of a strict tool's schema.
    """
    for node in all_schemas(request):
        for path, part in parts(node):
            if part is True and not path.endswith("additionalProperties"):
                yield path, "This part of a schema that is held to is `true`."


RULES: Final[tuple[Rule, ...]] = (
    schema_invalid,
    schema_recursive,
    schema_reference,
    schema_additional_properties,
    schema_constraint,
    schema_one_of,
    schema_enum,
    schema_all_of_reference,
    schema_pattern,
    schema_format,
    schema_keyword,
    schema_true,
)
