"""What was measured of both, round by round, and what is made of it: medians, ratios, spreads and verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final, Literal

__all__ = ["Figure", "percentile"]

#: What of a round the target is about: unbroken / SDK, unbroken - SDK, or what `unbroken` has by itself.
Measure = Literal["ratio", "more", "itself"]

_WORDS: Final[dict[Measure, str]] = {"ratio": " ×", "more": " more", "itself": ""}


def percentile(values: Sequence[float], per_cent: float) -> float:
    """The smallest value that so many per cent of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-per_cent * len(ordered) // 100) - 1)]


@dataclass(frozen=True, slots=True)
class Figure:
    """One quantity, of both contenders, as it was in each round.

    Attributes:
        name: What it is.
        unit: Of its values; empty for a plain number.
        sdk: The SDK's, round by round.
        unbroken: Those of `unbroken`, in the same rounds.
        measure: What of them `target` is about.
        target: The most that the issue allows. None: it names no bound.
        floor: What nobody can do without, round by round: the HTTP client alone. Empty: it was not measured.
        key: What it belongs to, for the pictures.
    """

    name: str
    unit: str
    sdk: Sequence[float]
    unbroken: Sequence[float]
    measure: Measure
    target: float | None = None
    floor: Sequence[float] = ()
    key: Sequence[Any] = ()

    @property
    def ratios(self) -> list[float]:
        """unbroken / SDK, round by round."""
        return [ours / theirs for ours, theirs in zip(self.unbroken, self.sdk, strict=True)]

    @property
    def results(self) -> list[float]:
        """What the target is about, round by round."""
        match self.measure:
            case "ratio":
                return self.ratios
            case "more":
                return [ours - theirs for ours, theirs in zip(self.unbroken, self.sdk, strict=True)]
            case "itself":
                return list(self.unbroken)

    @property
    def result(self) -> float:
        """The median of these."""
        return median(self.results)

    @property
    def verdict(self) -> str:
        """Whether it is within the target, and if not, by how much it is missed."""
        if self.target is None:
            return "–"
        over = self.result - self.target
        return "met" if over <= 0 else f"missed by {self._with_unit(over)}"

    @property
    def cells(self) -> Iterator[str]:
        """A row of the table: what, both, their ratio, the spread of what the target is about, target and verdict."""
        yield self.name
        yield _number(median(self.sdk)) + self._suffix
        yield _number(median(self.unbroken)) + self._suffix
        # What a process gave back has no ratio to anything.
        yield f"{median(self.ratios):.2f} ×" if min(self.sdk) > 0 and min(self.unbroken) >= 0 else "–"
        yield self._spread
        yield "–" if self.target is None else f"≤ {self.target:g}{self._of_what}"
        yield self._outcome

    @property
    def _suffix(self) -> str:
        return f" {self.unit}" if self.unit else ""

    @property
    def _of_what(self) -> str:
        return _WORDS["ratio"] if self.measure == "ratio" else f"{self._suffix}{_WORDS[self.measure]}"

    @property
    def _spread(self) -> str:
        results = self.results
        return f"{_number(min(results))} to {_number(max(results))}{self._of_what}" if len(results) > 1 else "one round"

    @property
    def _outcome(self) -> str:
        """The verdict, with the difference, which has no column of its own."""
        if self.measure != "more":
            return self.verdict
        result = f"{_number(abs(self.result))}{self._suffix} {'more' if self.result >= 0 else 'less'}"
        return result if self.target is None else f"{result}: {self.verdict}"

    def _with_unit(self, value: float) -> str:
        return _number(value) + (_WORDS["ratio"] if self.measure == "ratio" else self._suffix)


def _number(value: float) -> str:
    """Three digits, or all of those before the point."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"
