"""How it looks."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from unbroken.cli.doctor.bisection import Bisected, BisectionStep, Estimate
from unbroken.cli.doctor.checks import Check
from unbroken.cli.doctor.trial import Trial
from unbroken.cli.doctor.verdict import Verdict
from unbroken.cli.doctor.view import Shower, money
from unbroken.diagnosis.bisect.shrink import Candidate, Shrunk

ASKED = Trial("m", None, 0.1, 0.1, "req_1")


def shrunk(**changes: Any) -> Shrunk:
    known: dict[str, Any] = {
        "verdict": "found",
        "causes": ("service_tier",),
        "suspects": None,
        "request": {},
        "requests": 8,
        "kept": 1,
        "pieces": 40,
        "needed": True,
        "rest": True,
    }
    return Shrunk(**(known | changes))


class Screen(Shower):
    """Of 60 columns."""

    def __init__(self, *, terminal: bool = False) -> None:
        self.file = io.StringIO()
        super().__init__(Console(file=self.file, width=60, force_terminal=terminal, highlight=False))

    @property
    def lines(self) -> list[str]:
        return self.file.getvalue().splitlines()


def test_a_step_is_a_line_and_what_does_not_fit_is_below_it() -> None:
    """In a column of its own, and without white space at the end of a line."""
    screen = Screen()
    details = ("a detail that is long enough to be broken into two lines",)
    screen.check(Check(name="key", outcome="ok", summary="is accepted", details=details))
    assert screen.lines == [
        "✓ key         is accepted",
        "              a detail that is long enough to be broken into",
        "              two lines",
    ]


@pytest.mark.parametrize(("outcome", "sign"), [("ok", "✓"), ("warning", "!"), ("problem", "✗"), ("skipped", "–")])
def test_each_outcome_has_its_sign(outcome: Any, sign: str) -> None:
    """Colours are for terminals alone."""
    screen, terminal = Screen(), Screen(terminal=True)
    for shown in (screen, terminal):
        shown.check(Check(name="key", outcome=outcome, summary="so"))
    assert screen.lines == [f"{sign} key         so"]
    assert "\x1b[" in terminal.lines[0]


def test_control_characters_do_not_reach_the_terminal() -> None:
    """A model's name is from a file that somebody sent."""
    screen = Screen(terminal=True)
    screen.check(Check(name="hello", outcome="ok", summary="claude\x1b]0;title\x07\x1b[2J [red]model[/]"))
    assert "\x1b]0" not in screen.file.getvalue()
    assert "\x1b[2J" not in screen.file.getvalue()
    assert "[red]model[/]" in screen.file.getvalue()


def test_what_is_being_done_is_shown_in_a_terminal_alone() -> None:
    """And how far it has come."""
    plain, terminal = Screen(), Screen(terminal=True)
    for screen in (plain, terminal):
        with screen.busy("asking"):
            screen.trial(BisectionStep(Candidate({}, 1, 40, 40), "fails", ASKED))
        screen.trial(BisectionStep(Candidate({}, 2, 0, 40), "passes", ASKED))
    assert plain.lines == ["                1. 40 of 40 parts still fail"]
    assert "request 1: 40 of 40 parts" in terminal.file.getvalue()


def test_a_search_is_told_where_it_gets_smaller() -> None:
    """Not every request is a line."""
    screen = Screen()
    screen.estimate(Estimate(40, 10, 40, 0.034, 0.21))
    screen.estimate(Estimate(40, 10, 40, None, None))
    for number, (kept, outcome) in enumerate([(40, "fails"), (0, "passes"), (20, "fails"), (30, "fails")], 1):
        screen.trial(BisectionStep(Candidate({}, number, kept, 40), outcome, ASKED))  # type: ignore[arg-type]
    screen.bisected(Bisected(shrunk(), 9, 0.034, None, ()))
    screen.bisected(Bisected(shrunk(verdict="unfinished"), 1, None, "the cost is spent", ()))
    assert [" ".join(line.split()) for line in screen.lines] == [
        "· bisect 40 parts: usually 10 requests (about $0.03),",
        "at most 40 (about $0.21)",
        "· bisect 40 parts: usually 10 requests, at most 40; the",
        "price of this model is not known",
        "1. 40 of 40 parts still fail",
        "3. 20 of 40 parts still fail",
        "✓ bisect found after 9 requests, about $0.03 at most",
        "! bisect over after 1 request; ended early: the cost is",
        "spent",
    ]


def test_the_verdict_is_last() -> None:
    """With what to do, and the request ids only where something is wrong."""
    screen = Screen()
    screen.verdict(
        Verdict(code="c", summary="It is so.", next_steps=("Do this.", "Then that."), request_ids=("req_1",))
    )
    assert screen.lines == ["", "It is so.", " → Do this.", " → Then that.", "", "Request ids, for support: req_1"]
    screen = Screen()
    screen.verdict(Verdict(code="healthy", summary="All is well.", request_ids=("req_1",), healthy=True))
    screen.note("A note.")
    assert screen.lines == ["", "All is well.", "A note."]


def test_money() -> None:
    """About."""
    assert [money(0.0), money(0.009), money(0.01), money(1234.5)] == [
        *("less than $0.01", "less than $0.01", "about $0.01", "about $1,234.50"),
    ]
