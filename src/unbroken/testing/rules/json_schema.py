"""JSON schemas in a request: where they are, what is in them, and whether they are any."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from unbroken.testing.claude.offers import output_formats
from unbroken.testing.rules.incoming import Incoming

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

__all__ = ["Schema", "held", "is_schema", "of_tools", "resolve", "within"]

Schema: TypeAlias = Mapping[str, Any]

#: Keywords that hold schemas by name, in a list, and one: JSON Schema, draft 2020-12.
_BY_NAME: Final = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})
_LISTS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_ONE: Final = frozenset(
    [
        *("additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then"),
        *("unevaluatedItems", "unevaluatedProperties"),
    ]
)


def of_tools(request: Incoming) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The caller's own tools, with their paths: the API's have a type of another name."""
    for i, tool in enumerate(request.body.get("tools") or ()):
        if tool.get("type") in (None, "custom"):
            yield f"tools.{i}.custom", tool


def held(request: Incoming) -> Iterator[tuple[str, Schema]]:
    """The schemas that the output, and the input of strict tools, is held to; with their paths."""
    for path, form in output_formats(request.body):
        yield f"{path}.schema", form["schema"]
    for path, tool in of_tools(request):
        if tool.get("strict") is True:
            yield f"{path}.input_schema", tool["input_schema"]


def within(schema: object, *, without: frozenset[str] = frozenset()) -> Iterator[Schema]:
    """A schema and all schemas in it, but for those under the keywords `without`."""
    waiting = [schema]
    while waiting:
        here = waiting.pop()
        if not isinstance(here, dict):
            continue
        yield here
        for name, value in here.items():
            if name in without:
                continue
            if name in _ONE:
                waiting.append(value)
            elif (name in _LISTS and isinstance(value, list)) or (name in _BY_NAME and isinstance(value, dict)):
                waiting += value.values() if isinstance(value, dict) else value


def resolve(schema: Schema, reference: str) -> Any:
    """What a JSON pointer, such as `#/$defs/a`, leads to in a schema; None: nothing."""
    here: Any = schema
    for step in reference.removeprefix("#").split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(here, list) and step.isdecimal() and int(step) < len(here):
            here = here[int(step)]
        elif isinstance(here, dict):
            here = here.get(step)
        else:
            return None
    return here


def is_schema(schema: Schema) -> bool:
    """Whether it is a JSON schema of draft 2020-12. Without `jsonschema`, the extra `schema`, everything is."""
    return _is_valid(json.dumps(schema))


@lru_cache(maxsize=1024)
def _is_valid(schema: str) -> bool:
    metaschema = _metaschema()
    try:
        return metaschema is None or metaschema.is_valid(json.loads(schema))
    except RecursionError:
        return True  # too deep to be judged here


@cache
def _metaschema() -> Draft202012Validator | None:
    try:
        from jsonschema import Draft202012Validator
    except ImportError:
        return None
    # Formats are not looked at: a pattern that Python does not know may be one.
    return Draft202012Validator(Draft202012Validator.META_SCHEMA)
