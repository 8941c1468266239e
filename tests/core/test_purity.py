"""The core computes and does not act. What it may import is a contract in pyproject.toml (`tests/test_layers.py`)."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest

from contracts import contract

PACKAGE: Final = Path(__file__).parent.parent.parent / "src" / "unbroken"

#: Clocks, files and terminals, by way of modules that are otherwise welcome, or of none.
IMPURE_CALLS: Final = frozenset({"now", "utcnow", "today", "open", "print", "input"})
ASYNC: Final = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)


def pure() -> list[Path]:
    """The files of the modules and packages that the contract calls pure."""
    names = contract("what is pure")["source_modules"]
    places = [PACKAGE.parent / name.replace(".", "/") for name in names]
    return sorted(
        path for place in places for path in (place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")])
    )


def name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def impure(source: str) -> list[str]:
    """What in a module's source waits, or asks for the time, a file or a terminal."""
    nodes = list(ast.walk(ast.parse(source)))
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    return [
        *(ast.unparse(node) for node in nodes if isinstance(node, ASYNC)),
        *(each for function in called if (each := ast.unparse(function)).rpartition(".")[2] in IMPURE_CALLS),
    ]


@pytest.mark.parametrize("path", pure(), ids=name)
def test_what_is_pure_waits_for_nothing_and_asks_for_no_time(path: Path) -> None:
    """Time and random numbers come in as arguments."""
    assert impure(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("source", ["async def f(): ...", "datetime.now(UTC)", "open(path)", "def f():\n    print()"])
def test_what_is_impure_is_seen(source: str) -> None:
    """The test above would notice."""
    assert impure(source)
