"""The layers hold: the core computes and does not act, and imports only go down."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

PACKAGE: Final = Path(__file__).parent.parent.parent / "src" / "unbroken"

#: Event loops, clocks, chance, logs, sockets, threads: what happens next must not depend on them.
IMPURE: Final = frozenset(
    {"anyio", "asyncio", "httpx2", "logging", "os", "random", "secrets", "socket", "threading", "time", "trio", "uuid"}
)
#: The same by way of modules that are otherwise welcome.
IMPURE_CALLS: Final = frozenset({"now", "utcnow", "today", "open", "print", "input"})
ASYNC: Final = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)

SHARED: Final = frozenset(
    {"diagnosing", "errors", "evidence", "health", "logs", "policy", "preflight", "report", "routes"}
)
#: What each layer may import of the package, itself included.
BELOW: Final = {
    "core": {"core"},
    **{module: {"core", *SHARED} for module in SHARED},
    "engine": {"core", "engine", *SHARED},
    "api": {"core", "engine", *SHARED},
    "message": {"api", "core", "engine", *SHARED},
    "status": {"core", "engine", "status", *SHARED},
    "deferred": {"api", "core", "engine", *SHARED},
    "middleware": {"core", "engine", *SHARED},
    "pipe": {"core", "engine", "pipe"},
    "testing": {"core", "testing"},
    "cli": {"api", "cli", "core", "engine", "status", "testing", *SHARED},
}


def modules(layer: str = "") -> list[Path]:
    return sorted((PACKAGE / layer).rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def running(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node that is there at run time: what is below `if TYPE_CHECKING:` is for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from (child for statement in node.orelse for child in (statement, *running(statement)))
        else:
            yield node
            yield from running(node)


def imports(path: Path) -> set[str]:
    """The full names of the modules that a module imports; `from a import b` gives `a.b`, which may be no module."""
    package = ("unbroken", *path.relative_to(PACKAGE).parent.parts)
    found: set[str] = set()
    for node in running(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            origin = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{origin}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", [*modules("core"), *modules("preflight")], ids=name)
def test_what_is_pure_has_no_loop_no_clock_no_chance_and_no_log(path: Path) -> None:
    """Time and random numbers come in as arguments."""
    assert {imported.split(".")[0] for imported in imports(path)} & IMPURE == set()
    nodes = list(running(ast.parse(path.read_text(encoding="utf-8"))))
    assert [ast.unparse(node) for node in nodes if isinstance(node, ASYNC)] == []
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    names = {ast.unparse(function).rpartition(".")[2] for function in called}
    assert names & IMPURE_CALLS == set()


@pytest.mark.parametrize("path", [path for path in modules() if not path.name.startswith("__")], ids=name)
def test_imports_only_go_down(path: Path) -> None:
    """Nothing imports from a layer above its own, but for type checkers."""
    layer = path.relative_to(PACKAGE).with_suffix("").parts[0]
    within = {imported.split(".")[1] for imported in imports(path) if imported.startswith("unbroken.")}
    assert within <= BELOW[layer]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import time", {"time"}),
        ("from .. import api", {"unbroken.api"}),
        ("from ..engine.driver import Driver", {"unbroken.engine.driver.Driver"}),
        ("from .plan import State", {"unbroken.core.plan.State"}),
        ("from unbroken.testing import FaultServer", {"unbroken.testing.FaultServer"}),
        ("def f():\n    import asyncio", {"asyncio"}),
        ("if TYPE_CHECKING:\n    import anyio\nelse:\n    import trio", {"trio"}),
    ],
)
def test_an_import_is_seen(source: str, found: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The two tests above would notice."""
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: source)
    assert imports(PACKAGE / "core" / "any.py") == found
