"""Scripts from TOML files, with errors that name the place in the file."""

from __future__ import annotations

import re
import tomllib
import types
import typing
from collections import abc
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, get_args, get_origin, get_type_hints

from unbroken.testing.manners.manners import Manner
from unbroken.testing.script import faults
from unbroken.testing.script.blocks import Block, RawBlock, RedactedThinking, ServerTool, Text, Thinking, ToolUse
from unbroken.testing.script.faults import At, Fault, Point

if TYPE_CHECKING:
    import os

__all__ = ["load"]


_INNER_CAPITAL: Final = re.compile(r"(?<!^)(?=[A-Z])")


def _snake(name: str) -> str:
    return _INNER_CAPITAL.sub("_", name).lower()


_FAULTS: Final[dict[str, type[Fault]]] = {_snake(kind.__name__): kind for kind in faults.kinds()}
#: Bytes of a script at most. Ours: scripts with a whole answer in them have some thousand.
_MOST: Final = 16_000_000
_COUNTED: Final = (Point.EVENTS, Point.CHARACTERS, Point.FRACTION, Point.BLOCKS)
_TOML_NAMES: Final = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    list: "an array",
    dict: "a table",
}
_BLOCKS: Final[dict[str, type[Block]]] = {
    "text": Text,
    "thinking": Thinking,
    "redacted_thinking": RedactedThinking,
    "tool_use": ToolUse,
    "server_tool": ServerTool,
    "raw": RawBlock,
}


#: What a field of a fault or block may hold, in words.
_SAID: Final[dict[Any, str]] = {
    Any: "anything",
    At: "a place",
    bool: "true or false",
    float: "a number of seconds",
    int: "a whole number",
    str: "a string",
}

ScriptT = TypeVar("ScriptT")


@dataclass(frozen=True, slots=True)
class _Makes(Generic[ScriptT]):
    """The classes of what is read. They are given, because a `Script` loads itself.

    Attributes:
        script: The class of a script.
        answer: The dataclass of an answer.
    """

    script: Callable[..., ScriptT]
    answer: type[Any]


def load(path: str | os.PathLike[str], script: Callable[..., ScriptT], answer: type[Any]) -> ScriptT:
    """Read `path`; see `Script.from_toml`.

    Args:
        path: The file.
        script: `Script`.
        answer: `Answer`.
    """
    name = Path(path).name
    try:
        with Path(path).open("rb") as file:  # which may be a device without an end
            data = file.read(_MOST + 1)
        if len(data) > _MOST:
            raise ValueError(f"more than {_MOST:,} bytes, which is no script")
        return _script(_Makes(script, answer), tomllib.loads(data.decode()), "", top=True)
    except RecursionError as error:
        raise ValueError(f"{name}: nested too deeply") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{name}: not a text file in UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{name}: not TOML: {error}") from error
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _script(make: _Makes[ScriptT], table: dict[str, Any], where: str, *, top: bool = False) -> ScriptT:
    _only(table, ("seed", "answer", "answers", "faults", "then", *(("models",) if top else ())), where)
    if "answer" in table and "answers" in table:
        raise ValueError(f"{_dot(where, 'answer')}: give `answer` or `answers`, not both")
    given = [table["answer"]] if "answer" in table else _typed(table, "answers", list, [], where)
    answers = [_answer(make.answer, item, f"{_dot(where, 'answers')}[{i}]") for i, item in enumerate(given)]
    given_steps = _typed(table, "faults", list, [], where)
    steps = [_step(item, f"{_dot(where, 'faults')}[{i}]") for i, item in enumerate(given_steps)]
    then = _step(table.get("then", {}), _dot(where, "then"))
    models = {
        name: _script(make, _table(own, f"models.{name}"), f"models.{name}")
        for name, own in _typed(table, "models", dict, {}, where).items()
    }
    try:
        return make.script(
            answers=answers,
            faults=steps,
            then=then,
            models=models,
            seed=_typed(table, "seed", int, 0, where),
        )
    except ValueError as error:
        raise ValueError(f"{where}: {error}" if where else str(error)) from error


def _answer(kind: type[Any], item: Any, where: str) -> Any:
    if isinstance(item, str):
        return kind(item)
    table = _table(item, where)
    _only(table, ("text", *(each.name for each in fields(kind))), where)
    if ("text" in table) == ("content" in table):
        raise ValueError(f"{where}: give `text`, or `content`")
    content: str | list[Block | str] = _typed(table, "text", str, "", where)
    if "content" in table:
        blocks = _typed(table, "content", list, [], where)
        content = [_block(block, f"{where}.content[{i}]") for i, block in enumerate(blocks)]
    manner = _typed(table, "manner", str, "echo", where)
    if manner not in set(Manner):
        raise ValueError(f"{where}.manner: no manner {manner!r}; there are {', '.join(Manner)}")
    pieces = table.get("pieces")
    if pieces is not None and (
        not isinstance(pieces, list)
        or len(pieces) != 2
        or not all(type(n) is int for n in pieces)
        or not 1 <= pieces[0] <= pieces[1]
    ):
        raise ValueError(f"{where}.pieces: expected two whole numbers, the least and the most, from 1")
    return kind(
        content,
        manner=Manner(manner),
        stop_reason=_typed(table, "stop_reason", str, None, where),
        pieces=None if pieces is None else (pieces[0], pieces[1]),
        pace=float(_typed(table, "pace", (int, float), 0.0, where)),
        prefill=_typed(table, "prefill", str, None, where),
        stop_details=_typed(table, "stop_details", dict, None, where),
        container=_typed(table, "container", dict, None, where),
        headers=_headers(table, where),
    )


