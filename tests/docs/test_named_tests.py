"""The tests and files that pages name are there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from snippets import ROOT, pages

#: `tests/a/test_b.py`, or `tests/a/test_b.py::test_c`.
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
NAMING = [page for page in pages() if NAMED.search(page.read_text("utf-8"))]


@cache
def named_in(file: Path) -> set[str]:
    return set(re.findall(r"^ *(?:async )?def (test_\w+)\(", file.read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("page", NAMING, ids=lambda page: page.stem)
def test_what_a_page_names_is_there(page: Path) -> None:
    for name, test in NAMED.findall(page.read_text("utf-8")):
        assert (ROOT / name).is_file(), name
        assert not test or test in named_in(ROOT / name), f"{name}::{test}"


def test_the_promises_name_tests() -> None:
    """Every row of the promises of a journal."""
    text = (ROOT / "docs" / "pages" / "promises.md").read_text("utf-8")
    section = text.split("## Promised of streams in a journal\n")[1].split("\n## ")[0]
    rows = [row for row in section.split("|---|---|---|\n")[1].splitlines() if row.startswith("|")]
    assert len(rows) > 10
    assert [row for row in rows if "::test_" not in row] == []
