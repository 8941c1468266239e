"""The message as far as the reader has taken it, without a second copy of its text."""

from __future__ import annotations

from collections.abc import Iterable

from ..core.message.partial import Block, Partial
from ..core.wire.decoded import Event
from ..core.wire.deltas import Delta

__all__ = ["Consumed"]


class Consumed:
    """Follows a reader of text alone, so that the message so far can be made when the caller asks for it.

    Deltas are not kept: they stand in what has arrived, and all of them were taken but for those that still wait.

    Args:
        partial: All that has arrived.
        before: What of it was there before the reader's first event. None: nothing.
    """

    def __init__(self, partial: Partial, before: Partial | None = None) -> None:
        self._partial = partial
        self._outline = Partial()  # without deltas
        for event in () if before is None else before.events():
            if not isinstance(event, Delta):
                self._outline.apply(event)

    def note(self, event: Event) -> None:
        """The reader has taken an event, which is no delta."""
        self._outline.apply(event)

    def partial(self, waiting: Iterable[Event]) -> Partial:
        """The message as far as it was taken.

        Args:
            waiting: The events that have arrived and were not taken.
        """
        rest = Partial(blocks=[Block(block.start) for block in self._partial.blocks])
        for event in waiting:
            if isinstance(event, Delta):
                rest.apply(event)
        taken = self._outline
        taken.blocks = [
            _without(partial, left, closed=seen.closed)
            for partial, left, seen in zip(self._partial.blocks, rest.blocks, taken.blocks, strict=False)
        ]
        return taken


def _without(partial: Block, rest: Block, *, closed: bool) -> Block:
    """A block as it was before the deltas in `rest`."""
    grown, left = "".join(partial.pieces), "".join(rest.pieces)
    return Block(
        start=partial.start,
        pieces=[grown[: len(grown) - len(left)]],
        signature=partial.signature if rest.signature is None else None,
        citations=partial.citations[: len(partial.citations) - len(rest.citations)],
        deltas=partial.deltas[: len(partial.deltas) - len(rest.deltas)],
        closed=closed,
    )
