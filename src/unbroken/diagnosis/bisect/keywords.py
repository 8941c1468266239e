"""A JSON schema as keywords that can be left out, each such that the rest is still a schema."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

__all__ = ["Keyword", "Path", "keywords"]

Path = tuple[str | int, ...]

#: Keywords that hold schemas: by name, in a list, or one (JSON Schema 2020-12, and what earlier drafts called them).
_BY_NAME: Final = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})
_LISTS: Final = frozenset({"allOf", "anyOf", "items", "oneOf", "prefixItems"})
_SINGLE: Final = frozenset(
    [
        *("additionalItems", "additionalProperties", "contains", "else", "if", "items", "not", "propertyNames"),
        *("then", "unevaluatedItems", "unevaluatedProperties"),
    ]
)


@dataclass(frozen=True, slots=True)
class Keyword:
    """Something in a schema that can be left out.

    Attributes:
        path: Where it stands, from the root of the schema.
        within: The path of the keyword that holds it; None: the root does.
        needs: The path of another that must be there too; None: it needs no other.
    """

    path: Path
    within: Path | None = None
    needs: Path | None = None


def keywords(schema: Mapping[str, Any], *, strict: bool) -> list[Keyword]:
    """The keywords of a schema, each after the one that holds it and the one that it needs.

    A single `type` goes with the schema that it is of.

    Args:
        schema: The root.
        strict: Whether `additionalProperties: false` has to stay, as structured outputs demand.
    """
    found = {keyword.path: keyword for keyword in _keywords(schema, (), None, strict)}
    placed: dict[Path, Keyword] = {}
    begun: set[Path] = set()

    def place(path: Path | None) -> None:
        if path is None or path in begun:
            return
        begun.add(path)
        keyword = found[path]
        needs = _nearest(keyword.needs, found)
        place(keyword.within)
        place(needs)
        # Of references that refer to each other one has to be without the other.
        placed[path] = replace(keyword, needs=needs if needs in placed else None)

    for path in found:
        place(path)
    return list(placed.values())


def _nearest(path: Path | None, found: Collection[Path]) -> Path | None:
    """The path itself, or that of what holds it; None where nothing does."""
    ends = range(len(path or ()), 0, -1)
    return next((path[:end] for end in ends if path is not None and path[:end] in found), None)


def _keywords(schema: Mapping[str, Any], path: Path, within: Path | None, strict: bool) -> Iterator[Keyword]:
    for key, value in schema.items():
        here = (*path, key)
        if (key == "type" and isinstance(value, str)) or (key == "additionalProperties" and strict and value is False):
            continue
        if isinstance(value, dict) and value and key in _BY_NAME:
            for name, part in value.items():
                yield from _subschema(part, (*here, name), within, strict)
        elif isinstance(value, list) and value and key in _LISTS:
            for index, part in enumerate(value):
                yield from _subschema(part, (*here, index), within, strict)
        elif key in _SINGLE:
            yield from _subschema(value, here, within, strict)
        elif isinstance(value, list) and value:
            for index, part in enumerate(value):
                # A name that is no property's may stand in `required` too, and may be what is wrong.
                needs = (*path, "properties", str(part)) if key == "required" else None
                yield Keyword((*here, index), within, needs)
        else:
            yield Keyword(here, within, _target(value) if key == "$ref" else None)


def _subschema(part: Any, path: Path, within: Path | None, strict: bool) -> Iterator[Keyword]:
    yield Keyword(path, within)
    if isinstance(part, dict):
        yield from _keywords(part, path, path, strict)


def _target(reference: Any) -> Path | None:
    """Where `#/$defs/a` points to; the names of a JSON pointer have their slashes and tildes escaped."""
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    steps = [step.replace("~1", "/").replace("~0", "~") for step in reference[2:].split("/")]
    return tuple(int(step) if step.isdecimal() else step for step in steps)
