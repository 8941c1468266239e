"""The table of prices, and the arithmetic of one request."""

from __future__ import annotations

import pytest

from unbroken.core.models.prices import PRICES, PRICES_DATE, Price, Spent, price_of
from unbroken.core.models.table import MODELS

MILLION = 1_000_000

#: The rows of claude-api.md, section 6 (input, output), and the cache reads of section 7 or of the pricing page.
TABLE = [
    ("claude-fable-5-2", 8, 40, 0.20),
    ("claude-fable-5-1", 10, 50, 0.25),
    ("claude-mythos-5-1", 10, 50, 0.25),
    ("claude-fable-5", 10, 50, 1),
    ("claude-mythos-5", 10, 50, 1),
    ("claude-opus-5-5", 4, 20, 0.20),
    ("claude-opus-5", 5, 25, 0.50),
    ("claude-opus-4-8", 5, 25, 0.50),
    ("claude-opus-4-7", 5, 25, 0.50),
    ("claude-opus-4-6", 5, 25, 0.50),
    ("claude-opus-4-5", 5, 25, 0.50),
    ("claude-sonnet-5-5", 2, 10, 0.10),
    ("claude-sonnet-5", 2, 10, 0.20),
    ("claude-sonnet-4-6", 3, 15, 0.30),
    ("claude-sonnet-4-5", 3, 15, 0.30),
    ("claude-haiku-5-5", 0.10, 0.50, 0.01),
    ("claude-haiku-4-5", 1, 5, 0.10),
]


@pytest.mark.parametrize(("name", "input", "output", "read"), TABLE)
def test_each_model_that_has_a_price(name: str, input: float, output: float, read: float) -> None:
    """Row by row as the vendor's pages have it; writes are a quarter more, or twice, the input."""
    price = PRICES[name]
    assert (price.input, price.output, price.cache_read) == (input, output, read)
    assert PRICES[name].prompt(Spent(cache_write=100_000)) == pytest.approx(0.125 * input)
    assert PRICES[name].prompt(Spent(cache_write_1h=100_000)) == pytest.approx(0.2 * input)
    assert price_of(name, PRICES) is price


def test_every_price_is_that_of_a_model_and_has_a_date() -> None:
    """A slip of the pen would never be found."""
    assert {name.removesuffix("/fast") for name in PRICES} <= {info.name for info in MODELS}
    year, month = PRICES_DATE.split("-")
    assert (year, 1 <= int(month) <= 12) == ("2026", True)


@pytest.mark.parametrize("name", [name for name in PRICES if name.endswith("/fast")])
def test_fast_mode_costs_twice_as_much(name: str) -> None:
    """Where its price is known; the multipliers of the cache apply on top of it."""
    fast, plain = PRICES[name], PRICES[name.removesuffix("/fast")]
    assert (fast.input, fast.output, fast.cache_read) == (2 * plain.input, 2 * plain.output, 2 * plain.cache_read)


NAMES = [
    ("claude-haiku-4-5-20251001", None, "claude-haiku-4-5"),
    ("claude-opus-5", "standard", "claude-opus-5"),
    ("claude-opus-5", "fast", "claude-opus-5/fast"),
    ("claude-opus-5-5", "fast", None),
    ("claude-mythos-5-2", None, None),
    ("claude-sonata-9", None, None),
    ("claude-haiku-4-5@20251001", None, None),
    ("us.anthropic.claude-haiku-4-5-20251001-v1:0", None, None),
    ("anthropic/claude-opus-5", None, None),
    ("my-model", None, None),
]


@pytest.mark.parametrize(("model", "speed", "name"), NAMES)
def test_nothing_is_guessed(model: str, speed: str | None, name: str | None) -> None:
    """Not the price of a new model, of fast mode, or of another platform."""
    assert price_of(model, PRICES, speed=speed) == (None if name is None else PRICES[name])


def test_the_callers_prices_are_by_the_name_that_was_asked() -> None:
    """A cloud's own name is as good as any; a name without date holds for those with one."""
    cheap, dear = Price(1.0, 2.0, 0.1), Price(3.0, 4.0, 0.2)
    prices = {
        "us.anthropic.claude-haiku-4-5-20251001-v1:0": cheap,
        "claude-opus-5": dear,
        "claude-opus-5-20260724": cheap,
    }
    assert price_of("us.anthropic.claude-haiku-4-5-20251001-v1:0", prices) is cheap
    assert price_of("claude-opus-5-20260724", prices) is cheap
    assert price_of("claude-opus-5-latest", prices) is dear
    assert price_of("claude-haiku-4-5", prices) is None


def test_each_kind_of_token_has_its_price() -> None:
    """In USD, for millions of tokens."""
    price = Price(1.0, 10.0, 0.1, cache_write=2.0, cache_write_1h=3.0)
    spent = Spent(input=MILLION, cache_write=MILLION, cache_write_1h=MILLION, cache_read=MILLION, output=MILLION)
    assert price.prompt(spent) == pytest.approx(1.0 + 2.0 + 3.0 + 0.1)
    assert price.answer(spent) == pytest.approx(10.0)
    assert spent.prompt == 4 * MILLION
    assert price.at(spent.prompt) is price
    assert price.prompt(Spent()) == price.answer(Spent()) == 0.0


def test_haiku_5_5_has_two_prices() -> None:
    """A prompt of more than 100,000 tokens costs more for every token of the request."""
    haiku = PRICES["claude-haiku-5-5"]
    assert haiku.at(100_000) is haiku
    longer = haiku.at(100_001)
    assert longer is not None
    assert (longer.input, longer.output, longer.cache_read) == (0.50, 2.50, 0.05)


def test_beyond_the_last_tier_there_is_no_price() -> None:
    """Sonnet 4.5 with the long context window of its beta costs more; how much was not found."""
    sonnet = PRICES["claude-sonnet-4-5"]
    assert sonnet.at(200_000) is sonnet
    assert sonnet.at(200_001) is None
    assert PRICES["claude-opus-5"].at(999_999) is PRICES["claude-opus-5"]
