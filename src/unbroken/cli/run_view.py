"""What `unbroken run` shows: a live picture in a terminal, else a line every ten seconds. Nothing of any answer."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any, Final

from rich.console import Console, Group
from rich.progress_bar import ProgressBar
from rich.text import Text

from ..core.printable import printable
from ..runs.answer import RunAnswer
from ..runs.errors import BrokenRequest
from ..runs.progress import RunProgress
from .live_view import LiveView
from .problems import count

__all__ = ["RunView", "duration"]

#: Seconds between two lines without a terminal.
EVERY: Final = 10.0
#: How often one diagnosis, or one kind of broken request, is shown by its request; then it is only counted.
_SHOWN: Final = 3


class RunView(LiveView):
    """Tells of one run, on standard error.

    Args:
        name: Of the file of requests.
        plain: Whether there are lines also in a terminal.
        console: Where; None: standard error.
    """

    def __init__(self, name: str, *, plain: bool = False, console: Console | None = None) -> None:
        super().__init__(console or Console(stderr=True, highlight=False, soft_wrap=True), plain=plain)
        self._name = printable(name, 1_000)
        self._told: Counter[str] = Counter()
        self._last = time.monotonic()

    # -- what happens

    def say(self, line: str) -> None:
        """Tell something, once."""
        self._console.print(f"unbroken: {line}", markup=False)

    def broken(self, broken: BrokenRequest) -> None:
        """A request cannot be asked as it stands."""
        self._tell("broken", f"{self._name}:{broken.number}: {printable(broken.why, 1_000)}")

    def answer(self, answer: RunAnswer[Any]) -> None:
        """A request has its result."""
        found = answer.diagnosis
        if found is not None:
            self._tell(found.code, f"{answer.custom_id} ({self._name}:{answer.number}): {printable(found.summary)}")

    def _tell(self, kind: str, line: str) -> None:
        self._told[kind] += 1
        if self._told[kind] <= _SHOWN:
            more = "; further ones are only counted" if self._told[kind] == _SHOWN else ""
            self.say(f"{line}{more}")

    # -- how far it is

    def draw(self, progress: RunProgress) -> None:
        """Show how far it is: in a picture, or in a line if the last one is ten seconds old."""
        if self.is_live:
            bar = ProgressBar(total=progress.total, completed=progress.done + progress.broken, width=40)
            body = [Text(line) for line in lines_of(progress)]
            self._live.update(Group(bar, *body), refresh=True)
        elif time.monotonic() - self._last >= EVERY:
            self._last = time.monotonic()
            self.say("; ".join(lines_of(progress)))

    def end(self, progress: RunProgress) -> None:
        """It is over."""
        self.say("; ".join(lines_of(progress, ended=True)))
        counts = [f"{code} {number:,}" for code, number in sorted(self._told.items()) if code != "broken"]
        if counts:
            self.say(f"failed of: {', '.join(counts)}")


def lines_of(progress: RunProgress, *, ended: bool = False) -> list[str]:
    """How far a run is, in three or four parts."""
    of = "" if progress.total is None else f" of {progress.total:,}"
    first = [f"{progress.done:,}{of} done"]
    first += [f"{progress.answered_before:,} of them before"] if progress.answered_before else []
    if not ended:
        first.append(f"{progress.running:,} running")
        first += [] if progress.waiting is None else [f"{progress.waiting:,} waiting"]
    first.append(f"{progress.failed:,} failed")
    first += [f"{progress.deferred:,} in batches"] if progress.deferred else []
    first += [f"{progress.broken:,} broken"] if progress.broken else []
    rates = f"{progress.requests_per_minute:,.0f} requests and {progress.tokens_per_minute:,.0f} tokens a minute"
    met = f"429: {progress.rate_limited:,}, 529: {progress.overloaded:,}, resumes: {progress.resumes:,}"
    spent = f"${progress.spent:,.2f} spent"
    if progress.unpriced:
        spent += f", beside {count(progress.unpriced, 'request')} without a price"
    if ended:
        tokens = f"{progress.input_tokens:,} tokens in, {progress.output_tokens:,} out"
        return [", ".join(first), tokens, met, f"{spent}, {duration(progress.seconds)}"]
    if progress.projected is not None and progress.total is not None:
        spent += f" of about ${progress.projected:,.2f}"
    if progress.seconds_left is not None:
        spent += f", about {duration(progress.seconds_left)} left"
    return [", ".join(first), rates, met, spent]


def duration(seconds: float) -> str:
    """`4.2 s`, `3 min`, `2 h 10 min`."""
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
