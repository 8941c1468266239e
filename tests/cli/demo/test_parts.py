"""The heading, the answer with its joints, and the table of requests."""

from __future__ import annotations

import pytest

from unbroken import AttemptReport, Report
from unbroken.cli.demo.parts import attempt_cells, attempt_lines, heading, inked
from unbroken.cli.demo.sides import Side


@pytest.fixture
def side() -> Side:
    """An answer in three parts, the second of which came from nobody."""
    side = Side("unbroken", "The lamp is lit.", lambda who, happening: None, text="The lamp is lit.")
    side.report = Report(
        [
            AttemptReport(1, 0, "m", "request", 0.0, outcome="connection", status=200, characters=4, ended=1.0),
            AttemptReport(2, 1, "n", "continue", 1.2, outcome="overloaded", status=529, ended=0.1),
            AttemptReport(3, 0, "m", "continue", 1.3, outcome="complete", status=200, characters=12, ended=1.0),
        ]
    )
    return side


def test_the_heading_counts_acts_only_if_there_are_several() -> None:
    """A single act has no number."""
    assert heading(1, 1, "reset").plain == " unbroken demo   reset\n"
    assert heading(2, 3, "reset").plain == " unbroken demo   act 2 of 3: reset\n"


def test_each_part_of_the_answer_has_its_own_ink(side: Side) -> None:
    """The joint is marked where it is, and what follows it looks otherwise."""
    side.ending, side.whole = "exact", True
    text = inked(side)
    assert text.plain == "The ┃lamp is lit."
    assert [text.plain[span.start : span.end] for span in text.spans] == ["The ", "┃", "lamp is lit."]
    assert len({span.style for span in text.spans}) == 3


def test_an_answer_without_a_report_is_of_one_piece(side: Side) -> None:
    """The SDK has none to give."""
    side.report = None
    assert "┃" not in inked(side).plain


def test_the_table_as_lines_has_straight_columns(side: Side) -> None:
    """Without a terminal there are no colours, but columns."""
    assert side.report is not None
    assert attempt_lines(side.report.attempts) == [
        "1  m  request   –  200 connection  1.00  – / –",
        "2  n  continue  –  529 overloaded  0.10  – / –",
        "3  m  continue  –  200 complete    1.00  – / –",
    ]
    assert attempt_lines([]) == []


def test_the_cells_of_a_request() -> None:
    """What the API said, and what is only assumed, are told apart."""
    attempt = AttemptReport(2, 0, "m", "continue", 1.0, request_id="req_1", status=200, outcome="complete", ended=0.5)
    attempt.input_tokens, attempt.output_tokens, attempt.seam, attempt.discarded = 1200, 7, "echo", 44
    assert attempt_cells(attempt) == (
        *("2", "m", "continue", "req_1", "200 complete", "0.50", "1,200 / 7", "echo, 44 cut"),
    )
    bare = AttemptReport(1, 0, "m", "request", 0.0, estimated_output_tokens=9)
    assert attempt_cells(bare) == ("1", "m", "request", "–", "– open", "–", "– / ~9", "")
    bare.estimated_input_tokens = 1200
    assert attempt_cells(bare)[6] == "~1,200 / ~9"
