"""The page about errors knows every code."""

from __future__ import annotations

import re
from typing import get_args

from snippets import ROOT

from unbroken.diagnosis.advice import ADVICE, Whose

PAGE = (ROOT / "docs" / "pages" / "when-it-fails.md").read_text("utf-8")


def test_the_table_is_that_of_the_code() -> None:
    """Every code with whose problem it is and what it says, in the order that decides."""
    told = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", PAGE, re.MULTILINE)
    assert told == [
        (code, advice.whose, advice.summary.format(status="", models="…", more="")) for code, advice in ADVICE.items()
    ]


def test_it_says_what_the_words_for_whose_problem_it_is_mean() -> None:
    """All of them."""
    legend = PAGE.split("## The codes")[1].split("\n## ")[0].rpartition("|")[2]
    assert re.findall(r"`(\w+)`:", legend) == list(get_args(Whose))
