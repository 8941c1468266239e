"""How `unbroken doctor` shows what it finds: a line for each step as it goes, and at the end what to make of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.status import Status
from rich.text import Text

from ..problems import count
from .bisection import Bisected, BisectionStep, Estimate
from .checks import Check, Outcome
from .verdict import Verdict

__all__ = ["Shower", "money"]

_SIGNS: Final[dict[Outcome, tuple[str, str]]] = {
    "ok": ("✓", "bold green"),
    "warning": ("!", "bold yellow"),
    "problem": ("✗", "bold red"),
    "skipped": ("–", "dim"),
}
#: The width of the steps' names.
_NAMES: Final = 11
#: The least width of the text beside them.
_NARROWEST: Final = 30


class Shower:
    """Writes to a console, which may be no terminal.

    Args:
        console: Where to; standard error where standard output has the JSON.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._least: int | None = None

    @contextmanager
    def busy(self, doing: str) -> Iterator[None]:
        """In a terminal, what is being done, with something that turns; nothing stays of it."""
        if not self._console.is_terminal:
            yield
            return
        with self._console.status(Text(doing, "dim"), spinner="dots") as self._status:
            yield
        self._status = None

    def check(self, check: Check) -> None:
        """One step."""
        sign, style = _SIGNS[check.outcome]
        quiet = "dim" if check.outcome == "skipped" else ""
        text = Text(_printable(check.summary), quiet)
        for detail in check.details:
            text.append(f"\n{_printable(detail)}", "dim")
        self._row((sign, style), check.name, text)

    def estimate(self, found: Estimate) -> None:
        """What a search may take, before it begins."""
        usual, most = (f" ({money(cost)})" if cost is not None else "" for cost in (found.usual_cost, found.most_cost))
        text = f"{found.pieces} parts: usually {count(found.usual, 'request')}{usual}, at most {found.most}{most}"
        if found.usual_cost is None:
            text += "; the price of this model is not known"
        self._row(("·", "dim"), "bisect", Text(text))

    def trial(self, trial: BisectionStep) -> None:
        """One request of the search: a line whenever the part that fails has become smaller."""
        candidate = trial.candidate
        parts = f"{candidate.kept} of {candidate.pieces} parts"
        if self._status is not None:
            self._status.update(Text(f"request {candidate.number}: {parts}", "dim"))
        if trial.outcome == "fails" and (self._least is None or candidate.kept < self._least):
            self._least = candidate.kept
            self._row(("", ""), "", Text(f"{candidate.number:>3}. {parts} still fail", "dim"))

    def bisected(self, found: Bisected) -> None:
        """How the search went; what it has found is in the verdict."""
        known = found.shrunk.verdict in ("found", "length")
        cost = "" if found.cost is None else f", {money(found.cost)} at most"
        text = f"{'found' if known else 'over'} after {count(found.sent, 'request')}{cost}"
        if found.stopped:
            text += f"; ended early: {found.stopped}"
        self._row(("✓", "bold green") if known else ("!", "bold yellow"), "bisect", Text(text))

    def verdict(self, found: Verdict) -> None:
        """What to make of all of it, and what to do."""
        self._console.print()
        self._hang(Text(), Text(_printable(found.summary), "bold green" if found.healthy else "bold red"))
        for step in found.next_steps:
            self._hang(Text(" → "), Text(_printable(step)))
        if found.request_ids and not found.healthy:
            self._console.print()
            self._console.print(Text(f"Request ids, for support: {_printable(', '.join(found.request_ids))}", "dim"))

    def note(self, text: str) -> None:
        """Something beside."""
        self._console.print(Text(_printable(text), "dim"))

    def _row(self, sign: tuple[str, str], name: str, text: Text) -> None:
        """A sign, a name, and text in a column of its own."""
        self._hang(Text.assemble((f"{sign[0]:1} ", sign[1]), (f"{name:{_NAMES}} ", "bold")), text)

    def _hang(self, head: Text, text: Text) -> None:
        """Text whose further lines stand below its first; nothing is padded."""
        for line in text.wrap(self._console, max(_NARROWEST, self._console.width - len(head))):
            line.rstrip()
            self._console.print(Text.assemble(head, line), soft_wrap=True)
            head = Text(" " * len(head))


def _printable(text: str) -> str:
    """Without what would speak to the terminal: names are from a file, and ids from a server."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def money(dollars: float) -> str:
    """About how much: `$0.12`, `less than $0.01`."""
    return "less than $0.01" if dollars < 0.01 else f"about ${dollars:,.2f}"
