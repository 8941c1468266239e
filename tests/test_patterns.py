"""No text of a stranger's costs more than its length: no pattern of the package, and no other scan, is super-linear.

What is tried, and against what, is in `pumping.py`, which runs in a process of its own. It cannot fail on a slow or a
busy machine: CPU time is counted, not time; what is linear takes some hundredths of a second for a text, and is given
seconds; what is quadratic takes a hundred times as long as that, and what is exponential for ever.
"""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import unbroken

PACKAGE: Final = Path(unbroken.__file__).parent

#: Modules whose patterns and scans have tests of their own.
_ELSEWHERE: Final = tuple(f"unbroken.core.seam.{name}" for name in ("anchor", "cuts", "leadin", "seam"))

#: A module that makes a pattern of its own out of literals: tags that it escapes, one or the other.
_OF_LITERALS: Final = ("unbroken.core.seam.instruction",)

#: Seconds of CPU for one text. Where this was written patterns take 0.05 at most, and the slowest splitter takes 1.
_FOR_A_PATTERN: Final = 3
_FOR_A_SCAN: Final = 30

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no timer of CPU time here")


def pump(limit: float, *arguments: str) -> list[str]:
    """What could not cope, and at last how much was tried."""
    program = [sys.executable, str(Path(__file__).with_name("pumping.py")), str(limit), *arguments]
    ran = subprocess.run(program, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


@pytest.mark.slow
def test_no_pattern_is_more_than_linear() -> None:
    """Each pattern at a module's level, against texts that are made from it."""
    *slow, tried = pump(_FOR_A_PATTERN)
    assert int(tried.split()[0]) > 80
    assert [each for each in slow if not each.startswith(_ELSEWHERE)] == []


@pytest.mark.slow
def test_no_scan_is_more_than_linear() -> None:
    """Splitters, whole and by the character; what cleans the network's words, and what reads them."""
    assert pump(_FOR_A_SCAN, "--scans") == ["10 tried"]


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    "pattern",
    [
        r"[ \t]*\|?(?:[ \t]*:?-+:?[ \t]*\|?)+\s*$",  # exponential
        r"(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,})\s*$",
        r"^ {0,3}`{3,}[^`\n]*\s*$",
        r"(claude-[a-z0-9-]*?)(?:-0)?(?:-v\d+)?$",
        r"Input tag '\w+' .* does not match",
        r'"(?:[^"\\]++|\\.)*+"|\w+',
        r"\s+$",
        r"(?:a|a)*b",
    ],
)
def test_one_that_is_would_be_found(pattern: str) -> None:
    """These once stood here, or are of their kind."""
    *slow, _ = pump(1, pattern)
    assert len(slow) == 1


def functions(tree: ast.AST) -> Iterator[ast.AST]:
    """What is run more than once, or after the module was imported."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))


def uses(source: str) -> list[str]:
    """The uses of `re` in a function but for what needs no pattern."""
    calls = (node for function in functions(ast.parse(source)) for node in ast.walk(function))
    names = (ast.unparse(node.func) for node in calls if isinstance(node, ast.Call))
    return [name for name in names if name.startswith("re.") and name != "re.escape"]


@pytest.mark.sample(5)
@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_pattern_stands_at_a_modules_level(path: Path) -> None:
    """There the test above finds it."""
    name = ".".join(["unbroken", *path.relative_to(PACKAGE).with_suffix("").parts])
    assert uses(path.read_text(encoding="utf-8")) == [] or name in (*_ELSEWHERE, *_OF_LITERALS)


def test_a_pattern_in_a_function_would_be_found() -> None:
    """Compiled there or not."""
    assert uses("import re\ndef f(a):\n    return re.sub('a+$', '', re.escape(a)), re.compile('b')") == [
        "re.sub",
        "re.compile",
    ]