def _headers(table: dict[str, Any], where: str) -> dict[str, str]:
    headers: dict[str, Any] = _typed(table, "headers", dict, {}, where)
    if not all(isinstance(each, str) for each in headers.values()):
        raise ValueError(f"{_dot(where, 'headers')}: expected a table of strings")
    return headers


def _block(item: Any, where: str) -> Block | str:
    if isinstance(item, str):
        return item
    table = dict(_table(item, where))
    kind = _BLOCKS.get(str(table.pop("type", "text")))
    if kind is None:
        raise ValueError(f"{where}.type: expected one of {', '.join(_BLOCKS)}")
    return _build(kind, table, where)


def _step(item: Any, where: str) -> tuple[Fault, ...]:
    if isinstance(item, list):
        return tuple(_fault(_table(each, f"{where}[{i}]"), f"{where}[{i}]") for i, each in enumerate(item))
    table = _table(item, where)
    return (_fault(table, where),) if table else ()


def _fault(table: dict[str, Any], where: str) -> Fault:
    table = dict(table)
    do = table.pop("do", None)
    if do not in _FAULTS:
        given = "no `do`" if do is None else f"no fault {do!r}"
        raise ValueError(f"{where}: {given}; there are {', '.join(_FAULTS)}")
    if "at" in table:
        table["at"] = _at(table["at"], f"{where}.at")
    return _build(_FAULTS[do], table, where)


def _at(item: Any, where: str) -> At:
    plain = [point for point in Point if point not in _COUNTED]
    if isinstance(item, str) and item in plain:
        return At(Point(item))
    if isinstance(item, dict) and len(item) == 1:
        ((point, n),) = item.items()
        whole = point != Point.FRACTION
        if point in _COUNTED and isinstance(n, int if whole else (int, float)) and not isinstance(n, bool):
            try:
                return At(Point(point), n)
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from error
    raise ValueError(f"{where}: expected one of {', '.join(plain)}, or {{{' | '.join(_COUNTED)} = number}}")


_T = TypeVar("_T", Fault, Block)


def _build(kind: type[_T], table: dict[str, Any], where: str) -> _T:
    known = {each.name: each for each in fields(kind)}  # type: ignore[arg-type]  # all of them are dataclasses
    _only(table, tuple(known), where)
    hints = get_type_hints(kind)
    for name, value in table.items():
        if not _fits(value, hints[name]):
            raise ValueError(f"{where}.{name}: expected {_said(hints[name])}")
    for name, each in known.items():
        if name not in table and each.default is MISSING and each.default_factory is MISSING:
            raise ValueError(f"{where}: `{name}` is missing")
    return kind(**table)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a field of that type may hold the value."""
    inside = get_args(hint)
    match get_origin(hint):
        case typing.Union | types.UnionType:
            return any(_fits(value, each) for each in inside)
        case typing.Literal:
            return value in inside
        case abc.Mapping:
            return isinstance(value, dict) and all(_fits(each, inside[1]) for each in value.values())
        case abc.Sequence:
            return isinstance(value, list) and all(_fits(each, inside[0]) for each in value)
    if hint is float:
        return type(value) in (int, float) and value >= 0
    return hint is Any or type(value) is hint


def _said(hint: Any) -> str:
    """What a field of that type may hold, in words."""
    inside = get_args(hint)
    match get_origin(hint):
        case typing.Union | types.UnionType:
            return " or ".join(_said(each) for each in inside if each is not type(None))
        case typing.Literal:
            return " or ".join(filter(None, (", ".join(inside[:-1]), inside[-1])))
        case abc.Mapping:
            return "a table of strings" if inside[1] is str else "a table"
        case abc.Sequence:
            return "an array of tables"
    return _SAID[hint]


def _typed(table: dict[str, Any], key: str, kind: type | tuple[type, ...], default: Any, where: str) -> Any:
    value = table.get(key, default)
    if value is not default and (not isinstance(value, kind) or isinstance(value, bool)):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        expected = " or ".join(_TOML_NAMES[each] for each in kinds)
        raise ValueError(f"{_dot(where, key)}: expected {expected}")
    return value


def _table(item: Any, where: str) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise ValueError(f"{where}: expected a table")
    return item


def _only(table: dict[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in known:
            raise ValueError(f"{_dot(where, key)}: not known here; there are {', '.join(known)}")


def _dot(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
