"""What `unbroken host` shows: in a terminal the streams that are written, as they grow; else a line for each change.

Nothing of an answer is shown: ids, models, counts and times alone.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..core.printable import printable
from ..durable.writer import Writer
from .live_view import LiveView
from .problems import count, explain

__all__ = ["HostView"]

_COLUMNS: Final = ("stream", "model", "characters", "requests", "seconds", "now")
#: Lines that the live view leaves to what stands above it.
_MARGIN: Final = 8


class HostView(LiveView):
    """Tells of the streams of one host.

    Args:
        plain: Whether there are lines also in a terminal.
        console: Where; None: standard output.
    """

    def __init__(self, *, plain: bool = False, console: Console | None = None) -> None:
        super().__init__(console or Console(highlight=False, soft_wrap=True), plain=plain)
        self._writing: dict[Writer, float] = {}
        self._ended: Counter[str] = Counter()

    def begin(self, journal: str) -> None:
        """The host is there."""
        self._say(f"hosting the streams of {printable(journal, 1_000)}")

    def note(self, writer: Writer) -> None:
        """A stream is written from now on, or is done with."""
        stream_id = writer.lease.stream_id
        if not writer.done:
            self._writing[writer] = time.monotonic()
            self._say(f"{stream_id}: taken")
        elif (since := self._writing.pop(writer, None)) is not None:
            how, more = _outcome(writer)
            self._ended[how] += 1
            self._say(f"{stream_id}: {how}, {more}{time.monotonic() - since:.1f} s")

    def leave(self, streams: int, grace: float) -> None:
        """It was told to leave."""
        waits = f"; waiting {grace:g} s for {count(streams, 'stream')}" if streams and grace else ""
        self._say(f"leaving{waits}")

    def end(self) -> None:
        """It has left."""
        total = ", ".join(f"{number:,} {how}" for how, number in sorted(self._ended.items()))
        self._say(f"left{f': {total}' if total else ''}")

    def draw(self, waiting: int) -> None:
        """Draw the picture anew; `waiting`: how many streams wait for somebody to write them."""
        now = time.monotonic()
        table = Table(*_COLUMNS, box=None, pad_edge=False, padding=(0, 2, 0, 0))
        shown = max(1, self._console.height - _MARGIN)
        for writer, since in list(self._writing.items())[:shown]:
            table.add_row(*map(Text, _row(writer, now - since)))
        counts = [f"{len(self._writing):,} written", f"{waiting:,} waiting"]
        counts += [f"{number:,} {how}" for how, number in sorted(self._ended.items())]
        rest = len(self._writing) - shown
        body: list[RenderableType] = [table] if self._writing else []
        if rest > 0:
            body.append(Text(f"and {rest:,} more", style="dim"))
        self._live.update(Group(*body, Text(", ".join(counts), style="bold")), refresh=True)

    def _say(self, line: str) -> None:
        self._console.print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}", markup=False)


def _outcome(writer: Writer) -> tuple[str, str]:
    """How a stream was done with here, and what else there is to say of it."""
    driver, error = writer.driver, writer.error or writer.journal_error
    characters = 0 if driver is None else len(driver.partial.text)
    requests = 0 if driver is None else len(driver.report.attempts)
    more = f"{characters:,} characters, {count(requests, 'request')}, "
    match writer.ended:
        case "complete":
            return "complete", more
        case "cancelled":
            return "stopped", more
        case "failed":
            return "failed", more + (f"{explain(error)}, " if error is not None else "")
        case None if writer.lost:
            return "taken by another", more
        case None:
            return "left to others", more + (f"{explain(error)}, " if error is not None else "")


def _row(writer: Writer, seconds: float) -> list[str]:
    driver = writer.driver
    if driver is None:
        return [writer.lease.stream_id, "", "", "", f"{seconds:.0f}", "opening"]
    attempts = driver.report.attempts
    last = attempts[-1] if attempts else None
    if last is None:
        now, model = "opening", ""
    else:
        model = printable(last.model)
        is_open = "asking" if last.first_content is None else "writing"
        now = is_open if last.outcome == "open" else f"waiting ({printable(last.outcome)})"
    characters = f"{len(driver.partial.text):,}"
    return [writer.lease.stream_id, model, characters, f"{len(attempts)}", f"{seconds:.0f}", now]
