"""The simulation counts right, waits as the SDK does, and made the tables that the docs show."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import anthropic
import pytest

pytestmark = pytest.mark.slow

PAGES = Path(__file__).parent.parent.parent / "docs" / "pages"


@pytest.mark.parametrize("retries", range(6))
def test_the_wait_is_the_sdks(retries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model of the SDK's default waits as long as the SDK itself, with the same dice."""
    from anthropic._models import FinalRequestOptions
    from benchmarks.strategies import sdk_backoff

    monkeypatch.setattr("anthropic._base_client.random", lambda: 0.4)
    client = anthropic.Anthropic(api_key="test", max_retries=10)
    options = FinalRequestOptions(method="post", url="/v1/messages", max_retries=10)
    theirs = client._calculate_retry_timeout(10 - retries, options, None)
    client.close()

    class Dice(Random):
        def random(self) -> float:
            return 0.4

    assert sdk_backoff(retries, Dice()) == pytest.approx(theirs)


@pytest.mark.parametrize("strategy", ["SDK defaults", "naive retries ×5", "naive race", "unbroken"])
def test_a_storm_is_seen(strategy: str) -> None:
    """In every strategy's storm more is refused and less is written; before it, all is answered."""
    outcome = simulate(strategy)
    before = range(outcome.scenario.normal)
    assert outcome.rate(outcome.lost, before) == 0
    assert outcome.rate(outcome.offered, before) >= 0.9 * outcome.rate(outcome.completed, before)
    assert 0 < outcome.goodput_left < 0.9
    assert outcome.load > 0


def test_the_same_seed_is_the_same_storm() -> None:
    """Nothing is drawn but from the seed."""
    assert simulate("SDK defaults") == simulate("SDK defaults")


def test_a_crowd_is_answered() -> None:
    """With a budget for everyone, all of a crowd that is refused once is answered on the second try."""
    from benchmarks.crowd import STREAMS, crowd

    last, answered = crowd({"max_retries": 1000.0}, 1)
    assert answered == STREAMS
    assert last < 60


def test_the_table_is_what_the_command_writes() -> None:
    """The page's table has a row for each strategy, and the seed of the command."""
    from benchmarks.simulation import HEADS, SEED
    from benchmarks.storm import STRATEGIES

    text = (PAGES / "benchmarks-simulation-table.md").read_text("utf-8")
    again = "run: python -m benchmarks.simulation --write"
    assert f"| {' | '.join(HEADS)} |" in text, again
    assert [line.split(" | ")[0][2:] for line in text.splitlines() if line.startswith("| ")][2:] == [*STRATEGIES], again
    assert f"seed {SEED};" in text, again


def simulate(strategy: str) -> Any:
    """A small storm."""
    from benchmarks.storm import Scenario
    from benchmarks.storm import simulate as run

    return run(Scenario(strategy, users=40, processes=1, warm_up=10, normal=20, outage=20, after=10, seed=3))
