"""The hedging benchmark measures what it says, and made the table that the docs show."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PAGES = Path(__file__).parent.parent.parent / "docs" / "pages"


def test_plain_requests_take_as_long_as_was_drawn() -> None:
    """The seconds that are measured are those that the server was told to wait, to the rounding of a clock."""
    from random import Random

    from benchmarks.hedging import MODELS, draw, measure

    rng = Random(f"7 {MODELS[0]}")
    run = measure("plain", 7, 20)
    assert run.times == pytest.approx([draw(rng) for _ in range(20)], abs=1e-6)
    assert run.extra == 0


def test_a_race_sends_two_requests_and_takes_the_faster() -> None:
    """Both models are asked at once, and the first content is the earlier one."""
    from random import Random

    from benchmarks.hedging import MODELS, draw, measure

    first, second = (Random(f"7 {model}") for model in MODELS)
    run = measure("raced", 7, 20)
    assert run.times == pytest.approx([min(draw(first), draw(second)) for _ in range(20)], abs=1e-6)
    assert run.extra == 100


def test_the_table_is_what_the_command_writes() -> None:
    """The page's table has a row for each seed of the command, and the bound holds in it."""
    from benchmarks.hedging import HEADS, SEED, SEEDS

    text = (PAGES / "benchmarks-hedging-table.md").read_text("utf-8")
    again = "run: python -m benchmarks.hedging --write"
    assert f"| {' | '.join(HEADS)} |" in text, again
    assert all(f"\n| {seed} | " in text for seed in range(SEED, SEED + SEEDS)), again
    assert "the bound holds" in text, again
