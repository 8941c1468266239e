"""What a soak found: all of its processes together, as a table, as JSON, and as faults if anything is not nought."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.lags import Lags, p50_and_p99
from benchmarks.soak.judge import Tally
from benchmarks.soak.leaks import TURNS
from benchmarks.soak.mishaps import KINDS
from benchmarks.soak.plan import POLICY, SILENT_FOR, Plan
from benchmarks.soak.reader import Leaks, Progress
from benchmarks.soak.server import Served

__all__ = ["HEADS", "KIND_HEADS", "Findings"]

#: The most by which the memory may grow for a stream that ended, as a share of what an open one takes. A leak is a
#: part of each stream that stays; what is left of a slope beside that is the allocator's.
GROWTH: Final = 0.02

HEADS: Final = ("", "found")
KIND_HEADS: Final = ("what went wrong", "how often")


@dataclass(frozen=True, slots=True)
class Findings:
    """What a soak found.

    Attributes:
        plan: How it was to be.
        opened: The most streams that were open at a time.
        readers: Where each reader stood at the end.
        leaks: What each of them still held.
        servers: Where each server stood before the clients were closed, when no stream was open.
        closed: Where each server stood after that.
        seconds: How long it took in all.
        steady: Events of text that were sent a second, all streams together, when all were open.
    """

    plan: Plan
    opened: int
    readers: Sequence[Progress]
    leaks: Sequence[Leaks]
    servers: Sequence[Served]
    closed: Sequence[Served]
    seconds: float
    steady: float

    @property
    def tally(self) -> Tally:
        """All readers' streams."""
        return Tally.of(each.tally for each in self.readers)

    @property
    def leaked(self) -> Counter[str]:
        """What is left that should not be, by name."""
        left: Counter[str] = Counter()
        for leaks in self.leaks:
            left.update(leaks.left)
            left.update({f"complaint: {what}": count for what, count in leaks.complaints.items()})
            if leaks.per_stream is not None and leaks.per_stream > GROWTH * leaks.of_one:
                left["memory, in bytes for each stream that ended"] += round(leaks.per_stream)
        left["requests that the servers still answer"] += sum(each.busy for each in self.servers)
        left["connections of clients that are closed"] += sum(each.connections for each in self.closed)
        left["attempts that the reports call open"] += self.tally.unended
        return +left

    @property
    def broken(self) -> list[str]:
        """What was promised and does not hold, one sentence each."""
        tally = self.tally
        counts = {"lost": tally.lost, "duplicated": tally.duplicated, "hung": tally.hung}
        found = [f"{count:,} of {tally.streams:,} streams are {what}" for what, count in counts.items() if count]
        found += [f"leaked: {count:,} {what}" for what, count in self.leaked.items()]
        # What makes the soak itself worth nothing is no better.
        found += [
            f"the API would not accept: {what} ({n} ×)" for each in self.servers for what, n in each.rejected.items()
        ]
        found += [f"a server failed: {what}" for each in self.servers for what in each.failures]
        late = tally.lags.quantile(0.99)
        if late > POLICY.idle_timeout:
            found.append(f"this machine is too slow for it: one in a hundred pieces of text was read {late:.0f} s late")
        return found

    @property
    def mishaps(self) -> Counter[str]:
        """What went wrong, by kind."""
        return sum((each.mishaps for each in self.servers), Counter())

    def rows(self) -> Iterator[tuple[str, str]]:
        """The table."""
        tally, plan, mishaps = self.tally, self.plan, self.mishaps.total()
        lags, loop_lags = Lags.of(each.lags for each in self.servers), Lags.of(each.loop_lag for each in self.readers)
        yield "streams open at a time", f"{self.opened:,}"
        yield "streams that ended", f"{tally.streams:,}"
        yield "of them whole, to the character", f"{tally.whole:,}"
        yield "**lost**", f"{tally.lost:,}"
        yield "**duplicated**", f"{tally.duplicated:,}"
        yield "**hung**", f"{tally.hung:,}"
        yield "**leaked** (tasks, threads, sockets, objects, open attempts)", f"{self.leaked.total():,}"
        yield "memory, growth for each stream that ended", _growth(self.leaks)
        yield "memory of an open stream", f"{max(each.of_one for each in self.leaks) / 1024:.0f} KiB"
        yield "faults", f"{mishaps:,}"
        yield "faults a stream", f"{mishaps / max(1, tally.streams):.2f}"
        yield "requests", f"{tally.requests:,}"
        yield "resumes", ", ".join(f"{count:,} {form}" for form, count in tally.forms.most_common()) or "none"
        waits = {"budget": "budget_wait", "breaker": "circuit_open", "cool-down": "cool_down"}
        yield "waits for", ", ".join(f"the {what} {tally.notices[code]:,}" for what, code in waits.items())
        yield "longest wait before a request", f"{tally.longest_wait:.1f} s"
        yield "joints that could not be verified", f"{tally.unverified:,}"
        yield "events of text a second", f"{self.steady:,.0f} of {plan.streams * plan.rate:,.0f}"
        yield "servers late, p50 and p99", p50_and_p99(lags)
        yield "text late, p50 and p99", p50_and_p99(tally.lags)
        yield "readers' event loops late, p50 and p99", p50_and_p99(loop_lags)
        waited = sum(each.kept_waiting for each in self.readers) / self.seconds / len(self.readers)
        yield "readers' time without a core, because others had it", f"{100 * waited:.0f} %"
        yield "first text, p50 and p99", p50_and_p99(tally.first_content)

    def kinds(self) -> Iterator[tuple[str, str]]:
        """The table of what went wrong."""
        for kind in KINDS:
            yield kind, f"{self.mishaps[kind]:,}"

    @property
    def setting(self) -> str:
        """How it was, in one sentence."""
        plan = self.plan
        return (
            f"{plan.streams:,} streams at {plan.rate:g} events a second for {plan.seconds:g} s, answers of "
            f"{plan.shortest:g} to {plan.longest:g} s; {plan.servers} processes serve, and {plan.readers} read with "
            f"one `Health` each and {plan.transport}, on {plan.loop}; idle_timeout {POLICY.idle_timeout:g} s, "
            f"progress_timeout {POLICY.progress_timeout:g} s, a stream hangs after {SILENT_FOR:g} s; seed {plan.seed}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "setting": self.setting,
            "found": dict(self.rows()),
            "faults": dict(self.kinds()),
            "leaked": dict(self.leaked),
            "outcomes": dict(self.tally.outcomes),
            "notices": dict(self.tally.notices),
            "errors": dict(self.tally.errors),
            "examples": self.tally.examples,
            "cpu_seconds": {
                "readers": [each.cpu for each in self.readers],
                "servers": [each.cpu for each in self.servers],
            },
            "broken": self.broken,
        }


def _growth(leaks: Sequence[Leaks]) -> str:
    slopes = [each.per_stream for each in leaks if each.per_stream is not None]
    return f"{max(slopes):,.0f} bytes" if slopes else f"not measured: the run is too short to replace all {TURNS} times"
