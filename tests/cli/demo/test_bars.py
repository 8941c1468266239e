"""Bars on an axis of time, as text."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from unbroken import AttemptReport, Report
from unbroken.cli.demo.bars import bar, last_picture, live_picture
from unbroken.cli.demo.race import Race, Runner
from unbroken.cli.demo.story import Act
from unbroken.testing import Script

TRUTH = "The lamp is lit, the glass is clear."
MODELS = ("first", "second", "third")

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """The command line runs on asyncio."""
    return "asyncio"


def drawn(*, elapsed: float = 1.0, **changes: Any) -> str:
    runner = Runner(**{"model": "m", "asked": 0.0, "state": "won", "tone": "good", **changes})
    return bar(runner, elapsed, 1.0, 10).plain


def test_a_bar_never_leaves_its_axis() -> None:
    """Not even one that ended with the race."""
    assert len(drawn(ended=1.0)) == 10
    assert len(drawn(elapsed=2.0, headers=1.5, content=1.9)) == 10


def test_what_a_loser_wrote_is_no_success() -> None:
    """It is not in the winner's colour."""
    runner = Runner(model="m", asked=0.0, headers=0.1, content=0.5, ended=0.9, state="lost", tone="plain")
    assert {str(span.style) for span in bar(runner, 1.0, 1.0, 10).spans} == {"dim"}


@pytest.fixture
async def race() -> Race:
    """A winner that died, and a second race, which is over."""
    race = Race(Act("three", Script(), TRUTH), 1, 1, lambda who, happening: None, MODELS)
    race.side.begin("first")
    won: dict[str, Any] = {"status": 200, "headers": 0.1, "first_content": 0.5}
    race.side.report = Report(
        [
            AttemptReport(1, 0, "first", "request", 0.0, **won, outcome="connection", ended=1.0, characters=10),
            AttemptReport(2, 0, "first", "continue", 1.5, status=529, outcome="overloaded", ended=0.1),
            AttemptReport(3, 1, "second", "continue", 1.5, **won, outcome="complete", ended=2.0, characters=26),
            AttemptReport(4, 2, "third", "prefill", 1.5, status=200, outcome="lost", ended=0.5, input_tokens=7),
        ]
    )
    race.side.text = TRUTH
    race.side.end("exact, in 4 requests", whole=True)
    race.elapsed = 4.0
    return race


def shown(race: Race, *, live: bool = False, width: int = 100, height: int = 30) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, record=True)
    console.print((live_picture if live else last_picture)([race], console))
    return console.export_text().splitlines()


def prose(picture: str) -> str:
    """What stands in the panel, without its borders and line breaks."""
    return " ".join(picture.replace("│", " ").split())


async def test_every_model_has_a_bar_in_every_race(race: Race) -> None:
    """In rank order; who was not asked is there too."""
    lanes = shown(race)[2:10]
    assert [line.split("  ")[0] for line in lanes[:7]] == [
        "first",
        "second",
        "third",
        "asked for the rest, from character 10",
        "first",
        "second",
        "third",
    ]
    assert [line.rpartition("  ")[2] for line in lanes[:3]] == [
        "died: connection, 10 characters",
        "not asked",
        "not asked",
    ]
    assert [line.rpartition("  ")[2] for line in lanes[4:7]] == ["529, overloaded", "won, 26 characters", "lost"]


async def test_the_answer_its_writers_and_what_it_took(race: Race) -> None:
    """Below the bars."""
    picture = "\n".join(shown(race))
    assert "first, then second" in picture
    assert "The lamp i┃s lit, the glass is clear." in picture
    assert "first content after 0.50 s; 1 lost, assumed to have cost 7 tokens in and 0 out" in prose(picture)
    assert "✓ 36 of 36 characters" in picture
    assert "✓ exact" in picture


async def test_the_picture_before_anybody_is_asked() -> None:
    """Everybody is there, and nobody writes."""
    race = Race(Act("three", Script(), TRUTH), 1, 1, lambda who, happening: None, MODELS)
    picture = shown(race, live=True)
    assert [line.split() for line in picture[2:5]] == [[model, "not", "asked"] for model in MODELS]
    assert "nobody yet" in "\n".join(picture)


@pytest.mark.parametrize(("width", "height"), [(100, 20), (60, 24)])
async def test_a_small_terminal_shows_the_end_of_the_text(race: Race, width: int, height: int) -> None:
    """The bars come first, and nothing is wider than the terminal."""
    race.side.text = "\n".join(map(str, range(60)))
    picture = shown(race, live=True, width=width, height=height)
    assert len(picture) <= height
    assert max(map(len, picture)) <= width
    assert "first content after 0.50 s; 1 lost, assumed to have cost 7 tokens in and 0 out" in prose("\n".join(picture))


async def test_a_race_that_nobody_won_says_so(race: Race) -> None:
    """In the score, with how it ended."""
    race.side.report, race.side.text = Report([]), ""
    race.side.end("raised StreamFailed")
    picture = "\n".join(shown(race))
    assert "✗ raised StreamFailed" in picture
    assert "nobody yet" not in picture
