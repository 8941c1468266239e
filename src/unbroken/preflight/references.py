"""References in a JSON Schema: what they lead to, and whether they lead back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .json_schema import nodes

__all__ = ["cycle", "resolve"]


def resolve(schema: Mapping[str, Any], reference: str) -> Any:
    """What a reference within a schema leads to; None where it leads nowhere, or out of the schema."""
    if reference == "#":
        return schema
    if not reference.startswith("#/"):
        return None
    place: Any = schema
    for step in reference[2:].split("/"):
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(place, list | tuple):
            place = place[int(step)] if step.isdecimal() and int(step) < len(place) else None
        else:
            place = place.get(step) if isinstance(place, Mapping) else None
    return place


def cycle(schema: Mapping[str, Any]) -> str | None:
    """Where in a schema a reference stands that leads back to what it is part of; None: nowhere.

    Returns:
        The path of that reference, from the schema's own on.
    """
    paths = {id(inner): path for path, inner in nodes(schema, "")}
    inside = _references(schema, paths, skip=())
    leads = {reference: _references(resolve(schema, reference), paths) for reference in inside}
    return next((where for reference in inside if (where := _comes_back(reference, leads)) is not None), None)


def _references(
    place: object, paths: Mapping[int, str], skip: tuple[str, ...] = ("$defs", "definitions")
) -> dict[str, str]:
    """The references in a part of a schema, and where they stand; definitions are no part of what they stand in."""
    found: dict[str, str] = {}
    for _, inner in nodes(place, "", skip=skip):
        reference = inner.get("$ref")
        if isinstance(reference, str):
            found.setdefault(reference, f"{paths.get(id(inner), '')}.$ref")
    return found


def _comes_back(reference: str, leads: Mapping[str, Mapping[str, str]]) -> str | None:
    """Where the reference stands with which the way from this one on comes back to it."""
    reached: set[str] = set()
    waiting = [reference]
    while waiting:
        for other, where in leads.get(waiting.pop(), {}).items():
            if other == reference:
                return where
            if other not in reached:
                reached.add(other)
                waiting.append(other)
    return None
