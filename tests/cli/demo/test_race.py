"""Who won a race, and what it took; and that both acts go well."""

from __future__ import annotations

from typing import Any

import pytest

from unbroken import AttemptReport, Report
from unbroken.cli.demo.play import Performance
from unbroken.cli.demo.race import first_content, race, summary, winners
from unbroken.cli.demo.sides import Side
from unbroken.cli.demo.story import races

MODELS = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-4-5")
OPUS, SONNET, HAIKU = MODELS
TRUTH = "The lamp is lit, the glass is clear."


def quiet(who: str, happening: Any) -> None:
    """Nobody listens."""


def attempt(number: int, model: str, form: str = "request", started: float = 0.0, **changes: Any) -> AttemptReport:
    """A request as the report has it."""
    return AttemptReport(number, MODELS.index(model), model, form, started, **changes)


@pytest.fixture
def raced_again() -> Side:
    """A winner that died with 10 characters delivered, and a second race that another one won."""
    won: dict[str, Any] = {"status": 200, "headers": 0.1, "first_content": 0.5}
    side = Side("unbroken", TRUTH, quiet, text=TRUTH, ending="exact, in 5 requests", whole=True)
    side.report = Report(
        [
            attempt(1, OPUS, **won, outcome="connection", ended=1.0, characters=10),
            attempt(2, SONNET, status=200, headers=0.1, outcome="lost", ended=0.5, estimated_input_tokens=20),
            attempt(3, OPUS, "continue", 1.5, status=529, headers=0.1, outcome="overloaded", ended=0.1),
            attempt(4, SONNET, "continue", 1.5, **won, outcome="complete", ended=2.0, characters=26),
            attempt(
                5,
                HAIKU,
                "prefill",
                1.5,
                status=200,
                outcome="lost",
                ended=0.5,
                input_tokens=5,
                cache_read_input_tokens=1_000,
                estimated_output_tokens=3,
            ),
        ]
    )
    return side


def test_the_winners_are_those_who_wrote(raced_again: Side) -> None:
    """In order; the first content is the first winner's."""
    assert winners(raced_again) == [OPUS, SONNET]
    assert first_content(raced_again) == 0.5


def test_a_loser_that_had_begun_to_write_is_not_the_first(raced_again: Side) -> None:
    """It lost all the same: one that was ranked before it had come."""
    assert raced_again.report is not None
    raced_again.report.attempts[1].first_content = 0.2
    raced_again.report.attempts.reverse()
    assert first_content(raced_again) == 2.0


def test_the_summary_says_what_the_losers_are_assumed_to_have_cost(raced_again: Side) -> None:
    """Caches included; what the API did not say is estimated."""
    assert summary(raced_again) == (
        "36 of 36 characters, exact, in 5 requests; first content after 0.50 s; "
        "2 lost, assumed to have cost 1,025 tokens in and 3 out"
    )


def test_the_summary_of_a_race_that_nobody_won() -> None:
    """There is no first content, and there are no losers."""
    side = Side("unbroken", TRUTH, quiet, ending="raised StreamFailed")
    side.report = Report([attempt(1, OPUS, status=529, headers=0.1, outcome="overloaded", ended=0.1)])
    assert summary(side) == "0 of 36 characters, raised StreamFailed; 1 request"
    assert winners(side) == []


@pytest.mark.anyio
@pytest.mark.backends("virtual")
@pytest.mark.parametrize("delay", [0.0, 0.05])
async def test_both_acts_go_well_with_any_delay(delay: float) -> None:
    """The first is won by the last model; in the second one the winner dies, and the next one writes the rest."""
    play = race(races(MODELS, fast=True), MODELS, delay, fast=True)
    for act, winning in zip(play.acts, ([HAIKU], [OPUS, SONNET]), strict=True):
        performance = Performance(act, 1, 2, play.names, quiet)
        await play.perform(performance)
        assert performance.whole, play.summary(performance.ours)
        assert winners(performance.ours) == winning
        assert performance.ours.report is not None
        assert "lost" in [attempt.outcome for attempt in performance.ours.report.attempts]


@pytest.mark.anyio
@pytest.mark.backends("virtual")
async def test_two_models_are_enough() -> None:
    """Then there is none that only pings."""
    play = race(races(MODELS[:2], fast=True), MODELS[:2], 0.0, fast=True)
    for act in play.acts:
        performance = Performance(act, 1, 2, play.names, quiet)
        await play.perform(performance)
        assert performance.whole, play.summary(performance.ours)
