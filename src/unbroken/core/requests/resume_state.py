"""What was delivered when an attempt died, as far as it decides what is asked next.

It is found out once for each failure, and handed to every question that is asked about it: which form, which route,
what it costs, where the rest joins. The text is joined twice for it, once for the blocks that are sent back and once
to count what was written, whatever is asked and of however many routes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from ..message.blocks import THINKING
from ..message.partial import Partial
from ..models.table import ascii_and_other
from ..wire.counters import INPUT_TOKENS
from .tokens import tokens_of

if TYPE_CHECKING:
    # What joins is imported with the first cut: its expressions take a fifth of the package's import to compile.
    from ..seam.anchor import DeliveredText

__all__ = ["Delivered", "ResumeState"]


class Delivered(Enum):
    """What a partial message is, as far as it decides (the rows of the table in `plan/plan.py`)."""

    COMPLETE = "complete"
    """The model is known to have finished."""
    CALLS = "calls"
    """Whole calls of the caller's own tools: the turn ends with them."""
    NOTHING = "nothing"
    """Nothing that could be gone on from: no visible text, and nothing but text and thinking."""
    TEXT = "text"
    """Text that can be gone on with."""
    RESULTS = "results"
    """Something that is neither text nor thinking, such as a tool's result, with no text behind it."""
    STUCK = "stuck"
    """A block or a delta of a type that this version does not know."""


@dataclass(frozen=True, slots=True)
class ResumeState:
    """What was delivered by the time when it was made; what is delivered or given up later is not in it.

    Attributes:
        delivered: Which row of the law's table it is.
        begun: Whether `message_start` was delivered: an error is then no longer the SDK's own.
        stopped: Whether `message_stop` was delivered.
        acted: Whether any attempt has begun to use a server-side tool that changes things.
        unknown: Whether any attempt has begun a block of a type that this version does not know, delivered or not.
        is_written: Whether all of it is text and thinking, which can be written anew without anything coming twice.
        thought: Whether whole thinking is in it.
        tools_used: The names of the server-side tools that were used.
        content: The blocks that count, as the API has them; they are shared, and must not be changed.
        text: The text that a resume goes on from, with what is found out about it; None where no block has begun.
        characters: How many ASCII characters, and how many others, were written, thinking and all.
        input_tokens: What a resume costs in input: what the opening request did, as the API said, and an estimate of
            the text that is sent back.
    """

    delivered: Delivered = Delivered.NOTHING
    begun: bool = False
    stopped: bool = False
    acted: bool = False
    unknown: bool = False
    is_written: bool = True
    thought: bool = False
    tools_used: frozenset[str | None] = frozenset()
    content: list[dict[str, Any]] = field(default_factory=list)
    text: DeliveredText | None = None
    characters: tuple[int, int] = (0, 0)
    input_tokens: int = 0

    @classmethod
    def of(cls, partial: Partial, *, acted: bool = False, unknown: bool = False) -> ResumeState:
        """The state of a partial message; `acted` and `unknown` are those of the attributes."""
        usage = partial.usage
        told = sum(usage.get(name) or 0 for name in INPUT_TOKENS)
        begun = partial.message is not None
        if not partial.blocks:
            delivered = Delivered.COMPLETE if partial.complete else Delivered.NOTHING
            return cls(delivered, begun, partial.stopped, acted, unknown, input_tokens=told)
        from ..seam.anchor import DeliveredText

        content = partial.content
        text = partial.trailing_text
        return cls(
            delivered=_class_of(partial, text),
            begun=begun,
            stopped=partial.stopped,
            acted=acted,
            unknown=unknown,
            is_written=partial.is_written,
            thought=bool(partial.whole(*THINKING)),
            tools_used=frozenset(block.start.get("name") for block in partial.server_uses),
            content=content,
            text=DeliveredText(text),
            characters=_counted(block.text for block in partial.blocks),
            input_tokens=told + tokens_of(*_counted(block["text"] for block in content if block["type"] == "text")),
        )

    @property
    def is_resumable(self) -> bool:
        """Whether the rest is asked for, and not the request again."""
        return self.delivered in (Delivered.TEXT, Delivered.RESULTS)

    @property
    def trailing_text(self) -> str:
        """The text that a resume goes on from, in characters; empty where there is none."""
        return "" if self.text is None else self.text.text

    @property
    def has_anchor(self) -> bool:
        """Whether some end of its text shows where to join: it is neither too little nor nothing but repetition."""
        return self.text is not None and bool(self.text.anchor().sent)


def _class_of(partial: Partial, trailing_text: str) -> Delivered:
    """Only finished blocks and the open text count (DESIGN, section 3)."""
    if partial.complete:
        return Delivered.COMPLETE
    if partial.whole_calls:
        return Delivered.CALLS
    if partial.has_unknown:
        return Delivered.STUCK
    if trailing_text.strip():
        return Delivered.TEXT
    return Delivered.NOTHING if partial.is_written else Delivered.RESULTS


def _counted(texts: Iterable[str]) -> tuple[int, int]:
    """How many ASCII characters there are, and how many others."""
    counts = [ascii_and_other(text) for text in texts]
    return sum(ascii_only for ascii_only, _ in counts), sum(other for _, other in counts)
