"""What requests cost, by a table with a date (`table.py`). A model that has no price there has none here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from .table import MODELS, family

__all__ = ["BATCH_SHARE", "PRICES", "PRICES_DATE", "Price", "Spent", "price_of"]

#: When the prices below were on the vendor's pages (models overview and pricing, copies of October and November 2026).
PRICES_DATE: Final = "2026-11"

# Prompt-caching page: a write costs 1.25 times the input for five minutes, and twice the input for an hour.
_WRITE: Final = 1.25
_WRITE_1H: Final = 2.0
_MILLION: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one request spent, in tokens."""

    input: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    cache_read: int = 0
    output: int = 0

    @property
    def prompt(self) -> int:
        """The length of the prompt, caches included."""
        return self.input + self.cache_write + self.cache_write_1h + self.cache_read


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, in USD per million tokens.

    Attributes:
        input: Input that was neither written to a cache nor read from one.
        output: Output, thinking included.
        cache_read: Input that was read from a cache.
        cache_write: Input that was written to a cache for five minutes. None: 1.25 times the input.
        cache_write_1h: The same for an hour. None: twice the input.
        up_to: The longest prompt that these prices are for, in tokens, caches included. None: any.
        beyond: The prices of every token of a request whose prompt is longer. None: they are not known.
    """

    input: float
    output: float
    cache_read: float
    cache_write: float | None = None
    cache_write_1h: float | None = None
    up_to: int | None = None
    beyond: Price | None = None

    def at(self, prompt: int) -> Price | None:
        """The prices for a prompt of so many tokens; None where they are not known."""
        if self.up_to is None or prompt <= self.up_to:
            return self
        return None if self.beyond is None else self.beyond.at(prompt)

    def prompt(self, spent: Spent) -> float:
        """What the input of a request costs, in USD."""
        write = _WRITE * self.input if self.cache_write is None else self.cache_write
        write_1h = _WRITE_1H * self.input if self.cache_write_1h is None else self.cache_write_1h
        dollars = spent.input * self.input + spent.cache_read * self.cache_read
        return (dollars + spent.cache_write * write + spent.cache_write_1h * write_1h) / _MILLION

    def answer(self, spent: Spent) -> float:
        """What the output of a request costs, in USD."""
        return spent.output * self.output / _MILLION


def _listed() -> Iterator[tuple[str, Price]]:
    for info in MODELS:
        if info.price is not None:
            up_to, beyond = info.long_prompts or (None, None)
            yield info.name, Price(*info.price, up_to=up_to, beyond=None if beyond is None else Price(*beyond))
        if info.fast_price is not None:
            yield f"{info.name}/fast", Price(*info.fast_price)


#: By the model's name without its date; `/fast` for `speed="fast"`. Cache reads: a tenth of the input, but a twentieth
#: for Opus 5.5 and Sonnet 5.5 (from 2026-10-07) and a fortieth from Fable 5.1 on. Fast mode of Opus 5 and 4.8: twice
#: the price; of the others, and of Mythos 5.2 and Mythos Preview, none was found. Sonnet 4 and 4.5 above 200k: neither.
PRICES: Final[Mapping[str, Price]] = dict(_listed())


#: What a batch costs of the same requests made one by one (batch-processing page: "reducing costs by 50 percent").
BATCH_SHARE: Final = 0.5


def price_of(model: str, prices: Mapping[str, Price], *, speed: str | None = None) -> Price | None:
    """The price of a model; None where it is not known.

    Args:
        model: The model's name, as it was asked. A name of the first-party API is found without its date; one of
            another platform, whose prices may differ, only as it stands.
        prices: By name.
        speed: The `speed` that the API says it answered with.
    """
    suffix = f"/{speed}" if speed not in (None, "standard") else ""
    own = model.startswith("claude-") and not set(model) & set("@:/")
    return prices.get(model + suffix) or (prices.get(family(model) + suffix) if own else None)
