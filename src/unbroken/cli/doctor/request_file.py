"""Reads the request that `unbroken doctor` is given, and says where its JSON is wrong; it quotes nothing of it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Reading", "parse"]

#: What Python and JavaScript call what JSON calls otherwise.
_NAME: Final = re.compile(r"True\b|False\b|None\b|undefined\b")
#: How many objects and arrays may stand in each other: what can be read in one place has to be written in another, and
#: taken apart, and each of them stops at a depth of its own, which differs between Pythons.
_DEEPEST: Final = 250
#: How Python's parser begins what it says, and what it is said with here.
_KNOWN: Final = {
    "Extra data": "the JSON is over, and something comes after it",
    "Unterminated string": "the string that begins here has no end",
    "Invalid control character": r"a line break or another control character in a string: write \n",
    "Invalid \\": r"a backslash that escapes nothing: write \\",
}
#: Arguments of the SDK's that are no part of the body and make no difference here.
_NOT_SENT: Final = ("stream", "timeout")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read.

    Attributes:
        params: The request, with `extra_body` put where it belongs; None where there is none.
        problems: What is wrong with the JSON, each in one sentence with its place.
        warnings: What is odd about it and does no harm to the request that is sent from here.
        size: Its length in bytes.
    """

    params: dict[str, Any] | None
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    size: int


def parse(data: bytes) -> Reading:
    """Read a request: the body of `POST /v1/messages`, or the arguments of the SDK's `messages.create` as JSON."""
    warnings: list[str] = []
    if data.startswith(b"\xef\xbb\xbf"):
        warnings.append("It begins with a byte order mark, which JSON must not have; it is left out.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            return _broken(data, "It is UTF-16, and JSON has to be UTF-8.")
        at = _place(data[: error.start].decode("utf-8-sig"))
        return _broken(data, f"{at}: this is not UTF-8.")
    if not text.strip():
        return _broken(data, "It is empty.")
    try:
        value, problems = _read(text)
    except json.JSONDecodeError as error:
        offset, mistake = _mistake(text, error)
        return _broken(data, f"{_place(text[:offset])}: {mistake}.")
    except RecursionError:
        return _broken(data, "It is nested too deeply.")
    except ValueError:
        return _broken(data, "A number in it has more digits than can be read.")
    if _depth(value) > _DEEPEST:
        return _broken(data, "It is nested too deeply.")
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        problems.append(r"Half of a surrogate pair stands alone (an escape like \ud83d): that is no character.")
    if not isinstance(value, dict):
        kind = "an array" if isinstance(value, list) else "a single value"
        return _broken(data, *problems, f"It is {kind}, and a request is an object.")
    return Reading(None if problems else _merged(value), tuple(problems), tuple(warnings), len(data))


def _broken(data: bytes, *problems: str) -> Reading:
    return Reading(None, problems, (), len(data))


def _merged(value: dict[str, Any]) -> dict[str, Any]:
    extra = value.get("extra_body")
    if isinstance(extra, dict):
        value = {**{name: part for name, part in value.items() if name != "extra_body"}, **extra}
    return {name: part for name, part in value.items() if name not in _NOT_SENT}


def _place(before: str) -> str:
    """The line and the column, from 1, of what comes after this."""
    return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"


def _mistake(text: str, error: json.JSONDecodeError) -> tuple[int, str]:
    """Where the mistake is, and what is probably meant by it, in words that do not repeat it."""
    here, before = text[error.pos :], text[: error.pos].rstrip()
    # Python has pointed at the comma since 3.13, and before that at what comes after it.
    if error.msg.startswith("Illegal trailing comma") or (here[:1] in ("}", "]") and before.endswith(",")):
        comma = error.pos if here.startswith(",") else len(before) - 1
        return comma, "a comma before the closing bracket"
    return error.pos, _words(here, error.msg)


def _words(here: str, message: str) -> str:
    for beginning, words in _KNOWN.items():
        if message.startswith(beginning):
            return words
    if not here.strip():
        return "the text ends before the JSON does"
    if here[0] == "'":
        return "a string in single quotes: JSON has double ones"
    if here.startswith(("//", "/*", "#")):
        return "a comment: JSON has none"
    if _NAME.match(here):
        return "JSON has true, false and null"
    return f"{message[:1].lower()}{message[1:]}"


def _read(text: str) -> tuple[Any, list[str]]:
    """The value, and what Python's parser lets pass and the API does not, or not surely; it says no places of that.

    Raises:
        json.JSONDecodeError: It is no JSON.
        RecursionError: It is nested too deeply.
        ValueError: It has an integer of too many digits.
    """
    found: list[str] = []

    def pairs(named: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(named)
        found.extend(["A name stands twice in an object, and one of the two is lost."] * (len(named) - len(value)))
        return value

    def constant(name: str) -> float:
        found.append("There is a NaN or an infinity in it, and JSON has neither.")
        return float(name)

    def number(digits: str) -> float:
        if math.isinf(value := float(digits)):
            found.append("A number in it is too large.")
        return value

    return json.loads(text, object_pairs_hook=pairs, parse_constant=constant, parse_float=number), found


def _depth(value: Any) -> int:
    """How many objects and arrays stand in each other."""
    depth, layer = 0, [value]
    while layer := [each for each in layer if isinstance(each, dict | list)]:
        depth += 1
        layer = [part for each in layer for part in (each.values() if isinstance(each, dict) else each)]
    return depth
