"""Requests that pass validation and fail in processing, whenever they are sent: a fault of their content.

    Script(poison=Poison(has_keyword("pattern", tool="search")))

answers with a 500 for as long as that tool's schema has that keyword, and well when it has not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from unbroken.testing.script.faults import Fault, Status

__all__ = [
    "Poison",
    "Where",
    "all_of",
    "any_of",
    "has_keyword",
    "has_parameter",
    "has_text",
    "has_tool",
    "larger_than",
    "longer_than",
]

#: Whether a request is struck, by its body: that of `POST /v1/messages`, whichever platform it was sent to.
Where: TypeAlias = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Poison:
    """What goes wrong with every request whose content is of some kind, and with no other.

    The API's own checks come first. A request that is struck uses no step of the script up.

    Attributes:
        where: Which requests it strikes.
        fault: What happens to them: a 500 `api_error`, if nothing else is said.
    """

    where: Where
    fault: Fault = field(default_factory=lambda: Status(500))


def has_parameter(path: str, *values: Any) -> Where:
    """A request with a parameter, such as `temperature` or `output_config.format`.

    Args:
        path: Its name; dots lead into objects, and numbers into arrays.
        values: The values that it strikes; none: any, null too.
    """
    steps = path.split(".")

    def where(body: Mapping[str, Any]) -> bool:
        here: Any = body
        for step in steps:
            if isinstance(here, Mapping) and step in here:
                here = here[step]
            elif _is_list(here) and step.isdecimal() and int(step) < len(here):
                here = here[int(step)]
            else:
                return False
        return not values or here in values

    return where


def has_tool(name: str) -> Where:
    """A request that offers a tool of that name."""
    return lambda body: any(tool.get("name") == name for tool in _objects(body.get("tools")))


def has_keyword(keyword: str, *, tool: str | None = None) -> Where:
    """A request with a keyword anywhere in the schema of a tool's input.

    Args:
        keyword: Such as `pattern` or `anyOf`: a key of an object at any depth, a property's name too.
        tool: The tool; None: any, and the schema of `output_config.format` too.
    """

    def where(body: Mapping[str, Any]) -> bool:
        given = [each for each in _objects(body.get("tools")) if tool is None or each.get("name") == tool]
        schemas = [each.get("input_schema") for each in given]
        if tool is None:
            output = body.get("output_config")
            schemas.append(output.get("format") if isinstance(output, Mapping) else None)
        return any(keyword in keys for schema in schemas for keys in _within(schema))

    return where


def has_text(text: str) -> Where:
    """A request with these words in a turn or in `system`, inside tool calls and results too."""
    needle = json.dumps(text, ensure_ascii=False)[1:-1]
    return lambda body: needle in json.dumps([body.get("system"), body.get("messages")], ensure_ascii=False)


def longer_than(turns: int) -> Where:
    """A request of more than so many turns."""
    return lambda body: _is_list(body.get("messages")) and len(body["messages"]) > turns


def larger_than(characters: int) -> Where:
    """A request whose turns have more than so many characters of JSON, however many turns they are."""
    return lambda body: len(json.dumps(body.get("messages"), ensure_ascii=False)) > characters


def all_of(*wheres: Where) -> Where:
    """A request of which all of this holds: parts that are harmless alone, and conflict."""
    return lambda body: all(where(body) for where in wheres)


def any_of(*wheres: Where) -> Where:
    """A request of which any of this holds."""
    return lambda body: any(where(body) for where in wheres)


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    return (each for each in value if isinstance(each, Mapping)) if isinstance(value, list) else iter(())


def _within(value: object) -> Iterator[Mapping[str, Any]]:
    """Every object in a JSON value, itself too."""
    if isinstance(value, Mapping):
        yield value
        yield from (found for each in value.values() for found in _within(each))
    elif isinstance(value, list):
        yield from (found for each in value for found in _within(each))
