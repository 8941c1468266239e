"""How much the schemas of a request may have together, where the output or a tool's input is held to them.

The limits are those of the structured-outputs page (July to October 2026).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from .json_schema import Node, nodes
from .request import Request
from .rule import Complaint, Rule, rule
from .strict_schemas import STRICT, all_schemas, schemas, strict_tools

__all__ = ["RULES"]

_MOST_STRICT_TOOLS: Final = 20
_MOST_OPTIONAL: Final = 24
_MOST_UNIONS: Final = 16


@rule(
    "schema_strict_tools",
    "Mark as strict only the tools for which it matters.",
    *STRICT,
)
def schema_strict_tools(request: Request) -> Iterator[Complaint]:
    """More strict tools than a request may have.

    Source: structured-outputs page, explicit limits: 20 strict tools per request.
    """
    count = sum(1 for _ in strict_tools(request))
    if count > _MOST_STRICT_TOOLS:
        yield "tools", f"{count} tools are strict; a request may have {_MOST_STRICT_TOOLS}."


@rule("schema_optional", "Make properties required where they can be.", *STRICT)
def schema_optional(request: Request) -> Iterator[Complaint]:
    """More optional properties than all schemas that are held to may have together.

    Source: structured-outputs page, explicit limits: 24 optional parameters; recorded: a 400.
    """
    count = sum(map(_optional, all_schemas(request)))
    if count > _MOST_OPTIONAL:
        yield _where(request), f"{count} properties are optional; a request may have {_MOST_OPTIONAL}."


@rule("schema_unions", "Use fewer alternatives and types that may be null.", *STRICT)
def schema_unions(request: Request) -> Iterator[Complaint]:
    """More unions than all schemas that are held to may have together.

    Source: structured-outputs page, explicit limits: 16 parameters with union types; the API's own words: "(limit: 16
    parameters with unions)" (recorded, Sonnet 4.6).
    """
    count = sum(map(_is_union, all_schemas(request)))
    if count > _MOST_UNIONS:
        yield _where(request), f"{count} schemas are unions; a request may have {_MOST_UNIONS}."


@rule("schema_too_complex", "Divide it, or use fewer optional properties and alternatives.", *STRICT)
def schema_too_complex(request: Request) -> Iterator[Complaint]:
    """One schema with all the unions, or all the optional properties, that a request may have.

    Source: the API's own words: "Schema is too complex for compilation", of 16 unions and of 24 optional properties
    in one schema (recorded); the least number of either is not known.
    """
    for schema in schemas(request):
        inside = list(nodes(schema.schema, schema.path))
        unions, optional = sum(map(_is_union, inside)), sum(map(_optional, inside))
        if unions == _MOST_UNIONS or optional == _MOST_OPTIONAL:
            yield schema.path, f"The schema has {unions} unions and {optional} optional properties."


def _optional(node: Node) -> int:
    return len(_names(node, "properties") - _names(node, "required"))


def _is_union(node: Node) -> bool:
    return "anyOf" in node.schema or isinstance(node.schema.get("type"), list)


def _names(node: Node, keyword: str) -> set[str]:
    names = node.schema.get(keyword)
    return {name for name in names if isinstance(name, str)} if isinstance(names, list | tuple | Mapping) else set()


def _where(request: Request) -> str:
    return next(schema.path for schema in schemas(request))


RULES: Final[tuple[Rule, ...]] = (schema_strict_tools, schema_optional, schema_unions, schema_too_complex)
