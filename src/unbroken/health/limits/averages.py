"""What requests turn out to use, learnt from those that have ended."""

from __future__ import annotations

from typing import Final

from .slot import Demand

__all__ = ["Averages", "Mean"]

#: How much the last value counts. Ours: some twenty requests are remembered, and one odd answer changes little.
_WEIGHT: Final = 0.1
#: What an answer is taken to have while none has ended, in tokens. Ours: about a page.
_FIRST_ANSWER: Final = 500.0


class Mean:
    """An exponentially weighted moving average; of few values, it is their mean."""

    __slots__ = ("_count", "value")

    def __init__(self, value: float) -> None:
        self.value: float = value
        self._count = 0

    def add(self, value: float) -> None:
        """One more value."""
        self._count += 1
        self.value += (value - self.value) * max(_WEIGHT, 1 / self._count)


class Averages:
    """Of one rate-limit bucket."""

    __slots__ = ("_input", "_output")

    def __init__(self) -> None:
        self._input = Mean(1.0)
        self._output = Mean(_FIRST_ANSWER)

    def expected(self, demand: Demand) -> tuple[float, float, float]:
        """What a request will use: itself, input tokens, and output tokens.

        The input is estimated from its characters, times what the API has counted of the last ones: that is less where
        most of it is read from a cache, which no limit counts. The output is what the last answers wrote, in their
        first minute: the API counts what is written, and not `max_tokens`, which is often ten times as much. An answer
        that takes ten minutes uses up no more than a tenth of itself in each.
        """
        return 1.0, max(1.0, demand.input_tokens * self._input.value), min(self._output.value, demand.max_tokens)

    def ended(self, demand: Demand, input_tokens: float | None, output_tokens: float | None, seconds: float) -> None:
        """A request is over.

        Args:
            demand: What it was estimated at.
            input_tokens: What counts against the limit; None where the API did not say.
            output_tokens: What was written; None where nobody knows.
            seconds: How long it was out.
        """
        if input_tokens is not None and demand.input_tokens:
            self._input.add(input_tokens / demand.input_tokens)
        if output_tokens is not None:
            self._output.add(output_tokens * min(1.0, 60.0 / max(seconds, 1.0)))
