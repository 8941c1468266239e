"""What became of an answer: the text and the calls that the reader was given, against what the model wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = ["Call", "Delivered", "Truth", "Verdict", "judge"]


class Verdict(StrEnum):
    """The ways in which a reader can be served, the best first."""

    WHOLE = "whole"
    """All of it, once, and a proper end."""
    ERROR = "error"
    """An exception; what was given before it is the beginning of the answer."""
    CUT = "cut"
    """A part of it, and an end like any other: nobody was told."""
    WRONG = "wrong"
    """Text twice, or joined wrongly, or a call that the model did not make."""
    HUNG = "hung"
    """Neither an end nor an exception in the time that was given."""


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call, as it was handed over to be run."""

    name: str
    input: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Truth:
    """What the model wrote."""

    text: str
    calls: Sequence[Call] = ()


@dataclass(frozen=True, slots=True)
class Delivered:
    """What the reader was given.

    Attributes:
        text: The pieces, joined.
        calls: The tool calls, in order.
        ended: Whether the stream came to an end, with or without an exception.
        error: The exception; None if there was none.
    """

    text: str = ""
    calls: Sequence[Call] = ()
    ended: bool = True
    error: str | None = None


def judge(delivered: Delivered, truth: Truth) -> Verdict:
    """What became of it. Whoever hangs is not asked for more; what is wrong is wrong, exception or not."""
    if not delivered.ended:
        return Verdict.HUNG
    calls, written = list(delivered.calls), list(truth.calls)
    if not truth.text.startswith(delivered.text) or calls != written[: len(calls)]:
        return Verdict.WRONG
    if delivered.error is not None:
        return Verdict.ERROR
    return Verdict.WHOLE if delivered.text == truth.text and calls == written else Verdict.CUT
