"""The page of the preflight has every rule, as the rules themselves have it."""

from __future__ import annotations

from pathlib import Path

from unbroken.preflight import RULES, Rule

PAGE = Path(__file__).parents[2] / "docs" / "pages" / "preflight.md"


def row(rule: Rule) -> str:
    """What the table says of a rule."""
    return "| " + " | ".join((f"`{rule.code}`", rule.severity, rule.meaning, rule.source)) + " |"


def test_the_table_is_that_of_the_rules() -> None:
    """In their order; where this fails, what it expects is what belongs at the end of the page."""
    table = ["| code | severity | what it objects to | who says so |", "| --- | --- | --- | --- |", *map(row, RULES)]
    written = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    assert written == table
