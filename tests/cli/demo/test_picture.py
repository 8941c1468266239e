"""Panels, requests and the score, as text."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from unbroken import AttemptReport, Report
from unbroken.cli.demo.picture import last_picture, live_picture
from unbroken.cli.demo.play import Performance
from unbroken.cli.demo.race import race
from unbroken.cli.demo.sides import Happening, Side
from unbroken.cli.demo.story import Act
from unbroken.cli.demo.trial import trials
from unbroken.testing import Script

TRUTH = "The lamp is lit, the glass is clear."
ACT = Act("reset", Script(), TRUTH)


@pytest.fixture
def trial() -> Performance:
    """A cut and a refusal on one side, the end of everything on the other."""
    trial = Performance(ACT, 1, 1, ("SDK", "unbroken"), lambda side, happening: None)
    alone = trial.sides[0]
    alone.text = "The la"
    alone.log = [Happening(0.0, "asking m", "plain"), Happening(1.0, "raised ReadError, gone", "bad")]
    alone.ending = "raised ReadError"
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


def shown(performance: Performance, *, live: bool = False, width: int = 100, height: int = 30) -> str:
    console = Console(file=io.StringIO(), width=width, height=height, record=True)
    both = trials([ACT], "m", (), fast=True)
    play = both if len(performance.sides) == 2 else race([ACT], ("m", "n"), 0.0, fast=True)
    console.print((live_picture if live else last_picture)(play, [performance], console))
    return console.export_text()


def test_the_joint_is_marked_where_it_is(trial: Performance) -> None:
    """Between the two characters that came from different requests."""
    assert "The la┃mp is lit, the glass is clear." in shown(trial)


@pytest.mark.anyio
@pytest.mark.backends("virtual")
async def test_what_several_processes_have_streamed_has_its_joint_and_tells_of_them(trial: Performance) -> None:
    """A killed one has not counted what its request brought: the joint is where the next one went on."""
    side = Side("unbroken", TRUTH, trial.ours.tell)
    trial.sides = (trial.sides[0], side)
    side.begin("m", 8)
    side.take("The la")
    side.report = Report(
        [
            AttemptReport(1, 0, "m", "request", 0.0, outcome="orphaned"),
            AttemptReport(2, 0, "m", "continue", 0.0, outcome="complete", status=200, ended=1.0, characters=30),
        ]
    )
    side.go_on(9)
    side.take("mp is lit, the glass is clear.")
    side.end("exact, in 2 requests by 2 processes", whole=True)
    picture = shown(trial)
    assert "The la┃mp is lit, the glass is clear." in picture
    assert "→ asking m in process 8" in picture
    assert "→ process 9 goes on" in picture
    assert "✓ exact, in 2 requests by 2 processes" in picture
    assert "no response" not in picture


def test_where_the_sdk_broke_is_marked(trial: Performance) -> None:
    """With what was raised, and how much had come."""
    picture = shown(trial)
    assert "The la▌" in picture
    assert "✗ raised ReadError, gone" in picture
    assert "✗ 6 of 36 characters" in picture


def test_every_request_says_what_it_met(trial: Performance) -> None:
    """How it was asked, and what it died of."""
    picture = shown(trial)
    assert "✗ m: cut, connection" in picture
    assert "✗ m, continue: no response, connection" in picture
    assert "→ n, prefill" in picture
    assert "✓ exact, in 3 requests" in picture


def test_a_low_terminal_shows_the_end_of_the_text(trial: Performance) -> None:
    """The beginning has been read."""
    trial.ours.text = "\n".join(map(str, range(60)))
    picture = shown(trial, live=True, height=16)
    assert len(picture.splitlines()) <= 16
    assert "✓ exact" in picture


def test_a_narrow_terminal_has_fewer_columns_and_all_of_them_whole(trial: Performance) -> None:
    """Nothing is cut short."""
    wide, narrow = shown(trial, width=116), shown(trial, width=80)
    assert "request id" in wide
    assert "request id" not in narrow
    assert "…" not in narrow


def test_the_picture_before_the_first_byte(trial: Performance) -> None:
    """There are panels, and nothing in them."""
    trial.sides = tuple(Side(side.name, TRUTH, side.tell) for side in trial.sides)
    assert shown(trial, live=True).count("0 of 36 characters") == 2


@pytest.fixture
def raced() -> Performance:
    """A winner that died, and another who wrote the rest."""
    raced = Performance(ACT, 1, 1, ("unbroken",), lambda side, happening: None)
    won = {"status": 200, "first_content": 0.5}
    raced.ours.report = Report(
        [
            AttemptReport(1, 0, "m", "request", 0.0, **won, outcome="connection", ended=1.0, characters=10),
            AttemptReport(2, 1, "n", "request", 0.0, status=200, outcome="lost", ended=0.5),
            AttemptReport(3, 1, "n", "continue", 1.5, **won, outcome="complete", ended=2.0, characters=26),
        ]
    )
    raced.ours.text = TRUTH
    raced.ours.ending, raced.ours.whole = "exact, in 3 requests", True
    return raced


def test_a_race_has_one_panel_and_says_who_lost_and_who_wrote(raced: Performance) -> None:
    """The requests are below the answer; in the score is who wrote it."""
    picture = shown(raced)
    assert "The lamp i┃s lit, the glass is clear." in picture
    assert "→ n: lost" in picture
    assert "m, then n" in picture
    assert "0.50 s" in picture
    assert "✓ exact" in picture


@pytest.mark.parametrize(("width", "height"), [(100, 20), (60, 24)])
def test_nothing_of_a_race_is_wider_or_higher_than_the_terminal(raced: Performance, width: int, height: int) -> None:
    """The end of the text is shown."""
    raced.ours.text = "\n".join(map(str, range(60)))
    picture = shown(raced, live=True, width=width, height=height).splitlines()
    assert len(picture) <= height
    assert max(map(len, picture)) <= width


def test_a_race_that_nobody_won_says_so(raced: Performance) -> None:
    """In the score, with how it ended."""
    raced.ours.report, raced.ours.text, raced.ours.whole = Report([]), "", False
    raced.ours.ending = "raised StreamFailed"
    assert "✗ raised StreamFailed" in shown(raced)
