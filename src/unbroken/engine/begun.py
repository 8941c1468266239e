"""What a stream begins with that others have begun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..core.message.partial import Partial
from ..core.wire.counters import INPUT_TOKENS
from ..report import AttemptReport, Notice

__all__ = ["Begun"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A message that was begun, and how.

    Attributes:
        partial: What was delivered of it. It grows from now on.
        acted: Whether any attempt has begun to use a server-side tool that may change something.
        unknown: Whether any attempt has brought a block of a type that this version does not know.
        cut: Whether a request was out whose end nobody has seen: where its tools may act, it may have acted.
        thinker: The model that has written the last whole thinking; None: none is known.
        attempts: Every request that was made, in order.
        notices: What was told on the way.
    """

    partial: Partial = field(default_factory=Partial)
    acted: bool = False
    unknown: bool = False
    cut: bool = False
    thinker: str | None = None
    attempts: Sequence[AttemptReport] = ()
    notices: Sequence[Notice] = ()

    @property
    def resumes(self) -> int:
        """How often the rest was asked for; a race counts once."""
        return sum(attempt.form != "request" and not attempt.hedge for attempt in self.attempts)

    @property
    def extra_input(self) -> int:
        """What that has cost in input, in tokens: as the API said, and else as it was estimated."""
        asked = [attempt for attempt in self.attempts if attempt.form != "request"]
        told = [[getattr(attempt, name) or 0 for name in INPUT_TOKENS] for attempt in asked]
        return sum(sum(each) or attempt.estimated_input_tokens or 0 for each, attempt in zip(told, asked, strict=True))
