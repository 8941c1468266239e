"""The page of the architecture names every room, in the order of the contracts, and only files that there are."""

from __future__ import annotations

import re
from typing import Final

import pytest
from snippets import ROOT

from contracts import contract

PAGE: Final = (ROOT / "docs" / "pages" / "architecture.md").read_text("utf-8")
PACKAGE: Final = ROOT / "src" / "unbroken"


def floors(name: str) -> list[set[str]]:
    """Those of a contract, from the top; what stands side by side in a set."""
    return [set(re.findall(r"\w+", layer)) for layer in contract(name)["layers"]]


def table(heading: str, prefix: str = "") -> list[set[str]]:
    """The first column of the table under a heading."""
    section = PAGE.partition(heading + "\n")[2].partition("\n#")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [{name.removeprefix(prefix) for name in re.findall(r"`([\w/]+)`", row)} for row in rows]


@pytest.mark.parametrize(
    ("heading", "prefix"),
    [
        ("## The floors", ""),
        ("### The rooms of the core", "core/"),
        ("### The rooms of the fault server", "testing/"),
    ],
)
def test_a_table_is_its_contract(heading: str, prefix: str) -> None:
    """The same rooms on the same floors; a table and its contract have one name."""
    assert table(heading, prefix) == floors(heading.lstrip("# ").lower())


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
