"""What a file of requests would come to, before anything is sent: counts, costs, time, and what will not work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..preflight import Severity, check
from .costs import Estimate, estimate

__all__ = ["Accused", "Survey"]

#: Tokens that one answer gets in a second. Ours: about what the models of the middle write; a guess, and no promise.
_PACE: Final = 60.0


@dataclass(slots=True)
class Accused:
    """What preflight has found in some requests, all of one kind.

    Attributes:
        severity: Whether the API would answer with an error, or may stumble.
        message: What it says of the first of them.
        first: The number of the first of them.
        count: How many they are.
    """

    severity: Severity
    message: str
    first: int
    count: int = 1


@dataclass(slots=True)
class Survey:
    """Adds up requests.

    Attributes:
        requests: How many would be asked.
        models: How many of them each model.
        input_tokens: What they have together, at least, roughly; images and files are not in it.
        max_tokens: What their answers may have together.
        input_cost: What the input costs, in USD.
        most: What the answers cost at most, in USD.
        unpriced: How many are for a model without a price, and not in the costs.
        found: What preflight says, by its codes.
    """

    requests: int = 0
    models: Counter[str] = field(default_factory=Counter)
    input_tokens: int = 0
    max_tokens: int = 0
    input_cost: float = 0.0
    most: float = 0.0
    unpriced: int = 0
    found: dict[str, Accused] = field(default_factory=dict)

    def add(self, number: int, arguments: Mapping[str, Any]) -> None:
        """A request would be asked.

        Args:
            number: Its place, from 1.
            arguments: Those of `messages.stream`.
        """
        self.requests += 1
        self.models[str(arguments.get("model"))] += 1
        asked = estimate(arguments)
        self.input_tokens += asked.input_tokens
        self.max_tokens += asked.max_tokens
        self._add_cost(asked)
        for code, finding in {finding.code: finding for finding in reversed(check(arguments))}.items():
            if code in self.found:
                self.found[code].count += 1
            else:
                self.found[code] = Accused(finding.severity, str(finding), number)

    def _add_cost(self, asked: Estimate) -> None:
        if asked.input is None or asked.most is None:
            self.unpriced += 1
        else:
            self.input_cost += asked.input
            self.most += asked.most

    def seconds(
        self, concurrency: int, *, requests_per_minute: float | None = None, tokens_per_minute: float | None = None
    ) -> float:
        """How long it takes if every answer is as long as it may be, in seconds: a guess.

        Args:
            concurrency: How many are asked at a time.
            requests_per_minute: What the account may do; None: any number.
            tokens_per_minute: Likewise, of the input.
        """
        longest = [self.max_tokens / _PACE / concurrency]
        if requests_per_minute:
            longest.append(60 * self.requests / requests_per_minute)
        if tokens_per_minute:
            longest.append(60 * self.input_tokens / tokens_per_minute)
        return max(longest)
