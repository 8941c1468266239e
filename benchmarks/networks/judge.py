"""What became of a stream, by the promises: whole to the character, or an honest failure in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

__all__ = ["GOOD", "Expected", "Outcome", "Stream", "Verdict", "verdict"]


class Expected(StrEnum):
    """What a network leaves possible."""

    WHOLE = "whole"
    FAILURE = "a failure"
    #: Where it is a matter of luck whether the attempts outlast the outage.
    EITHER = "either"


class Verdict(StrEnum):
    """What became of one stream."""

    WHOLE = "whole"
    FAILED = "failed"
    HALF = "half an answer, as if it were whole"
    OTHER = "another text"
    PARTIAL = "a partial that is not what was read"
    UNDOCUMENTED = "an error that is not documented"
    LATE = "failed too late"
    HUNG = "hung"


#: What the promises allow.
GOOD: Final = frozenset({Verdict.WHOLE, Verdict.FAILED})


@dataclass(frozen=True, slots=True)
class Stream:
    """What a reader had of one stream.

    Attributes:
        peer: `unbroken` or `sdk`.
        text: What was read.
        ended: Whether it came to an end of its own.
        error: The type of what was raised; empty: nothing.
        documented: Whether that is an `anthropic.APIError`.
        partial: The text of `StreamFailed.partial`; None: the error has none.
        silent: Seconds from the last text, or from entering the stream, to its end.
        attempts: How its attempts ended, by outcome.
    """

    peer: str
    text: str
    ended: bool = True
    error: str = ""
    documented: bool = True
    partial: str | None = None
    silent: float = 0.0
    attempts: dict[str, int] = field(default_factory=dict)


def verdict(stream: Stream, written: str, within: float) -> Verdict:
    """Judge one stream.

    Args:
        stream: What was read.
        written: What the model wrote.
        within: After how many seconds without text it must have failed.
    """
    if not written.startswith(stream.text):
        return Verdict.OTHER
    if not stream.ended:
        return Verdict.HUNG
    if not stream.error:
        return Verdict.WHOLE if stream.text == written else Verdict.HALF
    if not stream.documented:
        return Verdict.UNDOCUMENTED
    if stream.partial is not None and stream.partial != stream.text:
        return Verdict.PARTIAL
    return Verdict.LATE if stream.silent > within else Verdict.FAILED


@dataclass(slots=True)
class Outcome:
    """What became of the streams of one scenario.

    Attributes:
        expected: What must become of them.
        within: After how many seconds without text a stream must have failed.
        verdicts: How many of `unbroken`'s streams got each verdict.
        attempts: How their attempts ended.
        slowest: The longest that one that failed was silent, in seconds; 0: none failed.
        sdk: How many of the SDK's own streams, beside them, got each verdict.
        left: Tasks and sockets that the reader still had when all was closed.
    """

    expected: Expected
    within: float
    verdicts: Counter[str] = field(default_factory=Counter)
    attempts: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    sdk: Counter[str] = field(default_factory=Counter)
    left: int = 0

    @classmethod
    def of(cls, expected: Expected, within: float, streams: Iterable[Stream], written: str, left: int) -> Outcome:
        """Judge them all."""
        outcome = cls(expected, within, left=left)
        for stream in streams:
            found = verdict(stream, written, within)
            if stream.peer == "sdk":
                outcome.sdk[found] += 1
                continue
            outcome.verdicts[found] += 1
            outcome.attempts.update(stream.attempts)
            if stream.error:
                outcome.slowest = max(outcome.slowest, stream.silent)
        return outcome

    @property
    def broken(self) -> list[str]:
        """What must not be, each in a few words; empty: the promises are kept."""
        told = [f"{count} {name}" for name, count in self.verdicts.items() if name not in GOOD]
        if self.expected is Expected.WHOLE and self.verdicts[Verdict.FAILED]:
            told.append(f"{self.verdicts[Verdict.FAILED]} failed where all can be whole")
        if self.expected is Expected.FAILURE and self.verdicts[Verdict.WHOLE]:
            told.append(f"{self.verdicts[Verdict.WHOLE]} whole: the fault did not strike")
        if not self.verdicts:
            told.append("no stream")
        if self.left:
            told.append(f"{self.left} tasks or sockets left")
        if unended := self.attempts["open"]:
            told.append(f"{unended} attempts still open")
        return told

    @property
    def row(self) -> Sequence[str]:
        """Whole, failed, longest silence of those and its bound, how requests were lost, the SDK's whole."""
        failed = self.verdicts[Verdict.FAILED]
        silence = f"{self.slowest:.0f} of {self.within:.0f} s" if failed else ""
        lost = ", ".join(f"{count} {name}" for name, count in self.attempts.most_common() if name != "complete")
        of, sdk = sum(self.verdicts.values()), f"{self.sdk[Verdict.WHOLE]}/{sum(self.sdk.values())}"
        return (f"{self.verdicts[Verdict.WHOLE]}/{of}", f"{failed}/{of}", silence, lost, sdk)

    @property
    def verdict(self) -> str:
        """In a word, or what is broken."""
        return "; ".join(self.broken) or "kept"

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "expected": str(self.expected),
            "within": self.within,
            "verdicts": dict(self.verdicts),
            "attempts": dict(self.attempts),
            "slowest": self.slowest,
            "sdk": dict(self.sdk),
            "left": self.left,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Outcome:
        """What `to_dict` made."""
        counters = {name: Counter(data[name]) for name in ("verdicts", "attempts", "sdk")}
        return cls(**data | counters | {"expected": Expected(data["expected"])})
