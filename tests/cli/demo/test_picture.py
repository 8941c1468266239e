"""Panels, requests and the score, as text."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from unbroken import AttemptReport, Report
from unbroken.cli.demo.picture import Trial, last_picture, live_picture
from unbroken.cli.demo.sides import Happening, Side
from unbroken.cli.demo.story import Act
from unbroken.testing import Script

TRUTH = "The lamp is lit, the glass is clear."


@pytest.fixture
def trial() -> Trial:
    """A cut and a refusal on one side, the end of everything on the other."""
    trial = Trial(Act("reset", Script(), TRUTH), 1, 1, lambda side, happening: None)
    trial.alone.text = "The la"
    trial.alone.log = [Happening(0.0, "asking m", "plain"), Happening(1.0, "raised ReadError, gone", "bad")]
    trial.alone.ending = "raised ReadError"
    trial.ours.text = TRUTH
    trial.ours.report = Report(
        [
            AttemptReport(1, 0, "m", "request", 0.0, outcome="connection", status=200, characters=6, ended=1.0),
            AttemptReport(2, 0, "m", "continue", 1.2, outcome="connection", ended=0.1),
            AttemptReport(3, 1, "n", "prefill", 1.3, outcome="complete", status=200, characters=30, ended=1.0),
        ]
    )
    trial.ours.ending, trial.ours.whole = "exact, in 3 requests", True
    trial.ours.log = [Happening(2.3, "exact, in 3 requests", "good")]
    return trial


def shown(trial: Trial, *, live: bool = False, width: int = 100, height: int = 30) -> str:
    console = Console(file=io.StringIO(), width=width, height=height, record=True)
    console.print((live_picture if live else last_picture)([trial], console))
    return console.export_text()


def test_the_joint_is_marked_where_it_is(trial: Trial) -> None:
    """Between the two characters that came from different requests."""
    assert "The la┃mp is lit, the glass is clear." in shown(trial)


def test_where_the_sdk_broke_is_marked(trial: Trial) -> None:
    """With what was raised, and how much had come."""
    picture = shown(trial)
    assert "The la▌" in picture
    assert "✗ raised ReadError, gone" in picture
    assert "✗ 6 of 36 characters" in picture


def test_every_request_says_what_it_met(trial: Trial) -> None:
    """How it was asked, and what it died of."""
    picture = shown(trial)
    assert "✗ m: cut, connection" in picture
    assert "✗ m, continue: no response, connection" in picture
    assert "→ n, prefill" in picture
    assert "✓ exact, in 3 requests" in picture


def test_a_low_terminal_shows_the_end_of_the_text(trial: Trial) -> None:
    """The beginning has been read."""
    trial.ours.text = "\n".join(map(str, range(60)))
    picture = shown(trial, live=True, height=16)
    assert len(picture.splitlines()) <= 16
    assert "✓ exact" in picture


def test_a_narrow_terminal_has_fewer_columns_and_all_of_them_whole(trial: Trial) -> None:
    """Nothing is cut short."""
    wide, narrow = shown(trial, width=116), shown(trial, width=80)
    assert "request id" in wide
    assert "request id" not in narrow
    assert "…" not in narrow


def test_the_picture_before_the_first_byte(trial: Trial) -> None:
    """There are panels, and nothing in them."""
    trial.alone = Side("SDK", TRUTH, trial.alone.tell)
    trial.ours = Side("unbroken", TRUTH, trial.ours.tell)
    assert shown(trial, live=True).count("0 of 36 characters") == 2
