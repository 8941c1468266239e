"""The page of the architecture names every room, in the order of the contracts, and only files that there are."""

from __future__ import annotations

import re
import tomllib
from typing import Final

import pytest
from snippets import ROOT

PAGE: Final = (ROOT / "docs" / "pages" / "architecture.md").read_text("utf-8")
PACKAGE: Final = ROOT / "src" / "unbroken"


def contract(containers: list[str]) -> list[set[str]]:
    """The floors of a contract, from the top; what stands side by side in a set."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (found,) = (each for each in contracts if each.get("containers") == containers)
    return [set(re.findall(r"\w+", layer)) for layer in found["layers"]]


def table(heading: str, prefix: str = "") -> list[set[str]]:
    """The first column of the table under a heading."""
    section = PAGE.partition(heading + "\n")[2].partition("\n#")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [{name.removeprefix(prefix) for name in re.findall(r"`([\w/]+)`", row)} for row in rows]


@pytest.mark.parametrize(
    ("heading", "prefix", "container"),
    [
        ("## The floors", "", "unbroken"),
        ("### The rooms of the core", "core/", "unbroken.core"),
        ("### The rooms of the fault server", "testing/", "unbroken.testing"),
    ],
)
def test_a_table_is_its_contract(heading: str, prefix: str, container: str) -> None:
    """The same rooms on the same floors."""
    assert table(heading, prefix) == contract([container])


def test_every_folder_is_named() -> None:
    """A room that a stranger finds in the tree is told of on the page."""
    folders = {str(path.parent.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py")} - {"."}
    assert sorted(each for each in folders if f"`{each}`" not in PAGE and f"`src/unbroken/{each}/`" not in PAGE) == []


def test_every_file_that_is_named_is_there() -> None:
    """The page leads nowhere."""
    named = [
        each for each in re.findall(r"`((?:src/unbroken/)?[\w/]+/(?:\w+\.py)?)`", PAGE) if not each.endswith("tests/")
    ]
    assert len(named) > 30
    missing = [each for each in named if not (PACKAGE / each.removeprefix("src/unbroken/")).exists()]
    assert missing == []
