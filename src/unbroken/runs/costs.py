"""What a run has cost, what it may cost, and what is expected of what has been begun. USD, by the table of prices."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.models.prices import PRICES, Price, Spent, price_of
from ..core.requests.tokens import estimate_tokens
from ..report import AttemptReport

__all__ = ["Budget", "Estimate", "estimate"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a request may cost.

    Attributes:
        input_tokens: What it has at least, roughly; what is in files and images is not counted.
        max_tokens: What its answer may have.
        input: What the input costs, in USD; None: its model has no price.
        most: What an answer of `max_tokens` costs, in USD; likewise.
    """

    input_tokens: int
    max_tokens: int
    input: float | None
    most: float | None


def estimate(arguments: Mapping[str, Any], prices: Mapping[str, Price] | None = None) -> Estimate:
    """What a request may cost, by its text and its `max_tokens`.

    Args:
        arguments: Those of `messages.stream`.
        prices: By the model's name; None: `PRICES`.
    """
    asked = [arguments.get(name) for name in ("system", "messages", "tools")]
    tokens = sum(estimate_tokens(text) for text in _texts(asked))
    most = arguments.get("max_tokens")
    most = most if isinstance(most, int) and not isinstance(most, bool) else 0
    speed = arguments.get("speed")
    price = price_of(
        str(arguments.get("model")),
        PRICES if prices is None else prices,
        speed=speed if isinstance(speed, str) else None,
    )
    tier = None if price is None else price.at(tokens)
    if tier is None:
        return Estimate(tokens, most, None, None)
    spent = Spent(input=tokens, output=most)
    return Estimate(tokens, most, tier.prompt(spent), tier.answer(spent))


def _texts(value: Any) -> list[str]:
    """The texts in a part of a request: what stands in images and files has no price by its length."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        if value.get("type") == "base64":
            return []
        if "input_schema" in value:
            return [json.dumps(value, default=str)]
        return [text for each in value.values() for text in _texts(each)]
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [text for each in value for text in _texts(each)]
    return []


class Budget:
    """What may be spent, and what is spoken for.

    What a request is expected to cost is its input, and an answer as long as those that have come; before one has come,
    as long as it may get. So a run begins with few requests at a time where the budget is small, and what it spends
    beyond the budget is what the last answers are longer than others.

    Args:
        most: In USD; None: any amount.

    Attributes:
        most: As given.
        spent: What requests have cost that were made in this process, those that died too, in USD.
        unpriced: How many requests had no price, and are not in `spent`.
    """

    def __init__(self, most: float | None = None) -> None:
        self.most: float | None = most
        self.spent: float = 0.0
        self.unpriced: int = 0
        self._reserved: dict[str, float] = {}
        self._output = 0.0  # the share of their `max_tokens` that answers took, added up
        self._answers = 0

    @property
    def reserved(self) -> float:
        """What is expected of the requests that run, in USD."""
        return sum(self._reserved.values())

    def may_begin(self, custom_id: str, asked: Estimate) -> bool | None:
        """Whether a request may be begun; if so, its cost is spoken for until `settle`.

        Returns:
            None: not before one of those that run has ended.
        """
        expected = self._expected(asked)
        if self.most is not None:
            if self.spent >= self.most:
                return None if self._reserved else False
            if self.spent + self.reserved + expected > self.most and self._reserved:
                return None
            if self.spent + expected > self.most and self._answers:
                return False
        self._reserved[custom_id] = expected
        return True

    def _expected(self, asked: Estimate) -> float:
        share = self._output / self._answers if self._answers else 1.0
        return (asked.input or 0.0) + (asked.most or 0.0) * share

    def settle(self, custom_id: str, asked: Estimate, attempts: Sequence[AttemptReport]) -> None:
        """A request has ended, or was left; `attempts` are those that were made here."""
        self._reserved.pop(custom_id, None)
        output = 0
        for attempt in attempts:
            cost = attempt.cost()
            if cost is None:
                self.unpriced += 1
            else:
                self.spent += cost.total
            output += (attempt.output_tokens or 0) + (attempt.estimated_output_tokens or 0)
        if output and asked.max_tokens:
            self._answers += 1
            self._output += min(1.0, output / asked.max_tokens)
