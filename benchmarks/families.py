"""Texts that are hard on whoever looks for a place in them: runs, periods, rows, and what only looks long."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Final

__all__ = ["FAMILIES"]


def _repeat(unit: str) -> Callable[[int], str]:
    return lambda size: unit * (size // len(unit))


def _fibonacci(size: int) -> str:
    last, word = "a", "ab"
    while len(word) < size:
        last, word = word, word + last
    return word[:size]


def _drawn(*units: str) -> Callable[[int], str]:
    return lambda size: "".join(Random(7).choices(units, k=size // max(map(len, units))))


#: Each makes a text of about so many characters.
FAMILIES: Final[Mapping[str, Callable[[int], str]]] = {
    "prose": _drawn("the ", "tide ", "turned ", "and ", "she ", "climbed ", "on, ", "slowly. ", "\n"),
    "run": _repeat("a"),
    "run and another": lambda size: "a" * (size - 1) + "b",
    "two runs": lambda size: "a" * (size // 2) + "b" + "a" * (size // 2 - 1),
    "runs that grow": lambda size: "".join("a" * length + "b" for length in range(1, int((2 * size) ** 0.5))),
    "period": _repeat("ab"),
    "words of a period": _repeat("a b "),
    "fibonacci": _fibonacci,
    "two letters": _drawn("a", "b"),
    "lead-in words": _drawn("sure ", "here ", "is ", "the ", "rest ", "i ", "a ", "of ", "ok ", "continuing "),
    "no no yes": lambda size: "no " * (size // 3) + "yes",
    "rows": _repeat("| - | - |\n"),
    "rows and another": lambda size: "| - | - |\n" * (size // 10) + "| x | - |",
    "rows of one look": _repeat("|-|-|-|-|-|-|\n"),
    "a line without spaces": _drawn(*"abcdefghijklmnop0123456789+/"),
    "blank lines": _repeat("\n"),
    "blanks between": lambda size: "x" + " " * size + "y",
    "tabs": _repeat("a\t"),
    "quotes": _repeat("“”"),
    "flags": _repeat("🇯🇵"),
    "flags of two countries": _drawn("🇯🇵", "🇳🇱"),
    "joined pictographs": _repeat("👩\u200d"),
    "skin tones": _repeat("👍🏽"),
    "combining marks": lambda size: "e" + "\u0301" * size,
    "letters with marks": _repeat("e\u0301"),
    "without spaces": _repeat("我们今天去看海。"),
    "fences": _repeat("```\n"),
    "fences in lists": _repeat("- - > 1. ```py\n"),
    "list markers": _repeat("- "),
    "numbers": _repeat("1. "),
    "block quotes": _repeat(">"),
    "blanks": _repeat(" "),
}
