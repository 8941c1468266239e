"""Whether what a reader got is what the model wrote: nothing missing, nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Final, Self

from benchmarks.lags import Lags
from benchmarks.soak.stories import Soaked
from unbroken import Report

__all__ = ["Tally", "difference"]

#: How many of the streams that went wrong are described.
EXAMPLES: Final = 5


def difference(written: str, got: str) -> tuple[int, int]:
    """How many characters of `written` are missing in `got`, and how many of `got` are too many."""
    if written == got:
        return 0, 0
    if written.startswith(got):
        return len(written) - len(got), 0
    lost = extra = 0
    for _, start, end, begin, stop in SequenceMatcher(None, written, got, autojunk=False).get_opcodes():
        if written[start:end] != got[begin:stop]:
            lost += end - start
            extra += stop - begin
    return lost, extra


@dataclass(slots=True)
class Tally:
    """What became of the streams of one reader.

    Attributes:
        streams: How many ended.
        whole: How many of them are, to the character, what the model wrote.
        lost: How many miss something: because the stream failed, or although it said that it was whole.
        duplicated: How many have something twice, or that the model did not write.
        hung: How many brought nothing for so long that they were given up.
        faulty: How many of the streams needed more than one request.
        requests: How many requests they made.
        unverified: How many joints could not be verified.
        unended: How many attempts of ended streams are still said to be open.
        outcomes: How the requests ended, as the reports say.
        forms: How the resumes were asked for.
        notices: What the streams told on the way, by its code.
        longest_wait: The longest that a stream waited before a request (backoff, budget, breaker, cool-down), in
            seconds.
        errors: What the streams that failed raised, by its type.
        examples: The first few of those that went wrong, described.
        first_content: Seconds from entering a stream to its first text.
        lags: How late the text of the stamped streams came, in seconds.
    """

    streams: int = 0
    whole: int = 0
    lost: int = 0
    duplicated: int = 0
    hung: int = 0
    faulty: int = 0
    requests: int = 0
    unverified: int = 0
    unended: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    forms: Counter[str] = field(default_factory=Counter)
    notices: Counter[str] = field(default_factory=Counter)
    longest_wait: float = 0.0
    errors: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    first_content: Lags = field(default_factory=Lags)
    lags: Lags = field(default_factory=Lags)

    def judge(self, story: Soaked, got: str, report: Report, error: Exception | None) -> None:
        """Count a stream that ended, with an error or as if it were whole."""
        self.streams += 1
        lost, extra = difference(story.text, got)
        self.whole += not (lost or extra or error)
        self.lost += bool(lost or (error and not extra))
        self.duplicated += bool(extra)
        if error is not None:
            self.errors[type(error).__name__] += 1
        self.count(report)
        if lost or extra or error:
            self.describe(story, f"{lost} characters missing, {extra} too many, {error!r}", report)

    def count(self, report: Report) -> None:
        """Count the requests of a stream."""
        self.requests += len(report.attempts)
        self.faulty += len(report.attempts) > 1
        self.notices.update(notice.code for notice in report.notices)
        for attempt in report.attempts:
            self.longest_wait = max(self.longest_wait, attempt.waited)
            self.outcomes[attempt.outcome] += 1
            self.unended += attempt.outcome == "open"
            self.unverified += attempt.seam == "unverified"
            if attempt.form != "request":
                self.forms[attempt.form] += 1

    def describe(self, story: Soaked, what: str, report: Report) -> None:
        """Keep an example."""
        if len(self.examples) < EXAMPLES:
            attempts = "; ".join(
                f"{each.form} -> {each.outcome} ({each.error_type or each.status}), {each.seam}, {each.delivered} chars"
                for each in report.attempts
            )
            self.examples.append(f"story {story.number} ({story.model}, {story.manner}): {what}: {attempts}")

    @classmethod
    def of(cls, parts: Iterable[Tally]) -> Self:
        """All readers together."""
        whole = cls()
        for part in parts:
            for name in (
                "streams",
                "whole",
                "lost",
                "duplicated",
                "hung",
                "faulty",
                "requests",
                "unverified",
                "unended",
            ):
                setattr(whole, name, getattr(whole, name) + getattr(part, name))
            for name in ("outcomes", "forms", "notices", "errors"):
                getattr(whole, name).update(getattr(part, name))
            whole.longest_wait = max(whole.longest_wait, part.longest_wait)
            whole.examples += part.examples
            whole.first_content = Lags.of([whole.first_content, part.first_content])
            whole.lags = Lags.of([whole.lags, part.lags])
        return whole
