"""What a kill soak found, as a column of a table, as JSON, and as sentences where anything is not nought."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.kill_soak.judge import FAULTS, Judge
from benchmarks.kill_soak.mishaps import DISTURBED, KINDS
from benchmarks.kill_soak.plan import HANGS_AFTER, POLICY, Plan
from benchmarks.lags import Lags, p50_and_p99

__all__ = ["Findings", "broken", "kinds", "rows", "setting"]

_HEADS: Final = {
    "lost": "**lost**",
    "doubled": "**doubled, or wrong**",
    "hung": "**hung**",
    "asked twice": "**asked twice**",
}


@dataclass(frozen=True, slots=True)
class Findings:
    """What a kill soak found on one journal.

    Attributes:
        plan: How it was to be.
        store: The journal's name.
        disturbance: How it was taken away.
        judge: What became of the streams.
        left: What was left that should not be, by name.
        happened: How often each mishap happened.
        returns: How many times a reader left, and came back.
        processes: How many processes wrote, one after another in their places.
        silence: For how long readers waited for each text, in seconds.
        seconds: How long it took in all.
        said: What makes the soak itself worth nothing.
    """

    plan: Plan
    store: str
    disturbance: str
    judge: Judge
    left: Mapping[str, int]
    happened: Counter[str]
    returns: int
    processes: int
    silence: Lags
    seconds: float
    said: Sequence[str]

    @property
    def leaked(self) -> int:
        """How much is left that should not be."""
        return sum(self.left.values())

    def column(self) -> Iterator[tuple[str, str]]:
        """Its column of the table, with the names of the rows."""
        judge = self.judge
        yield "streams", f"{judge.streams:,}"
        yield "of them whole, for each who read them", f"{judge.whole:,}"
        for fault in FAULTS:
            yield _HEADS[fault], f"{judge.faults[fault]:,}"
        yield "**leaked** (processes, descriptors, tasks, connections)", f"{self.leaked:,}"
        yield "processes that wrote", f"{self.processes:,}"
        yield "takeovers", f"{judge.takeovers:,}"
        yield "requests", f"{judge.requests:,}"
        yield "of them broken by the server", f"{judge.mishaps:,}"
        yield "streams read to their end, by all readers", f"{judge.readings:,}"
        yield "readers who left, and came back", f"{self.returns:,}"
        yield "ended as poison, and asked for once more", f"{judge.poisoned:,}"
        yield "errors after which a reader or a caller came back", f"{judge.passing.total():,}"
        yield "a reader's wait for text, p50 and p99", p50_and_p99(self.silence)
        yield "the longest", f"{self.silence.most:.1f} s"

    def broken(self) -> list[str]:
        """What was promised and does not hold, one sentence each."""
        judge = self.judge
        faults = {fault: judge.faults[fault] for fault in FAULTS if judge.faults[fault]}
        found = [
            *(f"{count:,} of {judge.streams:,} streams: {fault}" for fault, count in faults.items()),
            *(f"leaked: {count:,} {what}" for what, count in self.left.items() if count),
            *self.said,
        ]
        return [f"{self.store}: {what}" for what in found]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "store": self.store,
            "found": dict(self.column()),
            "mishaps": dict(self.happened),
            "leaked": dict(self.left),
            "passing": dict(self.judge.passing),
            "examples": self.judge.examples,
            "broken": self.broken(),
            "seconds": self.seconds,
        }


def rows(found: Sequence[Findings]) -> list[tuple[str, ...]]:
    """The table: a column for each journal."""
    columns = [list(each.column()) for each in found]
    return [(cells[0][0], *(value for _, value in cells)) for cells in zip(*columns, strict=True)]


def kinds(found: Sequence[Findings]) -> list[tuple[str, ...]]:
    """The table of what went wrong."""
    return [
        (
            kind if kind != DISTURBED else "; ".join(f"{each.store}: {each.disturbance}" for each in found),
            *(f"{each.happened[kind]:,}" for each in found),
        )
        for kind in KINDS
    ]


def broken(found: Sequence[Findings]) -> list[str]:
    """What was promised and does not hold, on any journal."""
    return [sentence for each in found for sentence in each.broken()]


def setting(plan: Plan) -> str:
    """How it was, in one sentence."""
    broken = f"one request in {1 / plan.share:.0f}" if plan.share else "no request"
    return (
        f"{plan.streams:,} streams within {plan.seconds:g} s, of {plan.shortest:g} to {plan.longest:g} s at "
        f"{plan.rate:g} events a second; {plan.hosts} processes with a host and {plan.callers} with callers write, "
        f"{plan.readers} read all; a mishap a second, and {broken} goes wrong at the server; lease of the hosts "
        f"{plan.lease:g} s, idle_timeout {POLICY.idle_timeout:g} s; a stream hangs that brings nothing for "
        f"{HANGS_AFTER:g} s when nothing goes wrong any more; seed {plan.seed}"
    )
