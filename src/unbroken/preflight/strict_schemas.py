"""Which schemas a request holds its output, or the input of its strict tools, to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from .json_schema import Node, nodes
from .request import Request, get

__all__ = ["STRICT", "all_schemas", "formats", "of_type", "schemas", "strict_tools"]

#: The arguments that may have such schemas.
STRICT: Final = ("output_config", "output_format", "tools")


def strict_tools(request: Request) -> Iterator[tuple[int, Any]]:
    """The strict tools, with their places."""
    return ((i, tool) for i, tool in enumerate(request.tools) if get(tool, "strict") is True)


def formats(request: Request) -> Iterator[Node]:
    """The schemas of the output, where they are given as schemas."""
    config = get(get(request.params, "output_config"), "format")
    for path, wanted in (("output_config.format", config), ("output_format", get(request.params, "output_format"))):
        if isinstance(wanted, Mapping) and isinstance(wanted.get("schema"), Mapping):
            yield Node(f"{path}.schema", wanted["schema"])


def schemas(request: Request) -> Iterator[Node]:
    """The schemas that are held to, as they are sent."""
    yield from formats(request)
    for i, tool in strict_tools(request):
        schema = get(tool, "input_schema")
        if isinstance(schema, Mapping):
            yield Node(f"tools[{i}].input_schema", schema)


def all_schemas(request: Request) -> Iterator[Node]:
    """All schemas in them."""
    for schema in schemas(request):
        yield from nodes(schema.schema, schema.path)


def of_type(request: Request) -> Iterator[Node]:
    """The schema of the type that the output is to be parsed into, if it is a pydantic model."""
    wanted = get(request.params, "output_format")
    schema = _schema_of(wanted) if isinstance(wanted, type) else None
    if schema is not None:
        yield Node("output_format", schema)


@lru_cache(maxsize=128)
def _schema_of(model: type) -> Mapping[str, Any] | None:
    """The schema of a pydantic model, made once; None of all other types."""
    try:
        schema = model.model_json_schema()  # type: ignore[attr-defined]
    except Exception:
        return None  # the SDK says better what is wrong with it
    return schema if isinstance(schema, Mapping) else None
