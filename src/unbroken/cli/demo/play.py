"""What the demo performs: an act, by whoever stands side by side in it; and how a play of such acts is told of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass

from rich.text import Text

from .sides import Side, Tell
from .story import Act

__all__ = ["Performance", "Play"]


class Performance:
    """One act, being performed.

    Args:
        act: What happens.
        number: From 1.
        of: How many acts there are.
        names: Whose streams stand side by side; `unbroken` is the last.
        tell: Called with each happening of any of them.

    Attributes:
        sides: Their streams.
    """

    def __init__(self, act: Act, number: int, of: int, names: Sequence[str], tell: Tell) -> None:
        self.act = act
        self.number = number
        self.of = of
        self.sides: tuple[Side, ...] = tuple(Side(name, act.truth, tell) for name in names)

    @property
    def ours(self) -> Side:
        """The stream of `unbroken`."""
        return self.sides[-1]

    @property
    def whole(self) -> bool:
        """Whether `unbroken` was exact."""
        return self.ours.whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """A kind of demo: several acts that are performed and told of in the same way.

    Attributes:
        acts: What happens, one after the other.
        names: Whose streams stand side by side; `unbroken` is the last.
        perform: Performs an act.
        title: What the saved picture is about.
        summary: How one of the streams went, in one sentence without its subject.
        heads: Of the score, which has a row for each act.
        cells: Such a row.
        score: What is said at the end, if there was more than one act.
        backstage: What goes on behind the acts, from before the first to behind the last.
        left_out: What this system cannot show, in one sentence; empty: it shows everything.
    """

    acts: Sequence[Act]
    names: Sequence[str]
    perform: Callable[[Performance], Awaitable[None]]
    title: str
    summary: Callable[[Side], str]
    heads: Sequence[str]
    cells: Callable[[Performance], Sequence[str | Text]]
    score: Callable[[Sequence[Performance]], str]
    backstage: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    left_out: str = ""
