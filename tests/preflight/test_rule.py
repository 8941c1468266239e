"""Every rule says what it objects to, what to do, and who says so."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from unbroken.preflight import RULES, Rule
from unbroken.preflight.request import Request
from unbroken.preflight.rule import Complaint, rule


def test_a_rule_is_read_from_its_docstring() -> None:
    """The first paragraph is its meaning, the last one its source."""

    @rule("odd", "Make it even.", "max_tokens", severity="warning")
    def odd(_: Request) -> Iterator[Complaint]:
        """An odd
        number.

        Source: the
        reference.
        """
        return iter(())

    assert (odd.code, odd.fix, odd.severity) == ("odd", "Make it even.", "warning")
    assert odd.on == {"max_tokens"}
    assert (odd.meaning, odd.source) == ("An odd number.", "the reference.")


@pytest.mark.parametrize("each", RULES, ids=lambda rule: rule.code)
def test_every_rule_has_a_code_a_fix_and_a_source(each: Rule) -> None:
    """What cannot be looked up cannot be corrected."""
    assert re.fullmatch(r"[a-z_]+", each.code)
    assert each.judge.__name__ == each.code
    assert each.meaning.endswith(".")
    assert each.fix.endswith(".")
    assert (each.judge.__doc__ or "").count("Source: ") == 1
    assert each.source


def test_codes_are_told_apart() -> None:
    """A code is what programs go by."""
    assert len({each.code for each in RULES}) == len(RULES)
