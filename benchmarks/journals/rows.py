"""What was measured, beside what was aimed at."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["HEADS", "Row"]

HEADS = ("", "measured", "goal", "")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Attributes:
        what: What it is.
        value: What was measured.
        unit: Of both.
        goal: The most that it should be (DURABLE.md, section 7). None: none is named.
        more: What else belongs to it.
    """

    what: str
    value: float
    unit: str
    goal: float | None = None
    more: str = ""

    @property
    def met(self) -> bool:
        """Whether it is within the goal."""
        return self.goal is None or self.value <= self.goal

    @property
    def cells(self) -> tuple[str, ...]:
        """A row of the table."""
        value = f"{_number(self.value)} {self.unit}{f' ({self.more})' if self.more else ''}"
        if self.goal is None:
            return self.what, value, "–", "–"
        verdict = "met" if self.met else f"missed by {_number(self.value - self.goal)} {self.unit}"
        return self.what, value, f"≤ {self.goal:g} {self.unit}", verdict


def _number(value: float) -> str:
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"
